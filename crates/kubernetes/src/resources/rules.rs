// SPDX-License-Identifier: Apache-2.0
//! What the form of a resource cannot say, as the API server checks it. `cheerful_manifest` has the same rules for a
//! manifest that it loads; a table of good and bad specifications is held against both.
use std::borrow::Cow;

use cheerful_manifest::{DECIMAL, DurationText};
use serde_json::{Value, json};

use super::signal_rules;

/// A rule in CEL.
#[derive(Clone, Debug)]
pub(super) struct Rule {
    /// Where it stands, as `spec.routes[]`; `self` in the rule is what is there.
    at: Cow<'static, str>,
    /// The field below `at` that is told; empty: `at` itself.
    field: &'static str,
    /// `DURATION` and `DECIMAL` stand for the patterns of both.
    rule: Cow<'static, str>,
    /// What would be right. (An expression that tells the value as well costs more than the API server allows: it
    /// takes a number's text to be of any length.)
    message: &'static str,
    /// The field has to be there.
    required: bool,
}

pub(super) fn rule(
    at: impl Into<Cow<'static, str>>,
    field: &'static str,
    rule: impl Into<Cow<'static, str>>,
    message: &'static str,
) -> Rule {
    Rule {
        at: at.into(),
        field,
        rule: rule.into(),
        message,
        required: false,
    }
}

/// A rule of a table.
const fn fixed(
    at: &'static str,
    field: &'static str,
    rule: &'static str,
    message: &'static str,
) -> Rule {
    Rule {
        at: Cow::Borrowed(at),
        field,
        rule: Cow::Borrowed(rule),
        message,
        required: false,
    }
}

const ANY_DURATION: &str = "self.matches('DURATION') && duration(self) <= duration('10000h')";
const ANY_DURATION_IS: &str =
    "should be a duration such as 60s, 1m30s, 250ms or 1h, at most 10000h";
const UP_TO_AN_HOUR: &str = "self.matches('DURATION') && duration(self) <= duration('1h')";
const UP_TO_AN_HOUR_IS: &str = "should be a duration such as 30s or 1m30s, from 0s to 1h";
const WINDOW: &str = "self.matches('DURATION') && duration(self) >= duration('1s') && duration(self) <= duration('1h')";
const WINDOW_IS: &str = "should be a duration such as 60s or 1m30s, from 1s to 1h";
const LATENCY: &str = "self.matches('DURATION') && duration(self) >= duration('1ms') && duration(self) <= duration('1h')";
const LATENCY_IS: &str = "should be a duration such as 250ms or 1.5s, from 1ms to 1h";
const CONCURRENCY: Rule = fixed(
    "spec.concurrency",
    "",
    "type(self) == int ? self >= 1 && self <= 1000000 : self == 'single' || self == 'multi'",
    "should be single, multi, or a whole number from 1 to 1000000: the most requests at once in a replica",
);
const TARGET_BELOW_LIMIT: Rule = fixed(
    "spec",
    ".scaling.target",
    "!has(self.scaling) || !has(self.scaling.target) || !has(self.concurrency) || self.concurrency == 'multi' \
     || (type(self.scaling.target) == string && !self.scaling.target.matches('DECIMAL')) \
     || (type(self.concurrency) == string && self.concurrency != 'single') \
     || double(self.scaling.target) <= (type(self.concurrency) == int ? double(self.concurrency) : 1.0)",
    "should be at most the hard limit, concurrency: a replica never has more requests in flight",
);

