// SPDX-License-Identifier: Apache-2.0
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::curve::{Bin, Curve};
use crate::LearnedLoad;

/// What was learned of a revision, as it is kept over a restart: a few KB of JSON at most.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Memory {
    version: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    target: Option<LearnedTarget>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    load: Option<LearnedLoad>,
}

/// What was learned of the target: at most about 2 KB of JSON.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LearnedTarget {
    /// Requests in flight per replica to aim for.
    requests: f64,
    /// Seconds of data.
    seconds: f64,
    /// The most requests in flight that count as seen, as a logarithm.
    top: f64,
    /// What is known of each range of requests in flight, those of which nothing is known left out.
    curve: Vec<(u8, f32, f32, [f32; 3])>,
}

/// Why what was remembered is of no use: it is forgotten, and learning begins afresh.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Forgotten {
    /// It was written by another version.
    Version(u32),
    /// It is older than [`Memory::LONGEST`].
    Old(Duration),
    /// It holds what cannot have been learned.
    Corrupt,
}

impl std::fmt::Display for Forgotten {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Version(version) => write!(
                f,
                "it is of version {version}, should be {}",
                Memory::VERSION
            ),
            Self::Old(age) => write!(
                f,
                "it is {} days old, should be at most {}",
                age.as_secs() / Memory::DAY,
                Memory::LONGEST.as_secs() / Memory::DAY
            ),
            Self::Corrupt => f.write_str("it holds what cannot have been learned"),
        }
    }
}

impl Memory {
    /// The version that is written, and the only one that is read.
    pub const VERSION: u32 = 1;
    /// What is older is forgotten.
    pub const LONGEST: Duration = Duration::from_secs(30 * Self::DAY);
    const DAY: u64 = 24 * 3600;
    /// After so long what was learned weighs half.
    const HALF: f64 = 7.0 * Self::DAY as f64;

    pub(crate) fn of(target: Option<LearnedTarget>, load: Option<LearnedLoad>) -> Option<Self> {
        let version = Self::VERSION;
        (target.is_some() || load.is_some()).then_some(Self {
            version,
            target,
            load,
        })
    }

    /// What was learned of the target, if anything.
    #[must_use]
    pub const fn target(&self) -> Option<&LearnedTarget> {
        self.target.as_ref()
    }
    pub(crate) const fn load(&self) -> Option<&LearnedLoad> {
        self.load.as_ref()
    }

    pub(crate) fn check(&self, age: Duration) -> Result<(), Forgotten> {
        if self.version != Self::VERSION {
            return Err(Forgotten::Version(self.version));
        }
        if age > Self::LONGEST {
            return Err(Forgotten::Old(age));
        }
        Ok(())
    }
}

impl LearnedTarget {
    /// Requests in flight per replica to aim for.
    #[must_use]
    pub const fn requests(&self) -> f64 {
        self.requests
    }
    pub(crate) const fn seconds(&self) -> f64 {
        self.seconds
    }

    pub(crate) fn of(requests: f64, seconds: f64, curve: &Curve) -> Self {
        let (bins, top) = curve.parts();
        let known = (0_u8..).zip(bins).filter(|(_, bin)| bin.busier > 0.0);
        Self {
            requests,
            seconds,
            top,
            curve: known
                .map(|(place, bin)| (place, bin.slower, bin.busier, bin.squares))
                .collect(),
        }
    }

    pub(crate) fn curve(&self, age: Duration) -> Result<Curve, Forgotten> {
        let fine = |value: f64| value.is_finite() && value.abs() < 1e6;
        let mut bins = [Bin::default(); Curve::BINS];
        let mut right = fine(self.top)
            && fine(self.requests)
            && self.requests > 0.0
            && self.seconds.is_finite()
            && (0.0..=1e9).contains(&self.seconds)
            && self.curve.len() <= Curve::BINS;
        for (place, slower, busier, squares) in &self.curve {
            let sums = [*slower, *busier, squares[0], squares[1], squares[2]];
            right &= sums.iter().all(|sum| fine(f64::from(*sum)));
            right &= squares[0] >= 0.0 && squares[2] >= 0.0;
            match bins.get_mut(usize::from(*place)) {
                Some(bin) => {
                    *bin = Bin {
                        slower: *slower,
                        busier: *busier,
                        squares: *squares,
                    };
                }
                None => right = false,
            }
        }
        if !right {
            return Err(Forgotten::Corrupt);
        }
        let share = 1.0 / (1.0 + age.as_secs_f64() / Memory::HALF);
        Ok(Curve::recalled(bins, self.top, share as f32))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learn::panel::Change;

    fn memory() -> LearnedTarget {
        let mut curve = Curve::default();
        for _ in 0..10 {
            for (from, to) in [(0.0, 1.5), (1.5, 0.0)] {
                let rate = 0.6 * (to - from);
                let (noise, full) = (0.0, false);
                curve.learn(Change {
                    from,
                    to,
                    rate,
                    noise,
                    full,
                });
            }
        }
        LearnedTarget::of(4.0, 600.0, &curve)
    }

    #[test]
    fn it_survives_the_way_there_and_back() {
        let memory = memory();
        let text = serde_json::to_string(&memory).unwrap();
        let read: LearnedTarget = serde_json::from_str(&text).unwrap();
        assert_eq!(read, memory);
        let (fresh, old) = (
            read.curve(Duration::ZERO).unwrap(),
            read.curve(Duration::from_secs(7 * 86_400)).unwrap(),
        );
        assert_eq!(LearnedTarget::of(4.0, 600.0, &fresh), memory);
        let weight = |curve: &Curve| curve.parts().0.iter().map(|bin| bin.busier).sum::<f32>();
        assert!((weight(&old) / weight(&fresh) - 0.5).abs() < 1e-3);
    }

    #[test]
    fn it_is_small() {
        let mut whole = memory();
        whole.curve = (0..24)
            .map(|place| (place, 0.123_456_79, 3.456_789, [0.123_456_79; 3]))
            .collect();
        let size = serde_json::to_string(&whole).unwrap().len();
        assert!(size < 2048, "{size}");
    }

    #[test]
    fn what_cannot_have_been_learned_is_forgotten() {
        let wrong = |change: fn(&mut LearnedTarget)| {
            let mut memory = memory();
            change(&mut memory);
            memory.curve(Duration::ZERO).err()
        };
        assert_eq!(wrong(|_| ()), None);
        for change in [
            (|memory| memory.requests = f64::NAN) as fn(&mut LearnedTarget),
            |memory| memory.requests = -1.0,
            |memory| memory.seconds = -1.0,
            |memory| memory.top = f64::INFINITY,
            |memory| memory.curve[0].0 = 24,
            |memory| memory.curve[0].1 = f32::NAN,
            |memory| memory.curve[0].3[2] = -1.0,
        ] {
            assert_eq!(wrong(change), Some(Forgotten::Corrupt));
        }
        let mut whole = Memory::of(Some(memory()), None).unwrap();
        assert_eq!(whole.check(Duration::ZERO), Ok(()));
        let old = Duration::from_secs(31 * 86_400);
        assert_eq!(whole.check(old), Err(Forgotten::Old(old)));
        whole.version = 2;
        assert_eq!(whole.check(Duration::ZERO), Err(Forgotten::Version(2)));
    }
}
