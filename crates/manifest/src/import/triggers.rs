// SPDX-License-Identifier: Apache-2.0
//! The triggers of a ScaledObject as signals, schedules and a target.
use std::time::Duration;

use super::{
    Draft, Fields, NoteKind,
    amount::{number, quantity, text, truth, whole},
    fields::{Read, no_counterpart},
    route,
    sources::Sources,
};
use crate::{
    CpuSignal, DurationText, MemorySignal, PrometheusSignal, QuantityText, ScheduleSpec, SignalSpec,
};

/// Reads `spec.triggers`; those that have no counterpart are named and left out.
pub(super) fn read(
    fields: &mut Fields,
    draft: &mut Draft,
    sources: &mut Sources,
    interval: DurationText,
) {
    let namespace = draft.metadata.namespace.clone();
    let mut of_requests = false;
    for mut trigger in fields.items(&["spec", "triggers"]) {
        trigger.leave_out(&["name"]);
        let kind = trigger.read(&["type"], text);
        match kind.as_ref().map(|kind| kind.it.as_str()) {
            Some("prometheus") => draft.signals.extend(prometheus(&mut trigger, interval)),
            Some("cron") => draft.scaling.schedules.extend(cron(&mut trigger)),
            Some(name @ ("cpu" | "memory")) => {
                draft.signals.extend(resource(&mut trigger, name == "cpu"));
            }
            Some("external-push") => {
                trigger.leave_out(&["metadata", "scalerAddress"]);
                let name = trigger.read(&["metadata", "interceptorRoute"], text);
                let route = name.as_ref().and_then(|name| {
                    sources.take("InterceptorRoute", namespace.as_ref(), &name.it)
                });
                of_requests = true;
                match (route, &name) {
                    (Some(mut route), _) => {
                        route::intercepted(&mut route.fields, draft);
                        fields.join(route.fields);
                    }
                    (None, Some(name)) => {
                        let told = "is an InterceptorRoute that was not given: what it says is not known here, and the target is learned";
                        trigger.note(NoteKind::Changed, name, told);
                    }
                    (None, None) => lose(&mut trigger, kind.as_ref()),
                }
            }
            _ => lose(&mut trigger, kind.as_ref()),
        }
        fields.join(trigger);
    }
    if draft.signals.is_empty() && !of_requests {
        let told = "has no metric that is known here: the requests in flight stand in its place";
        fields.note_on(NoteKind::Changed, "spec.triggers", told);
    }
}

fn lose(trigger: &mut Fields, kind: Option<&Read<String>>) {
    if let Some(kind) = kind {
        let why = no_counterpart(
            "keep KEDA for this one, or read the same figure by a signal: prometheus, external, page",
        );
        trigger.note(NoteKind::Lost, kind, &why);
    }
}

fn prometheus(trigger: &mut Fields, interval: DurationText) -> Option<SignalSpec> {
    let metric_type = trigger.read(&["metricType"], text);
    if let Some(metric_type) = metric_type.filter(|kind| kind.it != "AverageValue") {
        let why = no_counterpart(
            "it only says whether more or fewer are needed; AverageValue says how many",
        );
        trigger.note(NoteKind::Lost, &metric_type, &why);
        return None;
    }
    let mut metadata = trigger.part(&["metadata"]);
    let null = metadata.read(&["ignoreNullValues"], truth);
    if let Some(null) = null.filter(|null| null.it) {
        let told = "takes no answer for 0; here no answer is no news, and lowers nothing";
        metadata.note(NoteKind::Changed, &null, told);
    }
    let made = PrometheusSignal {
        server: (metadata.value(&["serverAddress"], text)).unwrap_or_default(),
        query: metadata.value(&["query"], text).unwrap_or_default(),
        per_replica: (metadata.value(&["threshold"], number)).unwrap_or(0.0),
        activation: metadata.value(&["activationThreshold"], number),
        interval: Some(interval),
        ..PrometheusSignal::default()
    };
    trigger.join(metadata);
    Some(SignalSpec {
        prometheus: Some(made),
        ..SignalSpec::default()
    })
}

