// SPDX-License-Identifier: Apache-2.0
//! By what the load becomes known: one source each, and what each source needs.
use std::collections::BTreeMap;

use super::{Check, DNS_LABEL, requests::is_dns_label};
use crate::{
    DurationText, Endpoint, Platform, ScheduleSpec, Scheme, SignalSpec, Source, node::shown,
};

/// Most labels or tags of one signal.
const MAX_LABELS: usize = 16;

/// Longest query, in bytes.
const MAX_QUERY: usize = 4_096;

/// Longest name of a metric, a label or a file's path, in bytes.
const MAX_NAME: usize = 256;

const METRIC_NAME: &str = "should be the name of a metric, such as http_requests_total";

fn is_metric_name(text: &str) -> bool {
    (1..=MAX_NAME).contains(&text.len())
        && !text.starts_with(|c: char| c.is_ascii_digit())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b':'))
}

/// StatsD has its own use for some characters.
fn is_statsd_name(text: &str) -> bool {
    (1..=MAX_NAME).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && !matches!(byte, b':' | b'|' | b'@' | b'#'))
}

const STATSD_IN_A_CLUSTER: &str = "is taken on one machine only; in a cluster should be metrics, envoy or path, which are read \
                                   of each pod, or prometheus, with what has gathered it";

fn is_text(text: &str) -> bool {
    (1..=MAX_NAME).contains(&text.len()) && !text.chars().any(char::is_control)
}

/// Path and query, as they stand in a request.
fn is_path_and_query(text: &str) -> bool {
    text.starts_with('/')
        && text
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && byte != b'#')
}