/// Of both kinds.
pub(super) const SCALING: &[Rule] = &[
    CONCURRENCY,
    TARGET_BELOW_LIMIT,
    fixed(
        "spec.scaling",
        ".min",
        "!has(self.min) || !has(self.max) || self.min <= self.max",
        "should be at most max",
    ),
    fixed(
        "spec.scaling",
        ".initial",
        "!has(self.initial) || !has(self.max) || self.initial <= self.max",
        "should be at most max",
    ),
    fixed(
        "spec.scaling",
        ".activation",
        "!has(self.activation) || !has(self.max) || self.activation <= self.max",
        "should be at most max",
    ),
    fixed(
        "spec.scaling",
        ".panicWindow",
        "(has(self.panicWindow) && !self.panicWindow.matches('DURATION')) \
         || (has(self.stableWindow) && !self.stableWindow.matches('DURATION')) \
         || duration(has(self.panicWindow) ? self.panicWindow : '6s') \
            <= duration(has(self.stableWindow) ? self.stableWindow : '60s')",
        "should be at most stableWindow (which is 60s where it is left out)",
    ),
    fixed(
        "spec.scaling",
        ".latency",
        "!has(self.latency) || !has(self.target) || self.target == 'auto'",
        "should be left out where target is a number, which needs no objective",
    ),
    fixed(
        "spec.scaling",
        ".latency",
        "!has(self.latency) || [has(self.latency.p50), has(self.latency.p90), has(self.latency.p95), \
         has(self.latency.p99)].filter(given, given).size() == 1",
        "should be one of p50, p90, p95, p99, with a duration such as 250ms",
    ),
    fixed("spec.scaling.latency.p50", "", LATENCY, LATENCY_IS),
    fixed("spec.scaling.latency.p90", "", LATENCY, LATENCY_IS),
    fixed("spec.scaling.latency.p95", "", LATENCY, LATENCY_IS),
    fixed("spec.scaling.latency.p99", "", LATENCY, LATENCY_IS),
    fixed(
        "spec.scaling.target",
        "",
        "type(self) == int ? self >= 1 && self <= 1000000 : self == 'auto' \
         || (self.matches('DECIMAL') && double(self) >= 0.01 && double(self) <= 1000000.0)",
        "should be auto, or a number from 0.01 to 1000000 (with a fraction in quotes: \"0.5\"): \
         the requests in flight per replica to aim for",
    ),
    fixed(
        "spec.scaling.burstCapacity",
        "",
        "type(self) == int ? self >= -1 && self <= 1000000000 : self == 'auto' \
         || (self.matches('DECIMAL') && double(self) <= 1000000000.0)",
        "should be auto, a number of requests in flight from 0 to 1000000000 (with a fraction in quotes: \"0.5\"), \
         or -1: always in the path",
    ),
    fixed("spec.scaling.stableWindow", "", WINDOW, WINDOW_IS),
    fixed("spec.scaling.panicWindow", "", WINDOW, WINDOW_IS),
    fixed(
        "spec.scaling.idleDelay",
        "",
        "self == 'auto' || (self.matches('DURATION') && duration(self) <= duration('24h'))",
        "should be auto, or a duration such as 60s or 1m30s, from 0s to 24h",
    ),
    fixed(
        "spec.scaling.gracePeriod",
        "",
        UP_TO_AN_HOUR,
        UP_TO_AN_HOUR_IS,
    ),
    fixed(
        "spec.scaling.scaleDownDelay",
        "",
        "self == 'auto' || (self.matches('DURATION') && duration(self) <= duration('1h'))",
        "should be auto, or a duration such as 30s or 1m30s, from 0s to 1h",
    ),
];

const PATH: &str = "self.matches('^/[!-~]*$') && !self.matches('[?#*]')";
const MATCHED_PATH: &str = "self.matches('^/[!-~]*$') && !self.matches('[?#]|[*].')";
const MATCHED_PATH_IS: &str = "should be a path such as /healthz or /static/*";
const USER_AGENT_IS: &str = "should be what the user agent begins with, such as kube-probe/";
const QUANTITIES: &str = "self.all(name, name in ['cpu', 'memory', 'ephemeral-storage'] \
    && self[name].matches('^[0-9]+([.][0-9]+)?(m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)?$'))";
const QUANTITIES_ARE: &str =
    "should have cpu, memory or ephemeral-storage, each a quantity such as 10m or 16Mi";

