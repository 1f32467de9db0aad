// SPDX-License-Identifier: Apache-2.0
//! Traces that others recorded; they are no part of the project.
use std::{path::PathBuf, time::Duration};

use cheerful_simulator::load::{Format, Summary, Trace};

use crate::read;

/// Reads a real trace; `None`, and a line that says so, where it is not there.
fn real(name: &str) -> Option<(usize, Duration, Summary)> {
    let beside = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/traces");
    let folder = std::env::var_os("CHEERFUL_TRACES").map_or_else(beside, PathBuf::from);
    let path = folder.join(name);
    if !path.exists() {
        eprintln!("skipped: there is no {name} in CHEERFUL_TRACES or ../shared/traces");
        return None;
    }
    let (arrivals, summary) = read(&Trace::new(path)).unwrap();
    let work: Duration = arrivals.iter().map(|arrival| arrival.work).sum();
    eprintln!(
        "{name}: {} s of work; {}",
        work.as_secs(),
        summary.sentences().join("; ")
    );
    assert_eq!((summary.broken, summary.late), (0, 0), "{summary:?}");
    Some((arrivals.len(), work, summary))
}

#[test]
fn azure_llm() {
    if let Some((requests, _, summary)) = real("AzureLLMInferenceTrace_conv.csv") {
        assert_eq!((requests, summary.format), (19_366, Some(Format::AzureLlm)));
        assert_eq!(summary.lasts.as_secs() / 60, 58);
    }
    if let Some((requests, _, summary)) = real("AzureLLMInferenceTrace_code.csv") {
        assert_eq!((requests, summary.format), (8_819, Some(Format::AzureLlm)));
        assert_eq!(summary.lasts.as_secs() / 60, 57);
    }
}

#[test]
fn azure_functions() {
    if let Some((requests, work, summary)) = real("invitro_Azure2021_200.csv") {
        assert_eq!((requests, summary.format), (199, Some(Format::Azure2021)));
        assert!(work > Duration::from_secs(1));
    }
    if let Some((_, _, summary)) = real("azure2019_femux50_containers_per_min.csv") {
        assert_eq!(summary.format, Some(Format::Azure2019));
        assert_eq!(
            (summary.lasts, summary.lines),
            (Duration::from_secs(86_400), 51)
        );
    }
}