impl Check<'_> {
    /// The signals of a revision or an autoscaler.
    pub(super) fn signals(
        &mut self,
        one: Option<&SignalSpec>,
        more: &[SignalSpec],
        platform: Platform,
    ) {
        if one.is_some() && !more.is_empty() {
            let message = "should be left out where signals is given";
            self.say("spec.signal", None, message);
        }
        if more.len() > SignalSpec::MOST {
            let message = format!("should have at most {} items", SignalSpec::MOST);
            let value = format!("a list of {}", more.len());
            self.say("spec.signals", Some(value), &message);
        }
        let one = one.map(|signal| ("spec.signal".to_owned(), signal));
        let more = (more.iter().take(SignalSpec::MOST).enumerate())
            .map(|(index, signal)| (format!("spec.signals[{index}]"), signal));
        let mut names = Vec::new();
        let mut requests = None;
        for (field, spec) in one.into_iter().chain(more) {
            let sources: Vec<_> = spec.sources().collect();
            let [source] = sources.as_slice() else {
                let given: Vec<_> = sources.iter().map(|source| source.name()).collect();
                let value = (!given.is_empty()).then(|| given.join(" and "));
                let message = "should have one source, such as envoy: {port: 15090}";
                self.say(&field, value, message);
                continue;
            };
            if let Some(name) = &spec.name {
                self.text(&format!("{field}.name"), name, DNS_LABEL, is_dns_label);
            }
            let name = spec.name.as_deref().unwrap_or_else(|| source.name());
            if names.contains(&name) {
                let message = "is the name of another signal; give it a name of its own";
                self.say(&format!("{field}.name"), Some(shown(name)), message);
            }
            names.push(name);
            if source.counts_requests()
                && let Some(first) = requests.replace(source.name())
            {
                let message = format!(
                    "should be the only one that counts requests in flight, and {first} does"
                );
                self.say(&format!("{field}.{}", source.name()), None, &message);
            }
            self.source(&format!("{field}.{}", source.name()), *source, platform);
        }
    }

    /// The replicas of one machine have one address: a port of its own would be whosever took it first, and count for all.
    pub(super) fn ports(&mut self, one: Option<&SignalSpec>, more: &[SignalSpec]) {
        let one = one.map(|signal| ("spec.signal".to_owned(), signal));
        let more = (more.iter().take(SignalSpec::MOST).enumerate())
            .map(|(index, signal)| (format!("spec.signals[{index}]"), signal));
        for (field, spec) in one.into_iter().chain(more) {
            for source in spec.sources() {
                if let Some(port) = source.port() {
                    let field = format!("{field}.{}.port", source.name());
                    let message = "should be left out, for each replica listens at a port of its own (or spec.scaling.max should be 1)";
                    self.say(&field, Some(port.to_string()), message);
                }
            }
        }
    }

    fn source(&mut self, field: &str, source: Source<'_>, platform: Platform) {
        match source {
            Source::Queue(page) => self.page(field, &page.endpoint(), page.scheme, page),
            Source::Nginx(page) => self.page(field, &page.endpoint(), page.scheme, page),
            Source::Knative(page) => self.page(field, &page.endpoint(), page.scheme, page),
            Source::Vllm(page) => self.page(field, &page.endpoint(), page.scheme, page),
            Source::Envoy(page) => {
                self.page(field, &page.endpoint(), page.scheme, page);
                self.only(&format!("{field}.cluster"), page.cluster.as_deref());
            }
            Source::Haproxy(page) => {
                self.page(field, &page.endpoint(), page.scheme, page);
                self.only(&format!("{field}.proxy"), page.proxy.as_deref());
            }
            Source::Traefik(page) => {
                self.page(field, &page.endpoint(), page.scheme, page);
                self.only(&format!("{field}.service"), page.service.as_deref());
            }
            Source::Caddy(page) => {
                self.page(field, &page.endpoint(), page.scheme, page);
                self.only(&format!("{field}.server"), page.server.as_deref());
            }
            Source::Metrics(page) => {
                self.page(field, &page.endpoint(), page.scheme, page);
                let given = [&page.in_flight, &page.requests, &page.seconds];
                self.counted(field, given);
                for (name, metric) in [
                    ("inFlight", &page.in_flight),
                    ("requests", &page.requests),
                    ("seconds", &page.seconds),
                    ("waiting", &page.waiting),
                ] {
                    if let Some(metric) = metric {
                        let field = format!("{field}.{name}");
                        self.text(&field, metric, METRIC_NAME, is_metric_name);
                    }
                }
                self.labels(&format!("{field}.labels"), &page.labels);
            }
            Source::Path(path) => {
                let plain = self
                    .node
                    .is_none_or(|node| node.field(&format!("{field}.path")).is_none());
                let at = if plain {
                    field.to_owned()
                } else {
                    format!("{field}.path")
                };
                let page = &path.0;
                self.endpoint(&at, field, &path.endpoint());
                self.tls(field, page.scheme, page.ca_file.as_deref(), page.insecure);
            }
            Source::Statsd(_) if platform == Platform::Cluster => {
                self.say(field, None, STATSD_IN_A_CLUSTER);
            }
            Source::Statsd(statsd) => {
                self.counted(
                    field,
                    [&statsd.in_flight, &statsd.requests, &statsd.seconds],
                );
                for (name, metric) in [
                    ("inFlight", &statsd.in_flight),
                    ("requests", &statsd.requests),
                    ("seconds", &statsd.seconds),
                ] {
                    if let Some(metric) = metric {
                        let message = "should be a name as StatsD has it, without any of : | @ #";
                        self.text(&format!("{field}.{name}"), metric, message, is_statsd_name);
                    }
                }
                self.labels(&format!("{field}.tags"), &statsd.tags);
            }
            other => self.gauge(field, other, platform),
        }
    }

    fn gauge(&mut self, field: &str, source: Source<'_>, platform: Platform) {
        let of_cluster = matches!(source, Source::External(_) | Source::Custom(_));
        if of_cluster && platform == Platform::OneMachine {
            let message = "is for a cluster, whose API tells it";
            self.say(field, None, message);
        }
        match source {
            Source::Cpu(cpu) => self.between(&format!("{field}.target"), cpu.target, 1.0, 1e5),
            Source::Memory(memory) => {
                let number = memory.target.number();
                if !number.is_some_and(|bytes| (1.0..=1e18).contains(&bytes)) {
                    let value = (!memory.target.0.is_empty()).then(|| shown(&memory.target.0));
                    let message = "should be bytes as text, such as 400Mi or 1.5Gi";
                    self.say(&format!("{field}.target"), value, message);
                }
            }
            Source::Prometheus(query) => {
                let message = "should be an address such as http://prometheus:9090";
                self.text(
                    &format!("{field}.server"),
                    &query.server,
                    message,
                    is_address,
                );
                let at = format!("{field}.query");
                if query.query.trim().is_empty() || query.query.len() > MAX_QUERY {
                    let value = format!("{} bytes long", query.query.len());
                    let message = format!("should be a query of 1 to {MAX_QUERY} bytes");
                    self.say(&at, Some(value), &message);
                }
                self.amount(field, "perReplica", query.per_replica);
                self.activation(field, query.activation);
                self.interval(field, query.interval);
                for (name, file) in [
                    ("tokenFile", &query.token_file),
                    ("caFile", &query.ca_file),
                    ("certFile", &query.cert_file),
                    ("keyFile", &query.key_file),
                ] {
                    self.file(&format!("{field}.{name}"), file.as_deref());
                }
                if query.cert_file.is_some() != query.key_file.is_some() {
                    let message = "should be given both, certFile and keyFile, or neither";
                    self.say(&format!("{field}.certFile"), None, message);
                }
            }
            Source::External(metric) => {
                let at = format!("{field}.metric");
                self.text(&at, &metric.metric, METRIC_IS, is_text);
                self.amount(field, "perReplica", metric.per_replica);
                self.activation(field, metric.activation);
                self.interval(field, metric.interval);
                self.labels(&format!("{field}.selector"), &metric.selector);
            }
            Source::Custom(metric) => {
                let at = format!("{field}.metric");
                self.text(&at, &metric.metric, METRIC_IS, is_text);
                self.amount(field, "target", metric.target);
                self.interval(field, metric.interval);
                if let Some(object) = &metric.object {
                    let version = object.api_version.as_deref().unwrap_or("v1");
                    for (name, text) in [
                        ("apiVersion", version),
                        ("kind", &object.kind),
                        ("name", &object.name),
                    ] {
                        let message = "should be 1 to 256 characters long";
                        self.text(&format!("{field}.object.{name}"), text, message, is_text);
                    }
                }
            }
            Source::Page(page) => {
                self.page(field, &page.endpoint(), page.scheme, page);
                let at = format!("{field}.metric");
                self.text(&at, &page.metric, METRIC_NAME, is_metric_name);
                self.amount(field, "perReplica", page.per_replica);
                self.activation(field, page.activation);
                self.labels(&format!("{field}.labels"), &page.labels);
            }
            _ => {}
        }
    }

    fn page(
        &mut self,
        field: &str,
        endpoint: &Endpoint,
        scheme: Option<Scheme>,
        page: &dyn crate::signal::Tls,
    ) {
        self.endpoint(&format!("{field}.path"), field, endpoint);
        self.tls(field, scheme, page.ca_file(), page.insecure());
    }

    fn endpoint(&mut self, path: &str, field: &str, endpoint: &Endpoint) {
        let message = "should be a path such as /metrics";
        self.text(path, &endpoint.path, message, is_path_and_query);
        if endpoint.port == Some(0) {
            let message = "should be a port from 1 to 65535";
            self.say(&format!("{field}.port"), Some("0".to_owned()), message);
        }
    }

    fn tls(
        &mut self,
        field: &str,
        scheme: Option<Scheme>,
        ca_file: Option<&str>,
        insecure: Option<bool>,
    ) {
        self.file(&format!("{field}.caFile"), ca_file);
        if scheme != Some(Scheme::Https) {
            let message = "should be left out where scheme is not https";
            for (name, given) in [
                ("caFile", ca_file.is_some()),
                ("insecure", insecure.is_some()),
            ] {
                if given {
                    self.say(&format!("{field}.{name}"), None, message);
                }
            }
        }
    }

    /// A page that counts requests has to have what can be counted.
    fn counted(&mut self, field: &str, given: [&Option<String>; 3]) {
        let [in_flight, requests, seconds] = given.map(Option::is_some);
        if requests != seconds || !(in_flight || requests) {
            let message =
                "should have inFlight, or requests and seconds together, or all three of them";
            self.say(field, None, message);
        }
    }

    fn only(&mut self, field: &str, name: Option<&str>) {
        if let Some(name) = name {
            let message = "should be a name of 1 to 256 characters";
            self.text(field, name, message, is_text);
        }
    }

    fn file(&mut self, field: &str, file: Option<&str>) {
        if let Some(file) = file {
            self.text(field, file, "should be the path of a file", is_text);
        }
    }

    fn labels(&mut self, field: &str, labels: &BTreeMap<String, String>) {
        if labels.len() > MAX_LABELS {
            let message = format!("should have at most {MAX_LABELS} fields");
            self.say(field, Some(format!("a map of {}", labels.len())), &message);
        }
        let right = |(name, value): (&String, &String)| is_text(name) && value.len() <= MAX_NAME;
        if !labels.iter().all(right) {
            let message = "should be names and values of at most 256 bytes each";
            self.say(field, None, message);
        }
    }

    fn between(&mut self, field: &str, value: f64, least: f64, most: f64) {
        if !(least..=most).contains(&value) {
            let message = format!("should be a number from {least} to {most}");
            self.say(field, Some(value.to_string()), &message);
        }
    }

    fn amount(&mut self, field: &str, name: &str, value: f64) {
        if !(value > 0.0 && value <= 1e15) {
            let message = "should be a number above 0: what one replica is meant for";
            self.say(&format!("{field}.{name}"), Some(value.to_string()), message);
        }
    }

    fn activation(&mut self, field: &str, value: Option<f64>) {
        if let Some(value) = value {
            self.between(&format!("{field}.activation"), value, 0.0, 1e15);
        }
    }

    fn interval(&mut self, field: &str, interval: Option<DurationText>) {
        if let Some(DurationText(interval)) = interval
            && !(1..=3600).contains(&interval.as_secs())
        {
            let value = DurationText(interval).to_string();
            let message = "should be from 1s to 1h";
            self.say(&format!("{field}.interval"), Some(value), message);
        }
    }

    pub(super) fn schedules(&mut self, schedules: &[ScheduleSpec], max: Option<u32>) {
        if schedules.len() > ScheduleSpec::MOST {
            let message = format!("should have at most {} items", ScheduleSpec::MOST);
            let value = format!("a list of {}", schedules.len());
            self.say("spec.scaling.schedules", Some(value), &message);
        }
        for (index, schedule) in schedules.iter().enumerate().take(ScheduleSpec::MOST) {
            let field = format!("spec.scaling.schedules[{index}]");
            if let Err(wrong) = schedule.begins() {
                let value = (!schedule.cron.is_empty()).then(|| shown(&schedule.cron));
                self.say(&format!("{field}.cron"), value, &wrong.to_string());
            }
            let lasts = schedule.lasts.map(|DurationText(lasts)| lasts.as_secs());
            if !lasts.is_some_and(|seconds| (60..=7 * 86_400).contains(&seconds)) {
                let value = schedule.lasts.map(|lasts| lasts.to_string());
                let message = "should be a duration such as 10h, from 1m to 168h";
                self.say(&format!("{field}.for"), value, message);
            }
            if let Err(wrong) = schedule.zone() {
                let value = schedule.time_zone.as_deref().map(shown);
                self.say(&format!("{field}.timeZone"), value, &wrong.to_string());
            }
            if schedule.min == 0 || schedule.min > i32::MAX.unsigned_abs() {
                let message = "should be from 1 to 2147483647: the least while it is on";
                self.say(
                    &format!("{field}.min"),
                    Some(schedule.min.to_string()),
                    message,
                );
            } else if let Some(max) = max.filter(|max| schedule.min > *max) {
                let message = format!("should be at most max, {max}");
                self.say(
                    &format!("{field}.min"),
                    Some(schedule.min.to_string()),
                    &message,
                );
            }
            if let Some(name) = &schedule.name {
                let right = |text: &str| is_text(text) && text.len() <= 63;
                let message = "should be a name of 1 to 63 characters";
                self.text(&format!("{field}.name"), name, message, right);
            }
        }
    }
}

const METRIC_IS: &str = "should be the name of a metric, of 1 to 256 characters";

fn is_address(text: &str) -> bool {
    let rest = text
        .strip_prefix("http://")
        .or_else(|| text.strip_prefix("https://"));
    rest.is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/'))
        && text
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'#' | b'?' | b'@'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_addresses() {
        assert!(
            is_metric_name("http:requests_total")
                && !is_metric_name("1a")
                && !is_metric_name("a-b")
        );
        assert!(is_statsd_name("a.b-c") && !is_statsd_name("a:b") && !is_statsd_name("a b"));
        assert!(
            is_path_and_query("/a?b=c") && !is_path_and_query("a") && !is_path_and_query("/a#b")
        );
        for right in ["http://a", "https://a.b:90/c"] {
            assert!(is_address(right), "{right}");
        }
        for wrong in [
            "",
            "a",
            "ftp://a",
            "http://",
            "http:///a",
            "http://a b",
            "http://u:p@a",
        ] {
            assert!(!is_address(wrong), "{wrong}");
        }
    }
}