/// Of a Revision alone.
pub(super) const REVISION: &[Rule] = &[
    fixed(
        "",
        ".metadata.name",
        "self.metadata.name.matches('^[a-z]([-a-z0-9]{0,50}[a-z0-9])?$')",
        "should be 1 to 52 lower-case letters, digits and -, with a letter at the start and a letter or digit at the \
         end, for it is the name of a Service and the beginning of others",
    ),
    Rule {
        at: Cow::Borrowed("spec"),
        field: ".template",
        rule: Cow::Borrowed("has(self.template)"),
        message: "should be the pod of each replica, with at least one container; command is for one machine",
        required: true,
    },
    fixed(
        "spec.template.spec",
        ".restartPolicy",
        "!has(self.restartPolicy) || self.restartPolicy == 'Always'",
        "should be Always, or left out",
    ),
    fixed(
        "spec.template.spec",
        ".containers",
        "self.containers.all(c, c.name != 'cheerful-queue')",
        "should have no container called cheerful-queue: that one is added",
    ),
    fixed(
        "spec.template.spec",
        ".initContainers",
        "!has(self.initContainers) || self.initContainers.all(c, c.name != 'cheerful-queue')",
        "should have no container called cheerful-queue: that one is added",
    ),
    fixed(
        "spec.routes[]",
        "",
        "has(self.host) || has(self.pathPrefix)",
        "should have a host or a pathPrefix",
    ),
    fixed(
        "spec.routes[].host",
        "",
        "self.matches('^([*][.])?[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?([.][a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)*$')",
        "should be a host name in lower case without a port, such as shop.example.com or *.example.com",
    ),
    fixed(
        "spec.routes[].pathPrefix",
        "",
        "self == '/' || (self.matches('^/[!-~]*[!-.0-~]$') && !self.matches('[?#*]'))",
        "should be a path such as /shop, without / at its end",
    ),
    fixed(
        "spec.readiness.path",
        "",
        PATH,
        "should be a path such as /healthz",
    ),
    fixed("spec.timeouts.connect", "", ANY_DURATION, ANY_DURATION_IS),
    fixed("spec.timeouts.firstByte", "", ANY_DURATION, ANY_DURATION_IS),
    fixed("spec.timeouts.idle", "", ANY_DURATION, ANY_DURATION_IS),
    fixed("spec.timeouts.whole", "", ANY_DURATION, ANY_DURATION_IS),
    fixed("spec.timeouts.drain", "", ANY_DURATION, ANY_DURATION_IS),
    fixed("spec.timeouts.stop", "", ANY_DURATION, ANY_DURATION_IS),
    fixed(
        "spec.hold.wait",
        "",
        "self.matches('DURATION') && duration(self) > duration('0s') && duration(self) <= duration('10000h')",
        "should be a duration such as 60s, 1m30s, 250ms or 1h, longer than 0s and at most 10000h",
    ),
    fixed(
        "spec.waking.answerAtZero.paths[]",
        "",
        MATCHED_PATH,
        MATCHED_PATH_IS,
    ),
    fixed(
        "spec.waking.uncounted.paths[]",
        "",
        MATCHED_PATH,
        MATCHED_PATH_IS,
    ),
    fixed(
        "spec.waking.answerAtZero.userAgents[]",
        "",
        "size(self) > 0",
        USER_AGENT_IS,
    ),
    fixed(
        "spec.waking.uncounted.userAgents[]",
        "",
        "size(self) > 0",
        USER_AGENT_IS,
    ),
    fixed("spec.queue.requests", "", QUANTITIES, QUANTITIES_ARE),
    fixed("spec.queue.limits", "", QUANTITIES, QUANTITIES_ARE),
];

/// Of an Autoscaler alone.
pub(super) const AUTOSCALER: &[Rule] = &[
    fixed(
        "",
        ".metadata.name",
        "self.metadata.name.matches('^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$')",
        "should be a DNS label: 1 to 63 lower-case letters, digits and -, with a letter or digit at both ends",
    ),
    fixed(
        "spec.scaleTargetRef",
        "",
        "!has(self.apiVersion) || !self.apiVersion.startsWith('cheerful.dev/')",
        "should be what nothing of cheerful scales already: no Revision and no Autoscaler",
    ),
];

