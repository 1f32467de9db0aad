// SPDX-License-Identifier: Apache-2.0
use std::sync::Mutex;

use axum::{Router, body::Bytes as Body, extract::State, http::HeaderMap, routing::post};
use opentelemetry_proto::tonic::{
    collector::{logs::v1::ExportLogsServiceRequest, metrics::v1::ExportMetricsServiceRequest},
    common::v1::{KeyValue, any_value::Value as AnyOf},
    metrics::v1::{AggregationTemporality, Metric, metric::Data, number_data_point},
};
use tokio::{net::TcpListener, task::JoinSet};

use super::*;
use crate::api::metrics::Value;

/// What came: its path, its headers, its bytes.
type Came = Arc<Mutex<Vec<(&'static str, HeaderMap, Body)>>>;

/// A collector on loopback that answers with `status`, and its address.
async fn collector(tasks: &mut JoinSet<()>, status: StatusCode) -> (String, Came) {
    let came = Came::default();
    let take = |path: &'static str| {
        post(
            move |State(came): State<Came>, headers: HeaderMap, body: Body| async move {
                came.lock().unwrap().push((path, headers, body));
                status
            },
        )
    };
    let router = Router::new()
        .route("/v1/metrics", take("/v1/metrics"))
        .route("/v1/logs", take("/v1/logs"))
        .with_state(Arc::clone(&came));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tasks.spawn(async move { axum::serve(listener, router).await.unwrap() });
    (format!("http://{address}"), came)
}

struct Fixed;

impl Readable for Fixed {
    async fn samples(&self) -> Option<Samples> {
        let mut samples = Samples::default();
        samples.gauge("revision_replicas", &["hello", "ready"], 3.0);
        samples.count("decisions", &["panic"], 7);
        let buckets = vec![(0.5, 4), (1.0, 0), (f64::INFINITY, 1)];
        samples.add("scale_latency", &[], Value::Buckets { sum: 2.5, buckets });
        Some(samples)
    }
}

fn options(endpoint: String) -> OtlpOptions {
    let mut headers = HeaderMap::new();
    headers.insert("authorization", "Bearer x".parse().unwrap());
    OtlpOptions {
        endpoint,
        headers,
        interval: Duration::from_millis(50),
        service: "cheerful".to_owned(),
    }
}

fn decision() -> (String, DecisionLine) {
    let line = serde_json::json!({
        "at": 1.0, "unixMillis": 1_700_000_000_000_u64, "from": 1, "replicas": 4, "mode": "panic", "stable": 1.0,
        "panic": 9.0, "held": 0, "target": 2.0, "spareCapacity": 0, "sentence": "1 -> 4: a burst", "times": 1
    });
    ("hello".to_owned(), serde_json::from_value(line).unwrap())
}

/// Exports until `enough` holds.
async fn export_until(endpoint: String, counts: &Arc<OtlpCounts>, enough: impl Fn() -> bool) {
    let (decisions, decided) = broadcast::channel(16);
    decisions.send(decision()).unwrap();
    let exporting = export(
        options(endpoint),
        "pod-1".to_owned(),
        Arc::clone(counts),
        decided,
        Fixed,
    );
    let until = async {
        while !enough() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let both = async {
        tokio::select! {
            () = exporting => panic!("it ended by itself"),
            () = until => {}
        }
    };
    tokio::time::timeout(Duration::from_secs(60), both)
        .await
        .unwrap();
    drop(decisions);
}

fn texts(attributes: &[KeyValue]) -> Vec<(&str, String)> {
    let text = |pair: &'_ KeyValue| match &pair.value.as_ref().unwrap().value {
        Some(AnyOf::StringValue(text)) => text.clone(),
        Some(AnyOf::IntValue(whole)) => whole.to_string(),
        other => panic!("{other:?}"),
    };
    let pair = |pair: &'_ KeyValue| text(pair);
    (attributes.iter())
        .map(|one| (one.key.as_str(), pair(one)))
        .collect()
}

