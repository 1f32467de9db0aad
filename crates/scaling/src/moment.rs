// SPDX-License-Identifier: Apache-2.0
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A point in time: whole microseconds since an origin that the caller chooses (the start of the
/// process, the first line of a recording). As text and in JSON it is seconds, `30.0`; every value
/// below 2^51 microseconds (71 years) survives the way there and back to the bit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Moment(u64);

impl Moment {
    /// The origin.
    pub const ZERO: Self = Self(0);
    /// From microseconds since the origin.
    #[must_use]
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros)
    }
    /// Microseconds since the origin.
    #[must_use]
    pub const fn as_micros(self) -> u64 {
        self.0
    }
    /// Seconds since the origin.
    #[must_use]
    #[allow(clippy::cast_precision_loss)]
    pub fn as_seconds(self) -> f64 {
        self.0 as f64 / 1e6
    }
    /// How long ago `earlier` was; zero if it is not earlier.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }
    /// This moment and a duration later (saturating).
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        Self(
            self.0
                .saturating_add(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)),
        )
    }
    /// This moment and a duration earlier, the origin at the earliest.
    #[must_use]
    pub fn minus(self, duration: Duration) -> Self {
        Self(
            self.0
                .saturating_sub(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)),
        )
    }
}

impl From<Moment> for f64 {
    fn from(moment: Moment) -> Self {
        moment.as_seconds()
    }
}

impl TryFrom<f64> for Moment {
    type Error = String;
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    fn try_from(seconds: f64) -> Result<Self, String> {
        if seconds.is_finite() && (0.0..2_251_799_813.0).contains(&seconds) {
            Ok(Self((seconds * 1e6).round() as u64))
        } else {
            Err(format!(
                "{seconds} is no time: seconds from 0 to 2251799813"
            ))
        }
    }
}
