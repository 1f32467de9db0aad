// SPDX-License-Identifier: Apache-2.0
//! A ScaledObject of KEDA becomes an Autoscaler, or by a trigger of requests a Revision.
use std::time::Duration;

use cheerful_scaling::{Delay, Paused};

use super::{
    Draft, Fields, NoteKind,
    amount::{seconds, truth, whole},
    behaviour,
    draft::scale_target,
    fields::no_counterpart,
    route,
    sources::Sources,
    triggers,
};
use crate::{DelayText, DurationText, PausedText};

/// What KEDA takes where nothing is given.
const MOST: u32 = 100;
const CALM: DurationText = DurationText(Duration::from_secs(300));
const POLL: DurationText = DurationText(Duration::from_secs(30));

pub(super) fn draft(fields: &mut Fields, sources: &mut Sources) -> Option<Draft> {
    let paused = paused(fields);
    let mut draft = Draft::named(fields);
    draft.owner = Some("scaledobject");
    draft.scaling.paused = paused;
    draft.target = scale_target(fields);
    let min = fields.read(&["spec", "minReplicaCount"], whole);
    let least = min.as_ref().map_or(0, |min| min.it);
    draft.scaling.min = Some(least);
    draft.min = min;
    draft.scaling.max = Some((fields.value(&["spec", "maxReplicaCount"], whole)).unwrap_or(MOST));
    if let Some(idle) = fields.read(&["spec", "idleReplicaCount"], whole) {
        if idle.it == 0 {
            draft.scaling.min = Some(0);
            draft.scaling.activation = Some(least.max(1));
            draft.min = Some(idle);
        } else {
            let why = no_counterpart("only none is a count of its own for when nothing happens");
            fields.note(NoteKind::Lost, &idle, &why);
        }
    }
    let calm = fields.value(&["spec", "cooldownPeriod"], seconds);
    draft.scaling.idle_delay = Some(DelayText(Delay::Given(calm.unwrap_or(CALM).0)));
    let interval = fields
        .value(&["spec", "pollingInterval"], seconds)
        .unwrap_or(POLL);
    if let Some(replicas) = fields.read(&["spec", "fallback", "replicas"], whole) {
        let told = "is the count while a metric cannot be had; here the count that was wanted last holds, and is never lowered";
        fields.note(NoteKind::Changed, &replicas, told);
        fields.leave_out(&["spec", "fallback", "failureThreshold"]);
    }
    let hpa = ["spec", "advanced", "horizontalPodAutoscalerConfig"];
    let mut speed = fields.part(&[&hpa[..], &["behavior"]].concat());
    behaviour::speed(&mut speed, &mut draft.scaling);
    fields.join(speed);
    // The HPA that KEDA makes has a name; ours makes none.
    fields.leave_out(&[&hpa[..], &["name"]].concat());
    triggers::read(fields, &mut draft, sources, interval);
    if !draft.routes.is_empty() {
        route::of_deployment(&mut draft, fields, sources);
    }
    Some(draft)
}

fn paused(fields: &mut Fields) -> Option<PausedText> {
    let annotation = |name| ["metadata", "annotations", name];
    let at = fields.value(&annotation("autoscaling.keda.sh/paused-replicas"), whole);
    let held = fields.value(&annotation("autoscaling.keda.sh/paused"), truth);
    match (at, held) {
        (Some(replicas), _) => Some(PausedText(Paused::At(replicas))),
        (None, Some(true)) => Some(PausedText(Paused::Present)),
        _ => None,
    }
}
