// SPDX-License-Identifier: Apache-2.0
use std::time::Duration;

use cheerful_simulator::{
    Law,
    load::{Format, Spreading, Trace},
};

use crate::{fixture, gzip, read, written};

/// The arrivals in milliseconds: when, and how long each takes.
fn millis(trace: &Trace) -> Vec<(u64, u64)> {
    let (arrivals, _) = read(trace).unwrap();
    let millis = arrivals.iter();
    millis
        .map(|arrival| {
            (
                arrival.at.as_micros() / 1000,
                arrival.work.as_millis() as u64,
            )
        })
        .collect()
}

fn works(trace: &Trace) -> Vec<u64> {
    millis(trace).iter().map(|(_, work)| *work).collect()
}

#[test]
fn a_log_of_nginx_is_sorted_by_the_beginning_of_its_requests() {
    let trace = fixture("nginx.log");
    let (arrivals, summary) = read(&trace).unwrap();
    assert_eq!(summary.format, Some(Format::AccessLog));
    assert_eq!((summary.requests, summary.lines, summary.broken), (5, 6, 1));
    assert_eq!(summary.first_broken[0].line, 5);
    // The slow one ended at 15:04:09, after the one of 15:04:06, and began before.
    let slow = arrivals
        .iter()
        .position(|arrival| arrival.work == Duration::from_millis(4500));
    let form = arrivals
        .iter()
        .position(|arrival| arrival.work == Duration::from_millis(300));
    assert!(slow < form, "{arrivals:?}");
    let told = summary.sentences().join("\n");
    for part in [
        "5 requests",
        "layout access-log",
        "whole seconds",
        "taken to be exp:100ms",
        "1 of 6 lines (16.667 %)",
        "line 5: no time",
    ] {
        assert!(told.contains(part), "{told}");
    }
}

#[test]
fn of_a_log_some_paths_may_be_taken() {
    let mut trace = fixture("nginx.log");
    trace.only = Some("/api".to_owned());
    trace.service = Some(Law::Constant(Duration::from_millis(77)));
    let (arrivals, summary) = read(&trace).unwrap();
    assert_eq!((summary.requests, summary.other), (4, 1));
    assert!(
        arrivals
            .iter()
            .any(|arrival| arrival.work == Duration::from_millis(77))
    );
}

#[test]
fn a_log_of_apache_has_the_beginning_and_microseconds() {
    let all = millis(&fixture("apache.log"));
    let works: Vec<u64> = all.iter().map(|(_, work)| *work).collect();
    assert_eq!(works, [120, 3000, 45]);
    // 15:04:05, :06 and :07, each somewhere in its second.
    assert!(all.iter().all(|(at, _)| *at < 3000), "{all:?}");
}

#[test]
fn json_lines_have_fields() {
    let mut trace = fixture("requests.jsonl");
    let (_, summary) = read(&trace).unwrap();
    assert_eq!(summary.format, Some(Format::JsonLines));
    assert_eq!((summary.requests, summary.broken), (3, 1));
    assert!(summary.sentences()[0].contains("end=time, duration=duration_ms"));
    // Ends at 5.12 s, 5.5 s, 6 s; begins at 5 s, 5.4965 s, 5.955 s.
    assert_eq!(millis(&trace), [(0, 120), (496, 3), (955, 45)]);
    trace.columns = "key=service".parse().unwrap();
    trace.only = Some("shop".to_owned());
    assert_eq!(millis(&trace), [(0, 120), (955, 45)]);
}

#[test]
fn a_table_has_columns() {
    let mut trace = fixture("requests.csv");
    trace.columns = "duration=latency:ms,key=service".parse().unwrap();
    let (_, summary) = read(&trace).unwrap();
    assert_eq!(summary.format, Some(Format::Csv));
    assert_eq!(millis(&trace), [(0, 120), (500, 45), (1250, 3)]);
    trace.only = Some("blog".to_owned());
    assert_eq!(millis(&trace), [(0, 3)]);
}

