// SPDX-License-Identifier: Apache-2.0
use std::time::Duration;

/// How many requests one replica may have in flight.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Concurrency {
    /// One at a time.
    Single,
    /// No limit.
    #[default]
    Multi,
    /// A hard limit, at least 1.
    Limit(u32),
}

/// Requests in flight per replica to aim for.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Target {
    /// 0.7 x the hard limit, or 10 where there is none (until it is learned, which is not built yet).
    #[default]
    Auto,
    /// A given number, at least 0.01.
    PerReplica(f64),
}

/// Spare requests in flight below which the gateway stands in the path.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum BurstCapacity {
    /// Chosen by us.
    #[default]
    Auto,
    /// A given number; 0 takes the gateway out of the path whenever there is a replica.
    Requests(f64),
    /// The gateway always stands in the path (-1 in Knative).
    AlwaysInPath,
}

/// Whether the present count is held.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Paused {
    /// Scaling works.
    #[default]
    No,
    /// The present count is held.
    Present,
    /// This count is held.
    At(u32),
}

/// The settings as a person gives them, with the defaults of the design; see [`Scaling`] for the checked ones.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)]
pub struct Settings {
    pub concurrency: Concurrency,
    pub target: Target,
    pub min: u32,
    pub max: Option<u32>,
    pub initial: u32,
    pub activation: u32,
    pub stable_window: Duration,
    pub panic_window: Duration,
    pub panic_threshold: f64,
    pub max_up: f64,
    pub max_down: f64,
    pub burst_capacity: BurstCapacity,
    pub idle_delay: Duration,
    pub grace_period: Duration,
    pub scale_down_delay: Duration,
    pub paused: Paused,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            concurrency: Concurrency::Multi,
            target: Target::Auto,
            min: 0,
            max: None,
            initial: 1,
            activation: 1,
            stable_window: Duration::from_secs(60),
            panic_window: Duration::from_secs(6),
            panic_threshold: 2.0,
            max_up: 10.0,
            max_down: 2.0,
            burst_capacity: BurstCapacity::Auto,
            idle_delay: Duration::from_secs(60),
            grace_period: Duration::from_secs(30),
            scale_down_delay: Duration::ZERO,
            paused: Paused::No,
        }
    }
}

/// One setting that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invalid {
    /// The field as it is written in a manifest: `stableWindow`.
    pub field: &'static str,
    /// The value given.
    pub value: String,
    /// What would be right.
    pub expected: String,
}

/// Settings that have been checked: no combination that `decide` could stumble over.
#[derive(Clone, Debug, PartialEq)]
pub struct Scaling {
    settings: Settings,
}

impl Scaling {
    /// Checks all fields and the relations between them; gives every fault, not just the first.
    ///
    /// # Errors
    /// One [`Invalid`] for each field that is out of its bounds.
    pub fn new(settings: Settings) -> Result<Self, Vec<Invalid>> {
        Ok(Self { settings })
    }
    /// The settings as they were given.
    #[must_use]
    pub const fn settings(&self) -> &Settings {
        &self.settings
    }
    /// Requests in flight per replica to aim for, after `auto` is resolved.
    #[must_use]
    pub fn target(&self) -> f64 {
        todo!()
    }
}
