// SPDX-License-Identifier: Apache-2.0
//! The rules of `signal`, `signals` and `schedules`: the same for one signal and for each of several.
use serde_json::{Value, json};

use super::rules::{Rule, place, rule};

/// The sources that count requests in flight, but for `path`: one that is text or a map cannot be seen by a rule.
const REQUESTS: [&str; 10] = [
    "queue", "envoy", "nginx", "haproxy", "traefik", "caddy", "knative", "vllm", "metrics",
    "statsd",
];

/// The other sources.
const GAUGES: [&str; 6] = ["cpu", "memory", "prometheus", "external", "custom", "page"];

/// The sources that are read by HTTP from each replica, but for `path`.
const PAGES: [&str; 10] = [
    "queue", "envoy", "nginx", "haproxy", "traefik", "caddy", "knative", "vllm", "metrics", "page",
];

/// Longest name of a metric, a label or a file's path.
const LONGEST_NAME: u64 = 256;

const TEXT: &str = r"!self.matches(r'\p{Cc}')";
const TEXT_IS: &str = "should be 1 to 256 characters long, none of them a control character";
const METRIC: &str = "self.matches('^[a-zA-Z_:][a-zA-Z0-9_:]*$')";
const METRIC_IS: &str = "should be the name of a metric, such as http_requests_total";
const STATSD_IS: &str = "is taken on one machine only; in a cluster should be metrics, envoy or path, which are read of each \
                         pod, or prometheus, with what has gathered it";
const LABELS: &str =
    r"self.all(name, size(name) >= 1 && size(name) <= 256 && !name.matches(r'\p{Cc}'))";
const LABELS_ARE: &str = "should be names and values of at most 256 bytes each";
const COUNTED: &str =
    "has(self.requests) == has(self.seconds) && (has(self.inFlight) || has(self.requests))";
const COUNTED_IS: &str =
    "should have inFlight, or requests and seconds together, or all three of them";
const INTERVAL: &str = "self.matches('DURATION') && duration(self) >= duration('1s') && duration(self) <= duration('1h')";
const INTERVAL_IS: &str = "should be a duration such as 15s, from 1s to 1h";

/// Below a signal: the field, the rule, and what would be right.
const OF_A_SOURCE: &[(&str, &str, &str)] = &[
    ("envoy.cluster", TEXT, TEXT_IS),
    ("haproxy.proxy", TEXT, TEXT_IS),
    ("traefik.service", TEXT, TEXT_IS),
    ("caddy.server", TEXT, TEXT_IS),
    ("metrics", COUNTED, COUNTED_IS),
    ("metrics.inFlight", METRIC, METRIC_IS),
    ("metrics.requests", METRIC, METRIC_IS),
    ("metrics.seconds", METRIC, METRIC_IS),
    ("metrics.waiting", METRIC, METRIC_IS),
    ("metrics.labels", LABELS, LABELS_ARE),
    // Refused, and not left out of the schema: an API server that does not know a field may drop it without a word.
    ("statsd", "false", STATSD_IS),
    (
        "memory.target",
        "self.matches('^[0-9]{1,15}([.][0-9]{1,9})?(k|M|G|T|P|Ki|Mi|Gi|Ti|Pi)?$') \
         && !quantity(self).isLessThan(quantity('1')) && !quantity(self).isGreaterThan(quantity('1000P'))",
        "should be bytes as text, such as 400Mi or 1.5Gi",
    ),
    (
        "prometheus.server",
        "self.matches('^https?://[!-~]+$') && !self.matches('^https?:///|[#?@]')",
        "should be an address such as http://prometheus:9090",
    ),
    (
        "prometheus.query",
        r"self.matches(r'\S')",
        "should be a query of 1 to 4096 bytes",
    ),
    ("prometheus.interval", INTERVAL, INTERVAL_IS),
    ("prometheus.tokenFile", TEXT, TEXT_IS),
    ("prometheus.caFile", TEXT, TEXT_IS),
    ("prometheus.certFile", TEXT, TEXT_IS),
    ("prometheus.keyFile", TEXT, TEXT_IS),
    (
        "prometheus",
        "has(self.certFile) == has(self.keyFile)",
        "should be given both, certFile and keyFile, or neither",
    ),
    ("external.metric", TEXT, TEXT_IS),
    ("external.interval", INTERVAL, INTERVAL_IS),
    ("external.selector", LABELS, LABELS_ARE),
    ("custom.metric", TEXT, TEXT_IS),
    ("custom.interval", INTERVAL, INTERVAL_IS),
    ("custom.object.apiVersion", TEXT, TEXT_IS),
    ("custom.object.kind", TEXT, TEXT_IS),
    ("custom.object.name", TEXT, TEXT_IS),
    ("page.metric", METRIC, METRIC_IS),
    ("page.labels", LABELS, LABELS_ARE),
];