/// Longest texts and lists, so that what a rule costs has a bound: a path, the keyword and the number.
const BOUNDS: &[(&str, &str, u64)] = &[
    ("spec.command", "maxItems", 10_000),
    ("spec.routes", "maxItems", 1_000),
    ("spec.routes[].host", "maxLength", 255),
    ("spec.routes[].pathPrefix", "maxLength", 1_024),
    ("spec.readiness.path", "maxLength", 1_024),
    ("spec.waking.answerAtZero.paths", "maxItems", 1_000),
    ("spec.waking.answerAtZero.paths[]", "maxLength", 1_024),
    ("spec.waking.answerAtZero.userAgents", "maxItems", 1_000),
    ("spec.waking.answerAtZero.userAgents[]", "maxLength", 1_024),
    ("spec.waking.uncounted.paths", "maxItems", 1_000),
    ("spec.waking.uncounted.paths[]", "maxLength", 1_024),
    ("spec.waking.uncounted.userAgents", "maxItems", 1_000),
    ("spec.waking.uncounted.userAgents[]", "maxLength", 1_024),
    ("spec.queue.requests", "maxProperties", 3),
    ("spec.queue.requests{}", "maxLength", 32),
    ("spec.queue.limits", "maxProperties", 3),
    ("spec.queue.limits{}", "maxLength", 32),
    ("spec.template.spec.containers", "minItems", 1),
    ("spec.template.spec.containers", "maxItems", 100),
    ("spec.template.spec.containers[].name", "maxLength", 63),
    ("spec.template.spec.initContainers", "maxItems", 100),
    ("spec.template.spec.initContainers[].name", "maxLength", 63),
    ("spec.template.spec.restartPolicy", "maxLength", 16),
    ("spec.scaleTargetRef.apiVersion", "minLength", 1),
    ("spec.scaleTargetRef.apiVersion", "maxLength", 317),
    ("spec.scaleTargetRef.kind", "minLength", 1),
    ("spec.scaleTargetRef.kind", "maxLength", 63),
    ("spec.scaleTargetRef.name", "minLength", 1),
    ("spec.scaleTargetRef.name", "maxLength", 253),
    ("spec.scaling.panicThreshold", "maximum", 1_000_000),
    ("spec.scaling.shadow.panicThreshold", "maximum", 1_000_000),
];

/// Fields that take a word or a number.
const WORD_OR_NUMBER: [&str; 4] = [
    "spec.concurrency",
    "spec.scaling.target",
    "spec.scaling.shadow.target",
    "spec.scaling.burstCapacity",
];

/// Fields that take a word or a duration.
const WORD_OR_DURATION: [&str; 4] = [
    "spec.scaling.idleDelay",
    "spec.scaling.scaleDownDelay",
    "spec.scaling.shadow.idleDelay",
    "spec.scaling.shadow.scaleDownDelay",
];

/// Longest of those, and of a duration.
const LONGEST: u64 = 40;

/// Puts in what the manifest's own schema leaves to its check.
pub(super) fn bound(schema: &mut Value) {
    for path in WORD_OR_NUMBER {
        if let Some(field) = place(schema, path) {
            field["x-kubernetes-int-or-string"] = json!(true);
            field["maxLength"] = json!(LONGEST);
        }
    }
    for path in WORD_OR_DURATION {
        if let Some(field) = place(schema, path) {
            field["type"] = json!("string");
        }
    }
    if let Some(paused) = place(schema, "spec.scaling.paused") {
        // A bool or a count. There is no type for that, so each kind of value has a bound of its own; a list and a map
        // can keep to neither of theirs.
        let fields = json!({
            "x-kubernetes-preserve-unknown-fields": true,
            "minimum": 0, "maximum": i32::MAX, "multipleOf": 1,
            "pattern": "^(true|false|[0-9]{1,9})$",
            "minItems": 1, "maxItems": 0, "minProperties": 1, "maxProperties": 0,
        });
        if let (Some(paused), Value::Object(fields)) = (paused.as_object_mut(), fields) {
            paused.extend(fields);
        }
    }
    for (path, keyword, number) in BOUNDS {
        if let Some(field) = place(schema, path) {
            field[*keyword] = json!(number);
        }
    }
    signal_rules::bound(schema);
}

