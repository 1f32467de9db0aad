// SPDX-License-Identifier: Apache-2.0
use std::time::Duration;

use crate::Gauges;

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
    /// Learned; until then 0.7 x the hard limit, or 10 where there is none.
    #[default]
    Auto,
    /// A given number, at least 0.01.
    PerReplica(f64),
}

/// A latency that requests should keep: that share of them, in that time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Objective {
    /// Which share of them.
    pub percentile: Percentile,
    /// In which time, waiting in the replica's line included; 1 ms to 1 h.
    pub within: Duration,
}

impl Objective {
    /// Without an objective: how many times the latency of a request that is alone the mean latency may be.
    pub const BUDGET: f64 = 1.5;
}

/// A share of all requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Percentile {
    /// Half of them.
    P50,
    /// Nine of ten.
    P90,
    /// Nineteen of twenty.
    P95,
    /// All but one of a hundred.
    P99,
}

impl Percentile {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::P50, Self::P90, Self::P95, Self::P99];

    /// As it is written in a manifest: `p95`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::P50 => "p50",
            Self::P90 => "p90",
            Self::P95 => "p95",
            Self::P99 => "p99",
        }
    }
    /// The share, from 0 to 1.
    #[must_use]
    pub const fn share(self) -> f64 {
        match self {
            Self::P50 => 0.5,
            Self::P90 => 0.9,
            Self::P95 => 0.95,
            Self::P99 => 0.99,
        }
    }
}

/// Spare requests in flight below which the gateway stands in the path.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum BurstCapacity {
    /// [`BurstCapacity::AUTO_REQUESTS`].
    #[default]
    Auto,
    /// A given number; 0 takes the gateway out of the path whenever there is a replica.
    Requests(f64),
    /// The gateway always stands in the path (-1 in Knative).
    AlwaysInPath,
}

impl BurstCapacity {
    /// What `auto` stands for: 200 requests, as in Knative, until it is learned.
    pub const AUTO_REQUESTS: f64 = 200.0;
}

/// How the load becomes a count of replicas.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Policy {
    /// Two windows, a fixed share of each replica, a threshold for bursts, and delays of fixed length.
    StablePanic,
    /// Spare capacity by how much the load varies and how long a replica takes to start; delays by what
    /// waiting and idling cost.
    #[default]
    Auto,
}

/// How long something waits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Delay {
    /// As the policy has it: the classic length, or one that is learned.
    #[default]
    Auto,
    /// A given length.
    Given(Duration),
}

impl Delay {
    /// The given length, or another where there is none.
    #[must_use]
    pub fn or(self, auto: Duration) -> Duration {
        match self {
            Self::Auto => auto,
            Self::Given(given) => given,
        }
    }
}

impl From<Duration> for Delay {
    fn from(given: Duration) -> Self {
        Self::Given(given)
    }
}

/// Whether the present count is held.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Paused {
    /// Scaling works.
    #[default]
    No,
    /// The count that was present when the pause began is held.
    Present,
    /// This count is held.
    At(u32),
}

/// The settings as a person gives them, with the defaults of the design; see [`crate::Scaling`] for the checked ones.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// How many requests one replica may have in flight.
    pub concurrency: Concurrency,
    /// How the load becomes a count of replicas.
    pub policy: Policy,
    /// What a wait is worth against a replica that idles, from 0: never wait, to 1: as cheap as can be. For
    /// [`Policy::Auto`].
    pub thrift: f64,
    /// Requests in flight per replica to aim for.
    pub target: Target,
    /// What the learned target keeps to, in place of [`Objective::BUDGET`]. Only with [`Target::Auto`].
    pub latency: Option<Objective>,
    /// Least replicas.
    pub min: u32,
    /// Most replicas; `None`: as many as the platform has.
    pub max: Option<u32>,
    /// Least replicas of a new revision until it has had that many ready once, or a stable window has passed.
    pub initial: u32,
    /// Least replicas whenever it is not zero.
    pub activation: u32,
    /// The window of the calm average; 1 s to 1 h.
    pub stable_window: Duration,
    /// The window of the quick average; 1 s to the stable window.
    pub panic_window: Duration,
    /// Panic begins at so many times the load that the ready replicas are meant for; at least 1.
    pub panic_threshold: f64,
    /// Most times the ready replicas that one decision may ask for; above 1.
    pub max_up: f64,
    /// Most times by which one decision may divide the present scale; above 1. A huge number is no limit.
    pub max_down: f64,
    /// Spare requests in flight below which the gateway stands in the path.
    pub burst_capacity: BurstCapacity,
    /// From the last request to zero.
    pub idle_delay: Delay,
    /// How long the last replica stays after the gateway is known to be in the path.
    pub grace_period: Duration,
    /// Every step down waits so long: the largest wish within it holds.
    pub scale_down_delay: Delay,
    /// Whether the present count is held.
    pub paused: Paused,
    /// Whether requests are counted: where they are not, the gauges alone tell the load, and no report is missed.
    pub requests: bool,
    /// Signals that are no requests in flight; [`crate::Gauge::MOST`] at most.
    pub gauges: Gauges,
}

impl Settings {
    /// The defaults with [`Policy::StablePanic`]: what settings meant that were written down before there was a choice.
    #[must_use]
    pub fn classic() -> Self {
        Self {
            policy: Policy::StablePanic,
            ..Self::default()
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            concurrency: Concurrency::Multi,
            policy: Policy::Auto,
            thrift: 0.5,
            target: Target::Auto,
            latency: None,
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
            idle_delay: Delay::Auto,
            grace_period: Duration::from_secs(30),
            scale_down_delay: Delay::Auto,
            paused: Paused::No,
            requests: true,
            gauges: Gauges::default(),
        }
    }
}