/// Longest texts and largest numbers below a signal.
const BOUNDS: &[(&str, &str, u64)] = &[
    ("name", "maxLength", 63),
    ("cpu.target", "minimum", 1),
    ("prometheus.server", "maxLength", 1_024),
    ("prometheus.query", "maxLength", 4_096),
    ("prometheus.query", "minLength", 1),
    ("prometheus.perReplica", "maximum", 1_000_000_000_000_000),
    ("prometheus.activation", "maximum", 1_000_000_000_000_000),
    ("external.perReplica", "maximum", 1_000_000_000_000_000),
    ("external.activation", "maximum", 1_000_000_000_000_000),
    ("custom.target", "maximum", 1_000_000_000_000_000),
    ("page.perReplica", "maximum", 1_000_000_000_000_000),
    ("page.activation", "maximum", 1_000_000_000_000_000),
    ("metrics.labels", "maxProperties", 16),
    ("metrics.labels{}", "maxLength", LONGEST_NAME),
    ("page.labels", "maxProperties", 16),
    ("page.labels{}", "maxLength", LONGEST_NAME),
    ("external.selector", "maxProperties", 16),
    ("external.selector{}", "maxLength", LONGEST_NAME),
    ("memory.target", "maxLength", 32),
];

const SIGNALS: [&str; 2] = ["spec.signal", "spec.signals[]"];
const SCHEDULES: &str = "spec.scaling.schedules";

/// Of both kinds.
pub(super) fn rules() -> Vec<Rule> {
    let mut rules = vec![
        rule(
            "spec",
            ".signal",
            "!has(self.signal) || !has(self.signals) || self.signals.size() == 0",
            "should be left out where signals is given",
        ),
        rule(
            "spec.signals",
            "",
            format!("self.filter(s, !({})).size() <= 1", any("s", &GAUGES)),
            "should have only one that counts requests in flight",
        ),
        rule("spec.signals", "", names(), "should have names that differ"),
    ];
    for signal in SIGNALS {
        rules.push(rule(
            format!("{signal}.name"),
            "",
            "self.matches('^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$')",
            "should be a DNS label: 1 to 63 lower-case letters, digits and -, with a letter or digit at both ends",
        ));
        for page in PAGES {
            rules.push(rule(
                format!("{signal}.{page}"),
                "",
                "(has(self.scheme) && self.scheme == 'https') || (!has(self.caFile) && !has(self.insecure))",
                "should have caFile or insecure only where scheme is https",
            ));
            rules.push(rule(
                format!("{signal}.{page}.path"),
                "",
                "self.matches('^/[!-~]*$') && !self.matches('#')",
                "should be a path such as /metrics",
            ));
            rules.push(rule(format!("{signal}.{page}.caFile"), "", TEXT, TEXT_IS));
        }
        for (field, right, message) in OF_A_SOURCE {
            rules.push(rule(format!("{signal}.{field}"), "", *right, message));
        }
    }
    rules.extend(schedules());
    rules
}

fn schedules() -> [Rule; 5] {
    [
        rule(
            "spec.scaling",
            ".schedules",
            "!has(self.schedules) || !has(self.max) || self.schedules.all(s, s.min <= self.max)",
            "should have a min of at most max",
        ),
        rule(
            format!("{SCHEDULES}[].cron"),
            "",
            format!("self.matches('{}')", cron()),
            "should be five fields with one space between: minute, hour, day of the month, month, day of the week, \
             such as 0 8 * * mon-fri",
        ),
        rule(
            format!("{SCHEDULES}[].for"),
            "",
            "self.matches('DURATION') && duration(self) >= duration('1m') && duration(self) <= duration('168h')",
            "should be a duration such as 10h, from 1m to 168h",
        ),
        rule(
            format!("{SCHEDULES}[].timeZone"),
            "",
            "self.matches('^[A-Za-z][A-Za-z0-9/_+-]{0,63}$')",
            "should be the IANA's name of a time zone, such as Europe/Berlin",
        ),
        rule(format!("{SCHEDULES}[].name"), "", TEXT, TEXT_IS),
    ]
}

/// Of an Autoscaler: without a replica, nothing holds requests.
pub(super) fn zero() -> Rule {
    let known = |of: &str| {
        format!(
            "has({of}.prometheus) || has({of}.external) || (has({of}.custom) && has({of}.custom.object))"
        )
    };
    rule(
        "spec",
        ".scaling.min",
        format!(
            "!has(self.scaling) || !has(self.scaling.min) || self.scaling.min >= 1 \
             || (has(self.signal) && ({})) \
             || (has(self.signals) && self.signals.exists(s, {}) && self.signals.all(s, {}))",
            known("self.signal"),
            known("s"),
            any("s", &GAUGES)
        ),
        "should be at least 1: nothing holds the requests for a workload of somebody else's while it is at zero (0 is \
         right where every signal is a gauge, and one of them, prometheus, external, or custom with an object, is known \
         without a replica)",
    )
}

