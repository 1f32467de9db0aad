// SPDX-License-Identifier: Apache-2.0
use cheerful_scaling::{Concurrency, Invalid, Scaling, Settings};
use serde_json::Value;

use crate::{
    ConcurrencyText, Problem, ScalingSpec, Spec,
    node::Node,
    reader::{read, read_known},
};

/// The settings as one flat JSON object: those of the `scaling` block, and `concurrency`.
#[must_use]
pub fn settings_to_json(settings: &Settings) -> Value {
    // Neither can fail: every field is a number, a text or a bool, and every key a text.
    let mut json = serde_json::to_value(ScalingSpec::from(settings)).unwrap_or_default();
    let concurrency =
        serde_json::to_value(ConcurrencyText(settings.concurrency)).unwrap_or_default();
    if let Value::Object(fields) = &mut json {
        fields.insert("concurrency".to_owned(), concurrency);
    }
    json
}

/// Settings from one flat JSON object, as [`settings_to_json`] writes it; what is left out has its default.
///
/// # Errors
/// Everything that is wrong, with the field and the value.
pub fn settings_from_json(json: &Value) -> Result<Scaling, Vec<Problem>> {
    let mut scaling = json.clone();
    let concurrency = scaling
        .as_object_mut()
        .and_then(|fields| fields.remove("concurrency"));
    let (spec, mut problems) = read::<ScalingSpec>(&mut Node::from(&scaling));
    let concurrency = match concurrency.map(|json| (serde_json::from_value(json.clone()), json)) {
        None => Concurrency::default(),
        Some((Ok(ConcurrencyText(concurrency)), _)) => concurrency,
        Some((Err(error), json)) => {
            let value = Some(Node::from(&json).shown());
            problems.push(problem("concurrency", value, error.to_string()));
            Concurrency::default()
        }
    };
    match spec.unwrap_or_default().resolve(concurrency) {
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
    use cheerful_scaling::Target;
    use serde_json::json;

    use super::*;

    #[test]
    fn settings_survive_the_way_there_and_back() {
        let settings = Settings {
            concurrency: Concurrency::Limit(3),
            target: Target::PerReplica(0.1 + 0.2),
            max: Some(7),
            ..Settings::default()
        };
        let json = settings_to_json(&settings);
        assert_eq!(json["concurrency"], 3);
        assert_eq!(*settings_from_json(&json).unwrap().settings(), settings);
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
