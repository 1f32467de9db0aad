// SPDX-License-Identifier: Apache-2.0
use cheerful_scaling::{Aim, Concurrency, Gauge, Invalid, Measured, Scaling, Settings};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    ConcurrencyText, DurationText, Problem, ScalingSpec, Spec,
    node::Node,
    reader::{read, read_known},
};

/// A gauge as it is recorded.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct GaugeJson {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    per_replica: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mean: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    activation: Option<f64>,
    interval: DurationText,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    at_replicas: bool,
}

impl From<&Gauge> for GaugeJson {
    fn from(gauge: &Gauge) -> Self {
        let (per_replica, mean) = match gauge.aim {
            Aim::Each(each) => (Some(each), None),
            Aim::Mean(target) => (None, Some(target)),
        };
        Self {
            name: gauge.name.clone(),
            per_replica,
            mean,
            activation: gauge.activation,
            interval: DurationText(gauge.interval),
            at_replicas: gauge.measured == Measured::AtReplicas,
        }
    }
}

impl From<GaugeJson> for Gauge {
    fn from(json: GaugeJson) -> Self {
        Self {
            name: json.name,
            // Neither of them is refused as a target of 0.
            aim: match (json.mean, json.per_replica) {
                (Some(target), _) => Aim::Mean(target),
                (None, each) => Aim::Each(each.unwrap_or(0.0)),
            },
            activation: json.activation,
            interval: json.interval.0,
            measured: match json.at_replicas {
                true => Measured::AtReplicas,
                false => Measured::Elsewhere,
            },
        }
    }
}

/// The settings as one flat JSON object: those of the `scaling` block, `concurrency`, and where they are not at their
/// default `requests` and `gauges`.
#[must_use]
pub fn settings_to_json(settings: &Settings) -> Value {
    // Neither can fail: every field is a number, a text or a bool, and every key a text.
    let mut json = serde_json::to_value(ScalingSpec::from(settings)).unwrap_or_default();
    let concurrency =
        serde_json::to_value(ConcurrencyText(settings.concurrency)).unwrap_or_default();
    if let Value::Object(fields) = &mut json {
        fields.insert("concurrency".to_owned(), concurrency);
        if !settings.requests {
            fields.insert("requests".to_owned(), Value::Bool(false));
        }
        if !settings.gauges.is_empty() {
            let gauges: Vec<_> = settings.gauges.iter().map(GaugeJson::from).collect();
            let gauges = serde_json::to_value(gauges).unwrap_or_default();
            fields.insert("gauges".to_owned(), gauges);
        }
    }
    json
}

/// Settings from one flat JSON object, as [`settings_to_json`] writes it; what is left out is as in
/// [`Settings::classic`], for what was written before there was a choice of the policy has to mean what it meant then.
///
/// # Errors
/// Everything that is wrong, with the field and the value.
pub fn settings_from_json(json: &Value) -> Result<Scaling, Vec<Problem>> {
    let mut scaling = json.clone();
    let mut beside = |field| scaling.as_object_mut()?.remove(field);
    let [concurrency, requests, gauges] = ["concurrency", "requests", "gauges"].map(&mut beside);
    let (spec, mut problems) = read::<ScalingSpec>(&mut Node::from(&scaling));
    if spec.as_ref().is_some_and(|spec| spec.shadow.is_some()) {
        let message = "is no setting of this policy".to_owned();
        problems.push(problem("shadow", None, message));
    }
    let concurrency: Option<ConcurrencyText> = own("concurrency", concurrency, &mut problems);
    let gauges: Option<Vec<GaugeJson>> = own("gauges", gauges, &mut problems);
    let defaults = Settings {
        concurrency: concurrency.map_or_else(Concurrency::default, |text| text.0),
        requests: own("requests", requests, &mut problems).unwrap_or(true),
        gauges: gauges.into_iter().flatten().map(Gauge::from).collect(),
        ..Settings::classic()
    };
    match spec.unwrap_or_default().resolve_over(defaults) {
        Ok(scaling) if problems.is_empty() => Ok(scaling),
        Ok(_) => Err(problems),
        Err(invalid) => {
            problems.extend(invalid.into_iter().map(
                |Invalid {
                     field,
                     value,
                     expected,
                 }| {
                    problem(field, Some(value), format!("should be {expected}"))
                },
            ));
            Err(problems)
        }
    }
}