#[test]
fn counts_are_spread_as_it_is_asked() {
    let mut trace = fixture("counts.csv");
    trace.spreading = Spreading::Equidistant;
    trace.service = Some(Law::Constant(Duration::from_millis(10)));
    let (_, summary) = read(&trace).unwrap();
    assert_eq!(summary.lasts, Duration::from_secs(240));
    let at: Vec<u64> = millis(&trace).iter().map(|(at, _)| *at).collect();
    assert_eq!(at, [15_000, 45_000, 187_500, 202_500, 217_500, 232_500]);
    assert!(
        summary
            .sentences()
            .iter()
            .any(|told| told.contains("equidistant"))
    );
    // The same by its columns.
    trace.format = Some(Format::Csv);
    trace.columns = "time=period,count=count".parse().unwrap();
    assert_eq!(millis(&trace).len(), 6);
}

#[test]
fn azure_2019_has_calls_per_minute_and_durations_beside() {
    let mut trace = fixture("azure-2019.csv");
    let (arrivals, summary) = read(&trace).unwrap();
    assert_eq!(summary.format, Some(Format::Azure2019));
    assert_eq!(arrivals.len(), 17);
    assert_eq!(summary.lasts, Duration::from_secs(240));
    trace.only = Some("a1".to_owned());
    trace.durations = Some(fixture("azure-2019-durations.csv").path);
    let works = works(&trace);
    assert_eq!(works.len(), 8);
    assert!(
        works
            .iter()
            .all(|work| *work == 2000 || (10..=50).contains(work)),
        "{works:?}"
    );
}

#[test]
fn azure_2019_may_have_containers_in_place_of_calls() {
    let mut trace = fixture("azure-2019-containers.csv");
    let (arrivals, summary) = read(&trace).unwrap();
    assert_eq!(arrivals.len(), 103);
    assert!(
        summary
            .sentences()
            .iter()
            .any(|told| told.contains("0.68 s"))
    );
    trace.only = Some("a1".to_owned());
    assert_eq!(works(&trace), [684; 3]);
}

#[test]
fn azure_2021_has_ends_and_durations() {
    let mut trace = fixture("azure-2021.csv");
    let (_, summary) = read(&trace).unwrap();
    assert_eq!(summary.format, Some(Format::Azure2021));
    // f1 and f2 began at about the same time, f3 58 s later.
    let all = millis(&trace);
    assert_eq!(
        all.iter().map(|(_, work)| *work).collect::<Vec<_>>(),
        [78, 57_154, 900]
    );
    assert!(
        all[1].0 < 5 && (58_000..58_500).contains(&all[2].0),
        "{all:?}"
    );
    trace.only = Some("a2".to_owned());
    assert_eq!(works(&trace), [900]);
}

#[test]
fn azure_llm_has_tokens() {
    let (_, summary) = read(&fixture("azure-llm.csv")).unwrap();
    assert_eq!(summary.format, Some(Format::AzureLlm));
    assert!(
        summary
            .sentences()
            .iter()
            .any(|told| told.contains("0.15 ms for each token"))
    );
    assert_eq!(
        millis(&fixture("azure-llm.csv")),
        [(0, 971), (52, 687), (98, 606)]
    );
}

#[test]
fn a_recording_gives_its_requests_back() {
    let trace = fixture("recording.ndjson");
    let (arrivals, summary) = read(&trace).unwrap();
    assert_eq!(summary.format, Some(Format::Recording));
    // The last decision was made then.
    assert_eq!(summary.lasts, Duration::from_secs(8));
    let all = millis(&trace);
    // Three were held from 1.2 s on.
    assert_eq!(
        all,
        [(1200, 55), (1200, 55), (1200, 55), (4195, 55), (4695, 55)]
    );
    assert_eq!(arrivals.len(), 5);
    let told = summary.sentences().join("\n");
    assert!(
        told.contains("2 lines were lost") && told.contains("made from the reports"),
        "{told}"
    );
}

#[test]
fn a_gzip_is_the_same_as_what_it_holds() {
    for name in ["nginx.log", "azure-llm.csv"] {
        let plain = fixture(name);
        let (_folder, packed) = written(&gzip(&std::fs::read(&plain.path).unwrap()));
        assert_eq!(read(&packed).unwrap(), read(&plain).unwrap(), "{name}");
    }
}

#[test]
fn the_same_seed_gives_the_same_requests() {
    let trace = fixture("nginx.log");
    let open = |seed| trace.open(seed).unwrap().collect::<Vec<_>>();
    assert_eq!(open(1), open(1));
    assert_ne!(open(1), open(2));
}
