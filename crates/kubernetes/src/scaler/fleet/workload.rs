// SPDX-License-Identifier: Apache-2.0
use std::{collections::BTreeMap, time::Duration};

use cheerful_scaling::{Decision, Moment, Observation, Scaling};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

use super::{
    feeding::Fed, listening::Listening, objects::SpecSeen, streams::QueueStream,
    telling::SignalLines,
};
use crate::{
    resources::{LearnedStatus, ScaleStatus, ShadowStatus},
    scaler::{
        figures::InFlight,
        object::ObjectSeen,
        path::PathRule,
        pod::{PodState, Standing},
        signals::Signals,
    },
};

/// All that is known of one workload.
#[derive(Debug, Default)]
pub(crate) struct WorkloadState {
    pub(crate) object: Option<ObjectSeen>,
    /// The last settings that were good.
    pub(crate) scaling: Option<Scaling>,
    /// The second policy, with those settings.
    pub(crate) beside: Option<Scaling>,
    /// What that one came to, as its status says or will say.
    pub(crate) shadow: Option<ShadowStatus>,
    /// By what its load becomes known, with those settings.
    pub(crate) signals: Signals,
    pub(crate) listening: Listening,
    /// What its status says of the signals.
    pub(crate) signal_lines: SignalLines,
    pub(crate) pods: BTreeMap<String, PodState>,
    /// By stream.
    pub(crate) queues: BTreeMap<u64, QueueStream>,
    /// What the target's `/scale` says.
    pub(crate) spec: Option<SpecSeen>,
    pub(crate) selector: Option<String>,
    /// Why the target's `/scale` cannot be read.
    pub(crate) target_fault: Option<String>,
    /// When the target's `/scale` was last asked for.
    pub(crate) looked: Option<Moment>,
    /// Since when the gateway stands in the path, by our own clock.
    pub(crate) gateway_since: Option<Moment>,
    /// Requests held by all gateways.
    pub(crate) held: u64,
    /// From how many requests in flight on a burst shows.
    pub(crate) threshold: Option<f64>,
    /// Whether a report ever came.
    pub(crate) heard: bool,
    pub(crate) decision: Option<Decision>,
    /// Requests in flight, as they are told to an HPA.
    pub(crate) in_flight: InFlight,
    /// The last decision that changed something: the sentence, and when that was.
    pub(crate) reason: Option<(String, Time)>,
    pub(crate) path: PathRule,
    /// What was learned of the target, as its status says or will say.
    pub(crate) learned: Option<LearnedStatus>,
    pub(crate) fed: Fed,
    /// It is to be decided at once.
    pub(crate) decide: bool,
    /// The status that was written last, and when.
    pub(crate) written: Option<Written>,
    pub(crate) written_at: Option<Moment>,
}

/// What was written of one workload.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Written {
    pub(crate) replicas: u32,
    pub(crate) scale: ScaleStatus,
    pub(crate) selector: Option<String>,
    pub(crate) generation: Option<i64>,
    pub(crate) condition: Option<Condition>,
    pub(crate) learned: Option<LearnedStatus>,
    pub(crate) shadow: Option<ShadowStatus>,
}

impl WorkloadState {
    /// What is there. What the target is to have and has not yet is on its way.
    pub(crate) fn observation(&self, now: Moment) -> Observation {
        let mut seen = Observation {
            gateway_since: self.gateway_since,
            ..Observation::default()
        };
        for pod in self.pods.values() {
            match pod.standing(now) {
                Standing::Ready => {
                    seen.ready += 1;
                    seen.busy += u32::from(pod.busy);
                }
                Standing::Starting => {
                    seen.starting += 1;
                    let since = seen
                        .starting_since
                        .map_or(pod.since, |old| old.min(pod.since));
                    seen.starting_since = Some(since);
                }
                Standing::Draining => seen.draining += 1,
                Standing::Ended => {}
            }
        }
        let to_come = self.spec.map_or(0, |spec| spec.replicas);
        seen.starting += to_come.saturating_sub(seen.present());
        seen
    }

    /// Whether a status may be written again.
    pub(crate) fn may_write_status(&self, now: Moment) -> bool {
        self.written_at
            .is_none_or(|at| now.since(at) >= Duration::from_secs(1))
    }

    /// Another may have written meanwhile.
    pub(crate) fn forget_status(&mut self) {
        self.written = None;
    }
}
