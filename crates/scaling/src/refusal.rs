// SPDX-License-Identifier: Apache-2.0
use serde::{Deserialize, Serialize, Serializer};

/// Why a report, averages in place of reports, or the reading of a signal was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Refusal {
    /// NaN or infinite.
    NotFinite,
    /// Negative, or an interval of no length.
    Negative,
    /// Beyond what any replica can have seen.
    TooLarge,
    /// Ends after its arrival.
    Future,
    /// Ends before the stable window begins; a reading: of a time after which its signal counts as gone.
    TooOld,
    /// Already counted, or so far behind the newest sequence (64) that this cannot be told; a reading: older than the one
    /// that is known.
    Duplicate,
    /// More replicas reported than are kept apart.
    TooManyReplicas,
    /// A reading of a signal that the settings do not have.
    UnknownSignal,
}

impl Refusal {
    /// All of them, in order.
    pub const ALL: [Self; 8] = [
        Self::NotFinite,
        Self::Negative,
        Self::TooLarge,
        Self::Future,
        Self::TooOld,
        Self::Duplicate,
        Self::TooManyReplicas,
        Self::UnknownSignal,
    ];
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::NotFinite => "NaN or infinite",
            Self::Negative => "negative, or an interval of no length",
            Self::TooLarge => "larger than any replica can have seen",
            Self::Future => "ends after its arrival",
            Self::TooOld => "ends before the stable window begins",
            Self::Duplicate => "already counted",
            Self::TooManyReplicas => "more replicas than are kept apart",
            Self::UnknownSignal => "of a signal that the settings do not have",
        })
    }
}

impl std::error::Error for Refusal {}

/// How many reports and readings were refused, by reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RefusedCounts {
    counts: [u64; Refusal::ALL.len()],
}

impl RefusedCounts {
    /// Refused for this reason.
    #[must_use]
    pub const fn get(&self, refusal: Refusal) -> u64 {
        self.counts[refusal as usize]
    }
    /// Refused for any reason.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.counts
            .iter()
            .fold(0, |sum, count| sum.saturating_add(*count))
    }
    /// Every reason with its count, also those of 0.
    pub fn iter(&self) -> impl Iterator<Item = (Refusal, u64)> + '_ {
        Refusal::ALL
            .into_iter()
            .map(|refusal| (refusal, self.get(refusal)))
    }
    pub(crate) fn count(&mut self, refusal: Refusal) {
        let count = &mut self.counts[refusal as usize];
        *count = count.saturating_add(1);
    }
}

/// A map from each reason to its count: `{"notFinite":0,"negative":2,...}`.
impl Serialize for RefusedCounts {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_by_reason() {
        let mut counts = RefusedCounts::default();
        for refusal in Refusal::ALL {
            counts.count(refusal);
        }
        counts.count(Refusal::TooOld);
        assert_eq!(counts.get(Refusal::TooOld), 2);
        assert_eq!(counts.total(), 9);
        assert_eq!(
            serde_json::to_string(&counts).unwrap(),
            r#"{"notFinite":1,"negative":1,"tooLarge":1,"future":1,"tooOld":2,"duplicate":1,"tooManyReplicas":1,"unknownSignal":1}"#
        );
    }
}
