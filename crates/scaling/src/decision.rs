// SPDX-License-Identifier: Apache-2.0
use std::time::Duration;

use serde::{Deserialize, Serialize, Serializer, ser::SerializeStruct};

use crate::{
    Learned, Moment,
    capacity::{Ahead, Kept, Spare},
    gauges::{Label, Leading},
};

/// Which average rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Mode {
    /// The average over the stable window.
    Stable,
    /// The larger of the averages over both windows; the count never falls.
    Panic,
}

/// What kept the count from what was wanted, in the order of the pipeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Bound {
    /// At most `maxUp` times the ready replicas in one decision.
    MaxUp,
    /// At most divided by `maxDown` in one decision.
    MaxDown,
    /// Nothing is lowered in panic.
    PanicNeverFalls,
    /// The next request is expected.
    Ahead,
    /// A larger wish within the scale-down delay holds.
    ScaleDownDelay,
    /// A signal asked for more so recently that it holds.
    Signal,
    /// The last request is not long enough ago to go to zero.
    IdleDelay,
    /// The gateway does not stand in the path for long enough to go to zero.
    GracePeriod,
    /// The least that there is whenever it is not zero.
    Activation,
    /// Replicas that work in the background stay.
    Busy,
    /// A signal was never read: nothing is lowered.
    Unread,
    /// Replicas that ought to report are silent: nothing is lowered.
    MissingData,
    /// No one has reported: the present scale is held.
    NoData,
    /// The least of a new revision.
    Initial,
    /// The least of a schedule that is on.
    Schedule,
    /// A person holds the count.
    Paused,
    /// The least.
    Min,
    /// The most.
    Max,
}

impl Bound {
    /// All of them, in the order of the pipeline.
    pub const ALL: [Self; 18] = [
        Self::MaxUp,
        Self::MaxDown,
        Self::PanicNeverFalls,
        Self::Ahead,
        Self::ScaleDownDelay,
        Self::Signal,
        Self::IdleDelay,
        Self::GracePeriod,
        Self::Activation,
        Self::Busy,
        Self::Unread,
        Self::MissingData,
        Self::NoData,
        Self::Initial,
        Self::Schedule,
        Self::Paused,
        Self::Min,
        Self::Max,
    ];
}

/// A set of [`Bound`]s.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Bounds(u32);

impl Bounds {
    pub(crate) const fn insert(&mut self, bound: Bound) {
        self.0 |= 1 << bound as u32;
    }
    pub(crate) const fn contains(self, bound: Bound) -> bool {
        self.0 & 1 << bound as u32 != 0
    }
}

/// How many replicas there should be, and why. Small and `Copy`; the sentence is made when asked for.
///
/// As JSON it is a flat object with every field, the bounds that held it, and the sentence as `why`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Decision {
    /// When it was made.
    pub at: Moment,
    /// How many replicas; always within `min` and `max`.
    pub replicas: u32,
    /// False: no one has told anything, and the present scale is held (within `min` and `max`).
    pub decided: bool,
    /// Which average ruled.
    pub mode: Mode,
    /// What one more burst may bring before the replicas are full, in requests in flight:
    /// floor(ready x capacity - burst capacity - panic average), where capacity is the hard limit or
    /// target / 0.75. 0 with a burst capacity of 0, -1 when the gateway always stands in the path.
    pub spare_capacity: i64,
    /// Replicas at the decision: ready and starting.
    pub present: u32,
    /// Replicas that answer requests.
    pub ready: u32,
    /// Total concurrency, averaged over the stable window.
    pub stable: f64,
    /// Total concurrency, averaged over the panic window.
    pub panic: f64,
    /// Requests held by the gateway.
    pub held: u64,
    /// Requests in flight and held right now, where a burst showed.
    pub burst: Option<f64>,
    /// Requests in flight per replica to aim for.
    pub target: f64,
    /// What the demand alone would have.
    pub wanted: u32,
    pub(crate) bounds: Bounds,
    pub(crate) reasons: Reasons,
}

