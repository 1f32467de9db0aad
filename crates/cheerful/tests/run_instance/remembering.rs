// SPDX-License-Identifier: Apache-2.0
//! What was learned survives a restart.
use std::fs;

use rustix::process::Signal;

use crate::rig::{Instance, eventually, manifest};

/// Of which too little is known to move the target.
const LEARNED: &str = r#"{"version":1,"target":{"requests":3.5,"seconds":900,"top":2.4,"curve":[[7,0.1,0.2,[0.1,0.1,0.2]]]}}"#;

fn kept(revision: &str) -> String {
    let now = std::time::SystemTime::now();
    let since = now.duration_since(std::time::UNIX_EPOCH).unwrap();
    let millis = since.as_millis() - 3_600_000;
    format!(
        r#"{{"cheerfulMemory":1,"revisions":{{"{revision}":{{"unixMillis":{millis},"learned":{LEARNED}}}}}}}"#
    )
}

fn begin(text: &str) -> (tempfile::TempDir, Instance) {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("learned-run.json"), text).unwrap();
    let state = folder.path().to_str().unwrap();
    let record = folder.path().join("recording.ndjson");
    let flags = ["--state", state, "--record", record.to_str().unwrap()];
    let instance = Instance::of_manifest(&flags, &manifest(&[], "min: 1"));
    (folder, instance)
}

#[test]
fn what_was_learned_before_counts_and_is_kept() {
    let (folder, mut instance) = begin(&kept("hello"));
    eventually("the target is the one that was learned", || {
        instance.json("/v1/revisions/hello")["target"] == 3.5
    });
    instance.signal(Signal::INT);
    assert_eq!(instance.wait().code(), Some(0), "{:#?}", instance.log());
    let recording = fs::read_to_string(folder.path().join("recording.ndjson")).unwrap();
    assert!(
        recording.contains("\"learnedAgeSeconds\":36"),
        "{recording}"
    );
    let again = fs::read_to_string(folder.path().join("learned-run.json")).unwrap();
    assert!(again.contains("\"hello\""), "{again}");
}

#[test]
fn what_is_corrupt_is_told_and_learned_anew() {
    let load = kept("hello").replace("\"target\"", "\"load\":{\"served\":-1},\"target\"");
    for text in ["{", &kept("hello").replace("3.5", "-1"), &load] {
        let (folder, mut instance) = begin(text);
        instance.wait_for_log("learned anew");
        eventually("the target is the one to begin with", || {
            instance.json("/v1/revisions/hello")["target"] == 10.0
        });
        assert_eq!(instance.get("/").status, 200);
        instance.signal(Signal::INT);
        assert_eq!(instance.wait().code(), Some(0), "{:#?}", instance.log());
        let again = fs::read_to_string(folder.path().join("learned-run.json")).unwrap();
        let again: serde_json::Value = serde_json::from_str(&again).unwrap();
        let learned = &again["revisions"]["hello"]["learned"];
        assert!(
            learned["load"].is_object() && learned["target"]["requests"] != -1,
            "{again}"
        );
    }
}
