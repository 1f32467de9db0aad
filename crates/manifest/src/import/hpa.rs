// SPDX-License-Identifier: Apache-2.0
//! A HorizontalPodAutoscaler becomes an Autoscaler.
use super::{Draft, Fields, NoteKind, amount::whole, behaviour, draft::scale_target, metrics};
use crate::{CpuSignal, SignalSpec};

pub(super) fn draft(fields: &mut Fields) -> Option<Draft> {
    let mut draft = Draft::named(fields);
    draft.owner = Some("hpa");
    draft.target = scale_target(fields);
    let old =
        "should be of autoscaling/v2: kubectl get hpa.v2.autoscaling NAME -o yaml gives it so";
    if fields.has("spec.targetCPUUtilizationPercentage") {
        fields.wrong("spec.targetCPUUtilizationPercentage", old);
    }
    draft.min = fields.read(&["spec", "minReplicas"], whole);
    draft.scaling.min = draft.min.as_ref().map(|min| min.it);
    draft.scaling.max = fields.value(&["spec", "maxReplicas"], whole);
    let metrics = fields.has("spec.metrics[0]");
    draft.signals = metrics::signals(fields);
    if !metrics {
        fields.note_on(
            NoteKind::Changed,
            "spec.metrics",
            "is 80 % of cpu where nothing is given, and so it is here",
        );
        draft.signals.push(SignalSpec {
            cpu: Some(CpuSignal { target: 80.0 }),
            ..SignalSpec::default()
        });
    } else if draft.signals.is_empty() {
        fields.note_on(
            NoteKind::Changed,
            "spec.metrics",
            "has nothing that is known here: the requests in flight stand in its place",
        );
    }
    let mut behaviour = fields.part(&["spec", "behavior"]);
    behaviour::speed(&mut behaviour, &mut draft.scaling);
    fields.join(behaviour);
    Some(draft)
}