/// A field that is no part of the `scaling` block.
fn own<T: for<'de> Deserialize<'de>>(
    field: &str,
    json: Option<Value>,
    problems: &mut Vec<Problem>,
) -> Option<T> {
    let json = json?;
    match serde_json::from_value(json.clone()) {
        Ok(read) => Some(read),
        Err(error) => {
            let value = Some(Node::from(&json).shown());
            problems.push(problem(field, value, error.to_string()));
            None
        }
    }
}

/// A Revision's specification as an API server keeps it, where its definition may be of a newer version: fields that are
/// not known here are left out. With everything that cannot be read all the same, which the specification then has at its
/// default.
#[must_use]
pub fn spec_from_json(json: &Value) -> (Spec, Vec<Problem>) {
    let (spec, mut problems) = read_known::<Spec>(&mut Node::from(json), false);
    for problem in &mut problems {
        problem.field = match problem.field.as_str() {
            "" => "spec".to_owned(),
            field => format!("spec.{field}"),
        };
    }
    if spec.is_none() && problems.is_empty() {
        problems.push(problem(
            "spec",
            None,
            "has too many fields that are not known".to_owned(),
        ));
    }
    (spec.unwrap_or_default(), problems)
}

fn problem(field: &str, value: Option<String>, message: String) -> Problem {
    Problem {
        field: field.to_owned(),
        value,
        message,
        line: None,
    }
}

#[cfg(test)]
mod tests {
    use cheerful_scaling::{Policy, Target};
    use serde_json::json;

    use super::*;

    fn gauge(aim: Aim) -> Gauge {
        let each = matches!(aim, Aim::Each(_));
        Gauge {
            name: if each { "a" } else { "b" }.to_owned(),
            aim,
            activation: each.then_some(3.0),
            interval: Gauge::INTERVAL,
            measured: if each {
                Measured::Elsewhere
            } else {
                Measured::AtReplicas
            },
        }
    }

    #[test]
    fn settings_survive_the_way_there_and_back() {
        let settings = Settings {
            concurrency: Concurrency::Limit(3),
            target: Target::PerReplica(0.1 + 0.2),
            max: Some(7),
            requests: false,
            gauges: [gauge(Aim::Each(10.0)), gauge(Aim::Mean(0.5))]
                .into_iter()
                .collect(),
            ..Settings::default()
        };
        let json = settings_to_json(&settings);
        assert_eq!(json["concurrency"], 3);
        assert_eq!(*settings_from_json(&json).unwrap().settings(), settings);
    }

    #[test]
    fn what_was_written_before_there_was_a_choice_of_the_policy_means_what_it_meant() {
        let policy = |json| settings_from_json(&json).unwrap().settings().policy;
        assert_eq!(policy(json!({"target": 10})), Policy::StablePanic);
        let written = settings_to_json(&Settings::default());
        assert_eq!(
            (&written["policy"], policy(written.clone())),
            (&json!("auto"), Policy::Auto)
        );
    }

    #[test]
    fn a_specification_of_another_version_is_read() {
        let json = json!({"replicas": 3, "colour": "red", "scaling": {"max": 7, "later": {}, "min": "one"},
            "template": {"spec": {"containers": [{"name": "app", "cpu": 0.5, "more": {"a": [1, null]}}]}}});
        let (spec, problems) = spec_from_json(&json);
        assert_eq!((spec.replicas, spec.scaling.max), (Some(3), Some(7)));
        assert_eq!(spec.template.as_ref(), Some(&json["template"]));
        assert_eq!(problems.len(), 1);
        assert_eq!(problems[0].field, "spec.scaling.min");

        let (spec, problems) = spec_from_json(&json!([]));
        assert_eq!((spec, problems.len()), (Spec::default(), 1));
        let many: serde_json::Map<_, _> = (0..2_000).map(|n| (format!("f{n}"), json!(n))).collect();
        assert_eq!(spec_from_json(&Value::Object(many)).1.len(), 1);
    }

    #[test]
    fn what_is_wrong_is_told_at_once() {
        let json = json!({"concurrency": 0, "min": "one", "stableWindow": 60, "latency": 1});
        let problems = settings_from_json(&json).unwrap_err();
        let mut fields: Vec<_> = problems
            .iter()
            .map(|problem| problem.field.as_str())
            .collect();
        fields.sort_unstable();
        assert_eq!(fields, ["concurrency", "latency", "min", "stableWindow"]);
        assert_eq!(settings_from_json(&json!([])).unwrap_err().len(), 1);
    }
}
