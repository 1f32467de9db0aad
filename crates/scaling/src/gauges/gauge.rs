// SPDX-License-Identifier: Apache-2.0
use std::{ops::Deref, sync::Arc, time::Duration};

/// A signal that is no request in flight, and how many replicas a value of it asks for.
#[derive(Clone, Debug, PartialEq)]
pub struct Gauge {
    /// What it is called: a DNS label, once in a list.
    pub name: String,
    /// What one replica is meant for.
    pub aim: Aim,
    /// At or below it no replica is asked for.
    pub activation: Option<f64>,
    /// How often it is read; 1 s to 1 h.
    pub interval: Duration,
    /// Where it is read.
    pub measured: Measured,
}

/// What one replica is meant for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Aim {
    /// The value is of all together, and one replica is meant for so much of it: a queue's length.
    Each(f64),
    /// The value is the mean of the replicas that are ready, and should be so much: the CPU.
    Mean(f64),
}

/// Where a gauge is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Measured {
    /// Somewhere else: it is known while there is no replica, and can ask for the first one.
    #[default]
    Elsewhere,
    /// At the replicas: without one there is nothing to read and nothing to ask for.
    AtReplicas,
}

impl Gauge {
    /// Most gauges of one revision.
    pub const MOST: usize = 8;
    /// Longest name, in bytes.
    pub const NAME_BYTES: usize = 63;
    /// How often one is read, where nothing is said.
    pub const INTERVAL: Duration = Duration::from_secs(15);
    /// How far a mean may be off its target before the count follows, as a share of the target.
    pub const TOLERANCE: f64 = 0.1;
    /// A signal that is not read for three intervals has gone, and never sooner than this.
    pub const LEAST_STALE: Duration = Duration::from_secs(60);

    /// How old a reading may be before the signal has gone.
    #[must_use]
    pub fn stale_after(&self) -> Duration {
        (self.interval * 3).max(Self::LEAST_STALE)
    }
}

impl Aim {
    /// The value that one replica is meant for.
    #[must_use]
    pub const fn value(self) -> f64 {
        match self {
            Self::Each(value) | Self::Mean(value) => value,
        }
    }
}

/// The gauges of one revision. Cheap to clone: settings are cloned with each decision.
#[derive(Clone, Debug, Default)]
pub struct Gauges(Option<Arc<[Gauge]>>);

impl Deref for Gauges {
    type Target = [Gauge];

    fn deref(&self) -> &[Gauge] {
        self.0.as_deref().unwrap_or_default()
    }
}

impl FromIterator<Gauge> for Gauges {
    fn from_iter<I: IntoIterator<Item = Gauge>>(gauges: I) -> Self {
        let gauges: Vec<_> = gauges.into_iter().collect();
        Self((!gauges.is_empty()).then(|| gauges.into()))
    }
}

impl PartialEq for Gauges {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}