#[tokio::test]
async fn a_collector_reads_metrics_and_decisions() {
    let mut tasks = JoinSet::new();
    let (endpoint, came) = collector(&mut tasks, StatusCode::OK).await;
    let counts = Arc::new(OtlpCounts::default());
    let both = || {
        let came = came.lock().unwrap();
        ["/v1/metrics", "/v1/logs"]
            .iter()
            .all(|path| came.iter().any(|(at, ..)| at == path))
    };
    export_until(endpoint, &counts, both).await;
    let came = came.lock().unwrap();
    for (_, headers, _) in came.iter() {
        assert_eq!(headers["content-type"], "application/x-protobuf");
        assert_eq!(headers["authorization"], "Bearer x");
    }
    let body = |wanted: &str| {
        let mut all = came.iter();
        all.find(|(at, ..)| *at == wanted).unwrap().2.clone()
    };
    let metrics = ExportMetricsServiceRequest::decode(body("/v1/metrics")).unwrap();
    let of = &metrics.resource_metrics[0];
    let resource = texts(&of.resource.as_ref().unwrap().attributes);
    assert_eq!(resource[0], ("service.name", "cheerful".to_owned()));
    assert_eq!(resource[1], ("service.instance.id", "pod-1".to_owned()));
    let metrics = &of.scope_metrics[0].metrics;
    let find = |name: &str| -> &Metric {
        let found = metrics.iter().find(|metric| metric.name == name);
        found.unwrap_or_else(|| panic!("{name}: {metrics:#?}"))
    };
    let Some(Data::Gauge(gauge)) = &find("cheerful_revision_replicas").data else {
        panic!("{metrics:#?}");
    };
    let point = &gauge.data_points[0];
    assert_eq!(point.value, Some(number_data_point::Value::AsDouble(3.0)));
    assert_eq!(
        texts(&point.attributes),
        [
            ("revision", "hello".to_owned()),
            ("state", "ready".to_owned())
        ]
    );
    let Some(Data::Sum(sum)) = &find("cheerful_decisions").data else {
        panic!("{metrics:#?}");
    };
    assert!(sum.is_monotonic);
    assert_eq!(
        sum.aggregation_temporality(),
        AggregationTemporality::Cumulative
    );
    let point = &sum.data_points[0];
    assert_eq!(point.value, Some(number_data_point::Value::AsInt(7)));
    assert!(point.start_time_unix_nano > 0 && point.time_unix_nano >= point.start_time_unix_nano);
    let latency = find("cheerful_scale_latency");
    assert_eq!(latency.unit, "s");
    let Some(Data::Histogram(histogram)) = &latency.data else {
        panic!("{metrics:#?}");
    };
    let point = &histogram.data_points[0];
    assert_eq!((point.count, point.sum), (5, Some(2.5)));
    assert_eq!(point.bucket_counts, [4, 0, 1]);
    assert_eq!(point.explicit_bounds, [0.5, 1.0]);

    let logs = ExportLogsServiceRequest::decode(body("/v1/logs")).unwrap();
    let record = &logs.resource_logs[0].scope_logs[0].log_records[0];
    let Some(AnyOf::StringValue(said)) = record.body.as_ref().unwrap().value.clone() else {
        panic!("{record:?}");
    };
    assert_eq!(said, "1 -> 4: a burst");
    assert_eq!(record.time_unix_nano, 1_700_000_000_000_000_000);
    assert_eq!(record.severity_text, "WARN");
    let attributes = texts(&record.attributes);
    assert!(
        attributes.contains(&("replicas", "4".to_owned())),
        "{attributes:?}"
    );
}

#[tokio::test]
async fn a_collector_that_refuses_is_counted_and_holds_up_nothing() {
    let mut tasks = JoinSet::new();
    let (endpoint, _) = collector(&mut tasks, StatusCode::SERVICE_UNAVAILABLE).await;
    let counts = Arc::new(OtlpCounts::default());
    // It goes on: a second time comes, and the decision is given up at the first.
    let failed = |kind: &str| {
        let all = counts.messages();
        let mut found = all
            .iter()
            .filter(|([of, outcome], _)| *of == kind && *outcome == "failed");
        found.next().unwrap().1
    };
    export_until(endpoint, &counts, || {
        failed("metrics") >= 2 && failed("decisions") == 1
    })
    .await;
    assert_eq!(counts.decisions_dropped(), 1);
}

#[tokio::test]
async fn more_decisions_than_wait_are_dropped_and_counted() {
    let counts = Arc::new(OtlpCounts::default());
    let (decisions, decided) = broadcast::channel(2 * MAX_DECISIONS);
    for _ in 0..MAX_DECISIONS + 5 {
        decisions.send(decision()).unwrap();
    }
    drop(decisions);
    // Nobody listens there, and the first time of sending comes at once; what comes after has an hour to wait.
    let mut options = options("http://127.0.0.1:1".to_owned());
    options.interval = Duration::from_secs(3600);
    export(
        options,
        "pod-1".to_owned(),
        Arc::clone(&counts),
        decided,
        Fixed,
    )
    .await;
    assert!(counts.decisions_dropped() >= 5);
}