fn resource(trigger: &mut Fields, cpu: bool) -> Option<SignalSpec> {
    let kind = trigger.value(&["metricType"], text);
    // Before it had a field of its own it stood in the metadata.
    let kind = kind.or_else(|| trigger.value(&["metadata", "type"], text));
    let mean = kind.as_deref() == Some("AverageValue");
    let path = ["metadata", "value"];
    if cpu && !mean {
        let target = trigger.value(&path, number)?;
        return Some(SignalSpec {
            cpu: Some(CpuSignal { target }),
            ..SignalSpec::default()
        });
    }
    if !cpu && mean {
        let bytes = trigger.value(&path, quantity)?;
        return Some(SignalSpec {
            memory: Some(MemorySignal {
                target: QuantityText(format!("{bytes:.0}")),
            }),
            ..SignalSpec::default()
        });
    }
    trigger.lose(
        &path,
        "cpu is known by Utilization here, and memory by AverageValue",
    );
    None
}

/// A count from one moment of the day to another.
fn cron(trigger: &mut Fields) -> Option<ScheduleSpec> {
    let start = trigger.read(&["metadata", "start"], text)?;
    let end = trigger.read(&["metadata", "end"], text)?;
    let time_zone = trigger.value(&["metadata", "timezone"], text);
    let min = trigger.value(&["metadata", "desiredReplicas"], whole)?;
    let Some(lasts) = between(&start.it, &end.it) else {
        let why = no_counterpart(
            "how long it lasts cannot be told from start and end: both should name one minute of the same days, without midnight between them unless on every day. Write spec.scaling.schedules by hand",
        );
        trigger.note(NoteKind::Lost, &end, &why);
        return None;
    };
    Some(ScheduleSpec {
        cron: start.it,
        lasts: Some(lasts),
        time_zone,
        min,
        name: None,
    })
}

/// From one moment of the day to the next other one, on the same days.
fn between(start: &str, end: &str) -> Option<DurationText> {
    let parts = |cron: &str| -> Option<(u64, Vec<String>)> {
        let fields: Vec<_> = cron.split_whitespace().map(str::to_owned).collect();
        let [minute, hour, days @ ..] = fields.as_slice() else {
            return None;
        };
        let (minute, hour) = (minute.parse::<u64>().ok()?, hour.parse::<u64>().ok()?);
        (days.len() == 3 && minute < 60 && hour < 24).then(|| (hour * 60 + minute, days.to_vec()))
    };
    let ((start, days), (end, days_of_end)) = (parts(start)?, parts(end)?);
    let over_midnight = end <= start;
    let every_day = days.iter().all(|day| day == "*");
    if days != days_of_end || start == end || (over_midnight && !every_day) {
        return None;
    }
    let minutes = (end + 24 * 60 - start) % (24 * 60);
    Some(DurationText(Duration::from_secs(minutes * 60)))
}

#[cfg(test)]
mod tests {
    use super::between;

    #[test]
    fn a_schedule_lasts_from_its_start_to_its_end() {
        let minutes = |start, end| between(start, end).map(|lasts| lasts.0.as_secs() / 60);
        assert_eq!(minutes("0 8 * * 1-5", "30 18 * * 1-5"), Some(630));
        assert_eq!(minutes("0 22 * * *", "0 6 * * *"), Some(480));
        // From Friday evening it would last until Monday.
        assert_eq!(minutes("0 22 * * 1-5", "0 6 * * 1-5"), None);
        assert_eq!(minutes("0 8 * * 1", "0 18 * * 2"), None);
        assert_eq!(minutes("*/5 * * * *", "0 6 * * *"), None);
        assert_eq!(minutes("0 8 * * *", "0 8 * * *"), None);
    }
}
