// SPDX-License-Identifier: Apache-2.0
use cheerful_scaling::Moment;
use k8s_openapi::{
    apimachinery::pkg::apis::meta::v1::{Condition, Time},
    jiff::Timestamp,
};

use super::{fleet::WorkloadState, object::ObjectSeen, pod::Standing};

/// Whether an Autoscaler scales, and why not. `other`: who else scales the target.
pub(crate) fn ready(
    state: &WorkloadState,
    object: &ObjectSeen,
    other: Option<String>,
    now: Moment,
) -> Condition {
    let (is, reason, message) = judge(state, object, other, now);
    let status = if is { "True" } else { "False" };
    let before = object
        .conditions
        .iter()
        .find(|condition| condition.type_ == "Ready");
    let written = state
        .written
        .as_ref()
        .and_then(|written| written.condition.as_ref());
    // The time is that of the last change from one to the other.
    let since = [written, before]
        .into_iter()
        .flatten()
        .find(|condition| condition.status == status)
        .map_or_else(
            || Time(Timestamp::now()),
            |condition| condition.last_transition_time.clone(),
        );
    Condition {
        type_: "Ready".to_owned(),
        status: status.to_owned(),
        reason: reason.to_owned(),
        message,
        observed_generation: object.generation,
        last_transition_time: since,
    }
}

fn judge(
    state: &WorkloadState,
    object: &ObjectSeen,
    other: Option<String>,
    now: Moment,
) -> (bool, &'static str, String) {
    let target = object.target.shown();
    if let Err(why) = &object.scaling {
        return (
            false,
            "InvalidSettings",
            format!("{why}; the settings before hold"),
        );
    }
    if let Some(other) = other.filter(|_| !object.shadow) {
        return (
            false,
            "ScaledByOther",
            format!("{other} scales {target}; nothing is written"),
        );
    }
    if let (Some(why), None) = (&state.target_fault, state.spec) {
        return (false, "TargetNotFound", format!("{target}: {why}"));
    }
    let ready = |pod: &&super::pod::PodState| pod.standing(now) == Standing::Ready;
    let pods = state.pods.values().filter(ready).count();
    if !state.knows_pods() {
        let message = match state.selector.as_deref() {
            None | Some("") => {
                format!("the scale of {target} names no pods, so that none can be read")
            }
            Some(_) => format!("the pods of {target} are not known yet"),
        };
        return (false, "PodsUnknown", message);
    }
    if !state.heard && !state.signals.sources.is_empty() {
        let message = format!(
            "{pods} pods of {target} are ready, and no signal has been read yet; `cheerful explain` says why"
        );
        return (false, "NoReports", message);
    }
    if !state.heard {
        let message = match pods {
            0 => format!(
                "no pod of {target} with a queue is there; `cheerful inject` adds one to its template"
            ),
            pods => format!("{pods} pods of {target} have a queue, and none has reported yet"),
        };
        return (false, "NoReports", message);
    }
    let note = if object.min_raised {
        "; min 0 is taken as 1, for nothing holds requests at zero"
    } else {
        ""
    };
    if object.shadow {
        let message = format!("decides on {target}, and writes nothing{note}");
        (true, "Shadow", message)
    } else if object.is_left_alone() {
        (true, "Paused", format!("leaves {target} as it is{note}"))
    } else {
        (true, "Scaling", format!("scales {target}{note}"))
    }
}