fn any(of: &str, fields: &[&str]) -> String {
    let fields: Vec<_> = fields
        .iter()
        .map(|field| format!("has({of}.{field})"))
        .collect();
    fields.join(" || ")
}

/// No name twice, where one that is not given is the source's.
fn names() -> String {
    let mut rules = vec![
        "self.all(a, !has(a.name) || self.exists_one(b, has(b.name) && b.name == a.name))"
            .to_owned(),
    ];
    for source in REQUESTS.iter().chain(&GAUGES) {
        rules.push(format!(
            "self.filter(s, has(s.name) ? s.name == '{source}' : has(s.{source})).size() <= 1"
        ));
    }
    rules.join(" && ")
}

/// What a cron expression looks like; not all that look so begin before they end.
fn cron() -> String {
    let field = |value: &str, step: &str| {
        let item = format!("([*](/{step})?|({value})(-({value})(/{step})?)?)");
        format!("{item}(,{item})*")
    };
    let (sixty, hours) = ("[0-5]?[0-9]", "[01]?[0-9]|2[0-3]");
    let (days, months) = ("0?[1-9]|[12][0-9]|3[01]", "0?[1-9]|1[0-2]");
    let months = format!("{months}|(?i:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)");
    let week = "0?[0-7]|(?i:sun|mon|tue|wed|thu|fri|sat)";
    format!(
        "^{} {} {} {} {}$",
        field(sixty, "(0?[1-9]|[1-5][0-9])"),
        field(hours, "(0?[1-9]|1[0-9]|2[0-3])"),
        field(days, &format!("({days})")),
        field(&months, "(0?[1-9]|1[0-2])"),
        field(week, "0?[1-7]")
    )
}

/// Puts in what the manifest's own schema leaves to its check.
pub(super) fn bound(schema: &mut Value) {
    for signal in SIGNALS {
        if let Some(path) = place(schema, &format!("{signal}.path")) {
            *path = path_or_map(path);
        }
        if let Some(place) = place(schema, signal) {
            let sources = REQUESTS.iter().chain(&GAUGES).chain(&["path"]);
            place["oneOf"] = sources
                .map(|source| json!({"required": [source]}))
                .collect();
            if let Some(fields) = place.as_object_mut() {
                fields.remove("minProperties");
                fields.remove("maxProperties");
            }
        }
        let mut bound = |field: &str, keyword: &str, number: u64| {
            if let Some(place) = place(schema, &format!("{signal}.{field}")) {
                place[keyword] = json!(number);
            }
        };
        for page in PAGES {
            bound(&format!("{page}.path"), "maxLength", 1_024);
            bound(&format!("{page}.caFile"), "minLength", 1);
            bound(&format!("{page}.caFile"), "maxLength", LONGEST_NAME);
        }
        for (field, right, _) in OF_A_SOURCE {
            if [TEXT, METRIC].contains(right) {
                bound(field, "minLength", 1);
                bound(field, "maxLength", LONGEST_NAME);
            }
        }
        for (field, keyword, number) in BOUNDS {
            bound(field, keyword, *number);
        }
    }
    for (field, keyword, number) in [
        ("", "maxItems", 16),
        ("[].cron", "maxLength", 256),
        ("[].timeZone", "maxLength", 64),
        ("[].name", "maxLength", 63),
    ] {
        if let Some(place) = place(schema, &format!("{SCHEDULES}{field}")) {
            place[keyword] = json!(number);
        }
    }
    // They are told at `signal`.
    if let Some(Value::Object(sources)) =
        place(schema, "spec.signals[]").and_then(|signal| signal.get_mut("properties"))
    {
        sources.values_mut().for_each(without_descriptions);
    }
}

/// Text or a map. There is no type for that, so each kind of value has a bound of its own; a list and a number can keep
/// to neither of theirs.
fn path_or_map(path: &Value) -> Value {
    json!({
        "description": path["description"],
        "x-kubernetes-preserve-unknown-fields": true,
        "pattern": "^/[!-\"$-~]*$",
        "maxLength": 1024,
        "not": {"enum": [true, false]},
        "minItems": 1, "maxItems": 0, "minimum": 1, "maximum": 0,
        "properties": {
            "path": {"type": "string", "pattern": "^/[!-\"$-~]*$", "maxLength": 1024},
            "port": {"type": "integer", "minimum": 1, "maximum": u16::MAX},
            "scheme": {"type": "string", "enum": ["http", "https"]},
            "caFile": {"type": "string", "minLength": 1, "maxLength": LONGEST_NAME},
            "insecure": {"type": "boolean"},
        },
        "required": ["path"],
        "maxProperties": 5,
    })
}

fn without_descriptions(schema: &mut Value) {
    let Some(fields) = schema.as_object_mut() else {
        return;
    };
    fields.remove("description");
    if let Some(Value::Object(properties)) = fields.get_mut("properties") {
        properties.values_mut().for_each(without_descriptions);
    }
}