/// What else the sentence tells.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Reasons {
    /// What is known of a target that is not given.
    pub(crate) learned: Option<Learned>,
    /// With [`crate::Policy::Auto`]: what the load may become.
    pub(crate) spare: Option<Spare>,
    /// Replicas that are worth keeping.
    pub(crate) kept: Option<Kept>,
    /// A replica for the next request.
    pub(crate) ahead: Option<Ahead>,
    /// Whether requests are counted at all.
    pub(crate) requests: bool,
    /// Whether everybody who ought to report has.
    pub(crate) whole: bool,
    /// The gauge that asks for more than the requests do.
    pub(crate) signal: Option<Leading>,
    /// A gauge that was never read.
    pub(crate) unread: Option<Label>,
    /// How long what the gauges asked for still holds.
    pub(crate) signal_remains: Duration,
    pub(crate) busy: u32,
    /// The schedule that is on, and its least.
    pub(crate) schedule: Option<(Label, u32)>,
    pub(crate) stable_window: Duration,
    pub(crate) panic_window: Duration,
    pub(crate) max_up: f64,
    pub(crate) max_down: f64,
    pub(crate) min: u32,
    pub(crate) max: Option<u32>,
    pub(crate) initial: u32,
    pub(crate) activation: u32,
    /// What a pause holds; 0 without one.
    pub(crate) paused: u32,
    /// Whether replicas are on their way, so that only what arrived just now can ask for more.
    pub(crate) backlog_discounted: bool,
    /// Until panic ends, if nothing new happens.
    pub(crate) panic_remains: Duration,
    pub(crate) scale_down_delay: Duration,
    pub(crate) scale_down_remains: Duration,
    pub(crate) idle_delay: Duration,
    pub(crate) idle_remains: Duration,
    pub(crate) grace_period: Duration,
    /// `None`: the gateway is not in the path.
    pub(crate) grace_remains: Option<Duration>,
}

impl Decision {
    /// What bounded the count, in the order of the pipeline.
    pub fn bounds(&self) -> impl Iterator<Item = Bound> + use<> {
        let bounds = self.bounds;
        Bound::ALL
            .into_iter()
            .filter(move |bound| bounds.contains(*bound))
    }
    /// What is known of the target; `None` where it is given.
    #[must_use]
    pub const fn learned(&self) -> Option<Learned> {
        self.reasons.learned
    }
    /// Whether any source counts requests in flight; without one the averages say nothing.
    #[must_use]
    pub const fn counts_requests(&self) -> bool {
        self.reasons.requests
    }
    /// Whether everybody who ought to report has, so that the averages are of all replicas.
    #[must_use]
    pub const fn is_whole(&self) -> bool {
        self.reasons.whole
    }
    /// Whether it was bounded by this.
    #[must_use]
    pub const fn is_bounded_by(&self, bound: Bound) -> bool {
        self.bounds.contains(bound)
    }
}

impl Serialize for Decision {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let bounds: Vec<Bound> = self.bounds().collect();
        let mut line = serializer.serialize_struct("Decision", 15)?;
        line.serialize_field("at", &self.at)?;
        line.serialize_field("replicas", &self.replicas)?;
        line.serialize_field("decided", &self.decided)?;
        line.serialize_field("mode", &self.mode)?;
        line.serialize_field("spareCapacity", &self.spare_capacity)?;
        line.serialize_field("present", &self.present)?;
        line.serialize_field("ready", &self.ready)?;
        line.serialize_field("stable", &self.stable)?;
        line.serialize_field("panic", &self.panic)?;
        line.serialize_field("held", &self.held)?;
        line.serialize_field("burst", &self.burst)?;
        line.serialize_field("target", &self.target)?;
        line.serialize_field("wanted", &self.wanted)?;
        line.serialize_field("bounds", &bounds)?;
        line.serialize_field("why", &self.sentence())?;
        line.end()
    }
}
