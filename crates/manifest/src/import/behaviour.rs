// SPDX-License-Identifier: Apache-2.0
//! How fast an HPA may go.
use std::time::Duration;

use cheerful_scaling::Delay;

use super::{
    Fields, NoteKind,
    amount::{seconds, text, whole},
    fields::no_counterpart,
};
use crate::{DelayText, DurationText, ScalingSpec};

/// What an HPA waits before it goes down, unless it is told.
const DOWN: DurationText = DurationText(Duration::from_secs(300));

/// `scaleUp` and `scaleDown` of a behaviour.
pub(super) fn speed(behaviour: &mut Fields, scaling: &mut ScalingSpec) {
    let down = behaviour.value(&["scaleDown", "stabilizationWindowSeconds"], seconds);
    scaling.scale_down_delay = Some(DelayText(Delay::Given(down.unwrap_or(DOWN).0)));
    if let Some(up) = behaviour.read(&["scaleUp", "stabilizationWindowSeconds"], whole)
        && up.it > 0
    {
        let why = no_counterpart("nothing waits before it goes up");
        behaviour.note(NoteKind::Lost, &up, &why);
    }
    for direction in ["scaleUp", "scaleDown"] {
        if let Some(select) = behaviour.read(&[direction, "selectPolicy"], text)
            && select.it == "Disabled"
        {
            let why = no_counterpart("there is no way to hold one direction; paused holds both");
            behaviour.note(NoteKind::Lost, &select, &why);
        }
        for mut policy in behaviour.items(&[direction, "policies"]) {
            policy.leave_out(&["type"]);
            policy.leave_out(&["periodSeconds"]);
            let step = "maxUp and maxDown bound each step, and not what comes together over a time";
            policy.lose(&["value"], step);
            behaviour.join(policy);
        }
        behaviour.lose(
            &[direction, "tolerance"],
            "a count is changed as soon as it should be another",
        );
    }
}
