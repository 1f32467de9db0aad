// SPDX-License-Identifier: Apache-2.0
//! Our metrics and decisions in the words of OpenTelemetry.
use cheerful_autoscaler::DecisionLine;
use opentelemetry_proto::tonic::{
    collector::{logs::v1::ExportLogsServiceRequest, metrics::v1::ExportMetricsServiceRequest},
    common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value},
    logs::v1::{LogRecord, ResourceLogs, ScopeLogs, SeverityNumber},
    metrics::v1::{
        AggregationTemporality, Gauge, Histogram, HistogramDataPoint, Metric, NumberDataPoint,
        ResourceMetrics, ScopeMetrics, Sum, metric, number_data_point,
    },
    resource::v1::Resource,
};

use crate::api::{
    metrics::{Sample, Samples, Value},
    rows::{Kind, Row},
};

/// Who tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Teller {
    /// `service.name`.
    pub(super) service: String,
    /// `service.instance.id`: the pod, or the process.
    pub(super) instance: String,
    /// When the counters began, in nanoseconds since 1970.
    pub(super) began: u64,
}

/// All samples as of one moment, in nanoseconds since 1970.
pub(super) fn metrics(
    teller: &Teller,
    samples: &Samples,
    rows: &[Row],
    now: u64,
) -> ExportMetricsServiceRequest {
    let metrics = rows
        .iter()
        .filter_map(|row| Some(metric_of(row, samples.of(row.name)?, teller.began, now)))
        .collect();
    ExportMetricsServiceRequest {
        resource_metrics: vec![ResourceMetrics {
            resource: Some(teller.resource()),
            scope_metrics: vec![ScopeMetrics {
                scope: Some(scope()),
                metrics,
                ..ScopeMetrics::default()
            }],
            ..ResourceMetrics::default()
        }],
    }
}

fn metric_of(row: &Row, samples: &[Sample], began: u64, now: u64) -> Metric {
    let attributes = |sample: &Sample| {
        let labels = row.labels.iter().zip(sample.labels());
        labels.map(|(name, value)| text(name, value)).collect()
    };
    let numbers = || {
        let points = samples.iter().filter_map(|sample| {
            let value = match sample.value() {
                Value::Count(count) => {
                    number_data_point::Value::AsInt(i64::try_from(*count).unwrap_or(i64::MAX))
                }
                Value::Gauge(value) | Value::Sum(value) => {
                    number_data_point::Value::AsDouble(*value)
                }
                Value::Buckets { .. } => return None,
            };
            Some(NumberDataPoint {
                attributes: attributes(sample),
                start_time_unix_nano: if row.kind == Kind::Counter { began } else { 0 },
                time_unix_nano: now,
                value: Some(value),
                ..NumberDataPoint::default()
            })
        });
        points.collect()
    };
    let data = match row.kind {
        Kind::Gauge => metric::Data::Gauge(Gauge {
            data_points: numbers(),
        }),
        Kind::Counter => metric::Data::Sum(Sum {
            data_points: numbers(),
            aggregation_temporality: AggregationTemporality::Cumulative.into(),
            is_monotonic: true,
        }),
        Kind::Histogram => metric::Data::Histogram(Histogram {
            data_points: (samples.iter())
                .filter_map(|sample| histogram(sample, attributes(sample), began, now))
                .collect(),
            aggregation_temporality: AggregationTemporality::Cumulative.into(),
        }),
    };
    Metric {
        name: format!("cheerful_{}", row.name),
        description: row.help.to_owned(),
        unit: if row.seconds { "s" } else { "1" }.to_owned(),
        data: Some(data),
        ..Metric::default()
    }
}

fn histogram(
    sample: &Sample,
    attributes: Vec<KeyValue>,
    began: u64,
    now: u64,
) -> Option<HistogramDataPoint> {
    let Value::Buckets { sum, buckets } = sample.value() else {
        return None;
    };
    let finite = buckets.iter().filter(|(bound, _)| bound.is_finite());
    Some(HistogramDataPoint {
        attributes,
        start_time_unix_nano: began,
        time_unix_nano: now,
        count: buckets.iter().map(|(_, count)| count).sum(),
        sum: Some(*sum),
        bucket_counts: buckets.iter().map(|(_, count)| *count).collect(),
        explicit_bounds: finite.map(|(bound, _)| *bound).collect(),
        ..HistogramDataPoint::default()
    })
}

/// Decisions as records of a log; `Panic` is a warning.
pub(super) fn decisions(
    teller: &Teller,
    decisions: &[(String, DecisionLine)],
    now: u64,
) -> ExportLogsServiceRequest {
    let record = |(revision, decision): &(String, DecisionLine)| {
        let severity = match decision.mode.as_str() {
            "panic" => SeverityNumber::Warn,
            _ => SeverityNumber::Info,
        };
        LogRecord {
            time_unix_nano: decision.unix_millis.saturating_mul(1_000_000),
            observed_time_unix_nano: now,
            severity_number: severity.into(),
            severity_text: if severity == SeverityNumber::Warn {
                "WARN".to_owned()
            } else {
                "INFO".to_owned()
            },
            body: Some(string(&decision.sentence)),
            attributes: vec![
                text("revision", revision),
                text("mode", &decision.mode),
                whole("from", decision.from),
                whole("replicas", decision.replicas),
            ],
            event_name: "cheerful.decision".to_owned(),
            ..LogRecord::default()
        }
    };
    ExportLogsServiceRequest {
        resource_logs: vec![ResourceLogs {
            resource: Some(teller.resource()),
            scope_logs: vec![ScopeLogs {
                scope: Some(scope()),
                log_records: decisions.iter().map(record).collect(),
                ..ScopeLogs::default()
            }],
            ..ResourceLogs::default()
        }],
    }
}

impl Teller {
    fn resource(&self) -> Resource {
        Resource {
            attributes: vec![
                text("service.name", &self.service),
                text("service.instance.id", &self.instance),
                text("service.version", env!("CARGO_PKG_VERSION")),
            ],
            ..Resource::default()
        }
    }
}

fn scope() -> InstrumentationScope {
    InstrumentationScope {
        name: "cheerful".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        ..InstrumentationScope::default()
    }
}

fn string(text: &str) -> AnyValue {
    AnyValue {
        value: Some(any_value::Value::StringValue(text.to_owned())),
    }
}

fn text(name: &str, value: &str) -> KeyValue {
    KeyValue {
        key: name.to_owned(),
        value: Some(string(value)),
        ..KeyValue::default()
    }
}

fn whole(name: &str, value: u32) -> KeyValue {
    KeyValue {
        key: name.to_owned(),
        value: Some(AnyValue {
            value: Some(any_value::Value::IntValue(value.into())),
        }),
        ..KeyValue::default()
    }
}