impl Rule {
    pub(super) fn is_at(&self, path: &str) -> bool {
        self.at == path
    }
    /// The same at another place.
    pub(super) fn moved_to(&self, at: String) -> Self {
        Self {
            at: Cow::Owned(at),
            ..self.clone()
        }
    }
    /// Adds the rule where it belongs.
    pub(super) fn put(&self, schema: &mut Value) {
        let Some(place) = place(schema, &self.at) else {
            return;
        };
        if self.rule.contains("self.matches('DURATION')")
            && let Some(fields) = place.as_object_mut()
        {
            // The rule tells better what would be right.
            fields.remove("pattern");
            fields.remove("minLength");
            fields.insert("maxLength".to_owned(), json!(LONGEST));
        }
        if let Some(fields) = place.as_object_mut()
            && self.rule.contains("self.matches(")
        {
            fields.remove("pattern");
        }
        let mut rule = json!({
            "rule": self.rule.replace("DURATION", DurationText::PATTERN).replace("DECIMAL", DECIMAL),
            "message": self.message,
        });
        if !self.field.is_empty() {
            rule["fieldPath"] = json!(self.field);
        }
        if self.required {
            rule["reason"] = json!("FieldValueRequired");
        }
        match place.get_mut("x-kubernetes-validations") {
            Some(Value::Array(rules)) => rules.push(rule),
            _ => place["x-kubernetes-validations"] = json!([rule]),
        }
    }
}

/// What stands at a path such as `spec.routes[].host`; `{}`: the values of a map.
pub(super) fn place<'a>(schema: &'a mut Value, path: &str) -> Option<&'a mut Value> {
    let steps = path.split('.').filter(|step| !step.is_empty());
    steps.into_iter().try_fold(schema, |place, step| {
        let (name, inner) = match (step.strip_suffix("[]"), step.strip_suffix("{}")) {
            (Some(name), _) => (name, Some("items")),
            (_, Some(name)) => (name, Some("additionalProperties")),
            _ => (step, None),
        };
        let field = place.get_mut("properties")?.get_mut(name)?;
        match inner {
            Some(inner) => field.get_mut(inner),
            None => Some(field),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resources::{crds, shadow_rules};

    /// A rule for a field that is called otherwise by now would be no rule.
    #[test]
    fn each_rule_and_bound_is_in_a_definition() {
        let mut schemas: Vec<_> = crds()
            .iter()
            .map(|definition| {
                let version = &definition.spec.versions[0];
                let schema = version.schema.as_ref().unwrap();
                serde_json::to_value(&schema.open_api_v3_schema).unwrap()
            })
            .collect();
        let mut there = |path: &str, keyword: &str| {
            schemas
                .iter_mut()
                .filter_map(|schema| place(schema, path))
                .any(|place| keyword.is_empty() || place.get(keyword).is_some())
        };
        let mut rules = [REVISION, SCALING, AUTOSCALER].concat();
        rules.extend(signal_rules::rules());
        rules.push(signal_rules::zero());
        rules.extend(shadow_rules::rules());
        rules.push(shadow_rules::not_in_mode_shadow());
        for rule in rules {
            assert!(there(&rule.at, "x-kubernetes-validations"), "{rule:?}");
            let told = format!("{}{}", rule.at, rule.field);
            assert!(there(&told, ""), "{rule:?}");
        }
        for (path, keyword, _) in BOUNDS {
            assert!(there(path, keyword), "{path}");
        }
        for path in WORD_OR_NUMBER {
            assert!(there(path, "x-kubernetes-int-or-string"), "{path}");
        }
    }
}
