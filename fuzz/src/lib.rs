// SPDX-License-Identifier: Apache-2.0
//! Every parser of what others send, as a function of bytes that must neither panic nor let through what is no load.
//! `targets/` hands them to libFuzzer, `tests/` the bytes that were kept.
use std::net::IpAddr;

use cheerful_autoscaler::replay;
use cheerful_scaling::Moment;
use cheerful_signals::{
    Unread, app,
    exposition::{ProtobufReader, Sums, TextReader, Want, Wanted},
    knative::{Activators, Reader, WireStatMessages},
    meter::{Figures, Meter, Metered},
    preset::{self, Preset},
    query,
    statsd::{self, Store},
};

/// A parser.
pub type Parser = fn(&[u8]);

/// By the names of their folders in `corpus/`.
pub const PARSERS: [(&str, Parser); 9] = [
    ("activator", activator),
    ("app", said_by_app),
    ("knative", sidecar),
    ("promql", promql),
    ("protobuf", protobuf),
    ("recording", recording),
    ("statsd", statsd_datagram),
    ("stub_status", stub_status),
    ("text", text),
];

/// What is looked for on a page: by several names and labels, and by those that are made up.
fn presets() -> Vec<Preset> {
    let custom = preset::Custom {
        in_flight: Some("a".to_owned()),
        requests: Some("b_total".to_owned()),
        seconds: Some("c_sum".to_owned()),
        ..preset::Custom::default()
    };
    vec![
        preset::queue(),
        preset::envoy(Some("app")),
        preset::haproxy(None),
        preset::caddy(None),
        preset::traefik(None),
        preset::vllm(),
        preset::custom(&custom),
        app::text_preset(),
    ]
}

/// A text page: whichever way it is cut, it is read to the same.
pub fn text(page: &[u8]) {
    for preset in presets() {
        let read = |chunk: usize| {
            let mut reader = TextReader::new(preset.wanted());
            for part in page.chunks(chunk) {
                reader.feed(part)?;
            }
            reader.finish()
        };
        of_page(&preset, read(page.len().max(1)), read(7));
    }
    by_one_label(page);
}

/// A protobuf page: whichever way it is cut, it is read to the same.
pub fn protobuf(page: &[u8]) {
    for preset in presets() {
        let read = |chunk: usize| {
            let mut reader = ProtobufReader::new(preset.wanted());
            for part in page.chunks(chunk) {
                reader.feed(part)?;
            }
            reader.finish()
        };
        of_page(&preset, read(page.len().max(1)), read(7));
    }
}

fn of_page(preset: &Preset, whole: Result<Sums, Unread>, cut: Result<Sums, Unread>) {
    match (whole, cut) {
        (Ok(whole), Ok(cut)) => {
            assert_eq!(whole, cut);
            if let Ok(figures) = preset.figures(&whole) {
                is_a_load(&figures);
            }
        }
        (Err(whole), Err(cut)) => assert_eq!(whole.name(), cut.name()),
        (whole, cut) => assert_eq!(whole, cut),
    }
}

/// A page of which each series is looked for by the labels of an app's histogram.
fn by_one_label(page: &[u8]) {
    let mut wanted = Wanted::default();
    let place = wanted.add(Want {
        by_bound: true,
        ..Want::named("c_bucket")
    });
    let mut reader = TextReader::new(&wanted);
    if reader.feed(page).is_ok()
        && let Ok(sums) = reader.finish()
    {
        let buckets = sums.buckets(place);
        assert!(buckets.is_sorted_by(|a, b| a.0 < b.0), "{buckets:?}");
    }
}

/// nginx's own page.
pub fn stub_status(page: &[u8]) {
    if let Ok(figures) = preset::stub_status(page) {
        is_a_load(&figures);
    }
}

/// What an app says of itself.
pub fn said_by_app(answer: &[u8]) {
    if let Ok(answer) = app::read(answer) {
        is_a_load(&answer.figures);
    }
}

/// What a Prometheus server answers.
pub fn promql(answer: &[u8]) {
    for status in [200, 400] {
        if let Ok(value) = query::value(status, answer) {
            assert!(value.is_finite() && value.is_sign_positive(), "{value}");
        }
    }
}

/// What Knative's sidecar answers.
pub fn sidecar(page: &[u8]) {
    for share in [None, Some(1.0)] {
        if let Ok(Some(report)) = Reader::default().read("pod", page, share) {
            assert!(report.request_seconds.is_finite() && report.request_seconds >= 0.0);
        }
    }
}

/// What Knative's activator sends.
pub fn activator(frame: &[u8]) {
    let Ok(frame) = WireStatMessages::read(frame) else {
        return;
    };
    let now = Moment::from_micros(1_000_000);
    let mut activators = Activators::default();
    activators.take(now, frame.clone());
    activators.take(now, frame.clone());
    for message in frame.messages {
        let load = activators.concurrency(now, &message.namespace, &message.name);
        assert!(load.is_none_or(|load| load.is_finite() && load >= 0.0));
    }
}

/// A datagram of StatsD, of which one name is asked for.
pub fn statsd_datagram(datagram: &[u8]) {
    let mut store = Store::default();
    let wanted = statsd::Wanted {
        in_flight: Some("a".to_owned()),
        ..statsd::Wanted::default()
    };
    let (start, later) = (Moment::from_micros(1), Moment::from_micros(2_000_001));
    store.want(start, "hello", Some(wanted));
    for host in 0..3 {
        store.take(start, IpAddr::from([10, 0, 0, host]), datagram);
    }
    for figure in store.collect(later, "hello") {
        let load = figure.request_seconds;
        assert!(load.is_finite() && load >= 0.0, "{figure:?}");
    }
    for line in datagram.split(|byte| *byte == b'\n') {
        if let Ok(line) = statsd::Line::read(line) {
            drop(line.numbers());
        }
    }
}

/// A recording.
pub fn recording(lines: &[u8]) {
    let mut out = Vec::new();
    drop(replay(lines, None, &mut out));
}

/// What is read becomes a report that counts.
fn is_a_load(figures: &Figures) {
    let counts = [
        figures.in_flight,
        figures.waiting,
        figures.requests,
        figures.seconds,
    ];
    for count in counts.into_iter().flatten() {
        assert!(count.is_finite() && count >= 0.0, "{figures:?}");
    }
    for before in [Figures::default(), figures.clone()] {
        let mut meter = Meter::new("a");
        meter.take(before, Moment::from_micros(1_000_000));
        if let Metered::Report(report) = meter.take(figures.clone(), Moment::from_micros(2_000_000))
        {
            assert!(
                report.request_seconds.is_finite() && report.request_seconds >= 0.0,
                "{report:?}"
            );
        }
    }
}
