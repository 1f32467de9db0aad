// SPDX-License-Identifier: Apache-2.0
use cheerful_scaling::{Bill, Compared, Refusal};

use cheerful_kubernetes::{external::ExternalMetricsCounts, scaler::ScalerMetrics};
use cheerful_signals::scrape::ScrapeCounts;

use super::{super::cluster, *};

fn view(revision: &str, ready: u32) -> RevisionView {
    serde_json::from_value(serde_json::json!({
        "revision": revision, "ready": ready, "starting": 0, "draining": 0, "wanted": ready,
        "mode": "panic", "inFlight": 3.0, "stable": 2.0, "panic": 3.5, "held": 0, "target": 7.0,
        "signals": [{"name": "jobs", "value": 40.5, "wants": 5}], "why": "", "wokenBy": null, "wokenSecondsAgo": null, "keptAwakeBy": null, "refusedReports": 0
    }))
    .unwrap()
}

fn beside() -> ShadowView {
    ShadowView {
        policy: "auto".to_owned(),
        ready: 3,
        starting: 0,
        why: String::new(),
        compared: Compared {
            seconds: 60.0,
            requests: 600.0,
            shadow: Bill {
                replica_seconds: 180.5,
                long_waits: 2.25,
                ..Bill::default()
            },
            ..Compared::default()
        },
        sentence: String::new(),
    }
}

fn seen() -> Seen {
    let mut duration_buckets = vec![0; Latency::BUCKETS];
    duration_buckets[Latency::bucket_of(3_500)] = 4;
    duration_buckets[Latency::bucket_of(u64::MAX)] = 1;
    let version = RevisionMetrics {
        revision: "awake~2".to_owned(),
        passed_total: 5,
        request_seconds_total: 1.5,
        duration_buckets,
        ..RevisionMetrics::default()
    };
    let resting = RevisionMetrics {
        revision: "resting".to_owned(),
        ..version.clone()
    };
    let mut awake = view("awake", 2);
    awake.shadow = Some(beside());
    let mut at_rest = view("resting", 0);
    at_rest.shadow = Some(ShadowView {
        ready: 0,
        ..beside()
    });
    Seen {
        revisions: vec![awake, at_rest],
        gateway: vec![version, resting],
        autoscaler: Metrics {
            reports_refused: BTreeMap::from([(Refusal::TooLarge, 3)]),
            signals_unread: BTreeMap::from([("silent", 2)]),
            ..Metrics::default()
        },
        sources: SourceCounts {
            scrapes: ScrapeCounts {
                reads: BTreeMap::from([(("envoy", "silent"), 2)]),
                bytes: BTreeMap::from([("envoy", 900)]),
                ..ScrapeCounts::default()
            },
            ..SourceCounts::default()
        },
        ..Seen::default()
    }
}

#[test]
fn every_row_is_filled_and_every_sample_has_a_row_with_its_labels() {
    let mut samples = seen().samples();
    of_otlp(&OtlpCounts::default(), &mut samples);
    of_console(&ConsoleCounts::default(), &mut samples);
    let counts = cheerful_wire::ServerMetrics::default().snapshot();
    samples.0.extend(
        cluster::cluster_samples(
            &[],
            &Metrics::default(),
            &ScalerMetrics::default(),
            &counts,
            &ExternalMetricsCounts::default().snapshot(),
            &OtlpCounts::default(),
            &ConsoleCounts::default(),
        )
        .0
        .into_iter()
        .filter(|(row, _)| row.starts_with("scaler_")),
    );
    for row in ROWS {
        let filled = samples
            .0
            .get(row.name)
            .unwrap_or_else(|| panic!("{} is never filled", row.name));
        for sample in filled {
            assert_eq!(sample.labels.len(), row.labels.len(), "{}", row.name);
            let fits = match sample.value {
                Value::Count(_) | Value::Sum(_) => row.kind == Kind::Counter,
                Value::Gauge(_) => row.kind == Kind::Gauge,
                Value::Buckets { .. } => row.kind == Kind::Histogram,
            };
            assert!(fits, "{}", row.name);
        }
    }
    assert_eq!(samples.0.len(), ROWS.len(), "a sample without a row");
}

#[test]
fn the_text_is_what_prometheus_reads() {
    let text = write(seen().samples(), &[ROWS]).unwrap();
    for line in [
        "cheerful_revisions 2.0",
        "cheerful_revisions_awake 1.0",
        "cheerful_revision_replicas{revision=\"awake\",state=\"ready\"} 2.0",
        "cheerful_revision_requests_total{revision=\"awake\",version=\"awake~2\",outcome=\"passed\"} 5",
        "cheerful_shadow_replicas{revision=\"awake\",state=\"ready\"} 3.0",
        "cheerful_shadow_replica_seconds_total{revision=\"awake\",policy=\"shadow\"} 180.5",
        "cheerful_shadow_long_waits_total{revision=\"awake\",policy=\"shadow\"} 2.25",
        "cheerful_shadow_compared_seconds_total{revision=\"awake\"} 60.0",
        "# TYPE cheerful_revision_request_duration_seconds histogram",
        "cheerful_revision_request_duration_seconds_sum{revision=\"awake\",version=\"awake~2\"} 1.5",
        "cheerful_revision_request_duration_seconds_count{revision=\"awake\",version=\"awake~2\"} 5",
        "cheerful_revision_request_duration_seconds_bucket{le=\"0.002\",revision=\"awake\",version=\"awake~2\"} 0",
        "cheerful_revision_request_duration_seconds_bucket{le=\"0.005\",revision=\"awake\",version=\"awake~2\"} 4",
        "cheerful_revision_request_duration_seconds_bucket{le=\"+Inf\",revision=\"awake\",version=\"awake~2\"} 5",
        "cheerful_reports_refused_total{reason=\"too_large\"} 3",
        "cheerful_signal_reads_total{source=\"envoy\",result=\"silent\"} 2",
        "cheerful_signal_value{revision=\"awake\",signal=\"jobs\"} 40.5",
        "cheerful_signal_wants{revision=\"awake\",signal=\"jobs\"} 5.0",
        "cheerful_signal_unread_total{reason=\"silent\"} 2",
    ] {
        assert!(
            text.lines().any(|found| found == line),
            "{line}\nis not in\n{text}"
        );
    }
    assert!(text.ends_with("# EOF\n"));
    assert!(!text.contains("cheerful_shadow_replicas{revision=\"resting\""));
}

#[test]
fn ten_thousand_idle_revisions_have_no_series() {
    let revisions: Vec<_> = (0..10_000)
        .map(|number| view(&format!("idle-{number:05}"), 0))
        .collect();
    let gateway = revisions.iter().map(|view| RevisionMetrics {
        revision: view.revision.clone(),
        ..RevisionMetrics::default()
    });
    let seen = Seen {
        gateway: gateway.collect(),
        revisions,
        ..Seen::default()
    };
    let text = write(seen.samples(), &[ROWS]).unwrap();
    assert!(text.len() < 16_384, "{} bytes", text.len());
    assert!(text.contains("cheerful_revisions 10000.0"));
}
