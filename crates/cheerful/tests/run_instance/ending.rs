// SPDX-License-Identifier: Apache-2.0
//! However it ends, nothing stays behind.
use std::{fs, thread::sleep, time::Duration};

use rustix::process::Signal;

use crate::rig::{Instance, Load, eventually, get, manifest};

#[test]
fn the_first_signal_finishes_what_is_in_flight() {
    for signal in [Signal::INT, Signal::TERM] {
        let mut instance = Instance::of_sample(&["--latency", "500ms"]);
        assert_eq!(instance.get("/").status, 200);
        let address = instance.address;
        let in_flight = std::thread::spawn(move || get(address, "/"));
        sleep(Duration::from_millis(100));
        instance.signal(signal);
        assert_eq!(instance.wait().code(), Some(0), "{:#?}", instance.log());
        assert_eq!(in_flight.join().unwrap().unwrap().status, 200);
        assert!(!instance.socket().exists());
        instance.leaves_nothing();
    }
}

#[test]
fn the_second_signal_ends_at_once() {
    let mut instance = Instance::of_sample(&["--latency", "3600s"]);
    let load = Load::start(instance.address, 1);
    eventually("a replica runs", || instance.replicas().len() == 1);
    sleep(Duration::from_millis(300));
    instance.signal(Signal::INT);
    instance.wait_for_log("once more to end at once");
    instance.signal(Signal::INT);
    assert_eq!(instance.wait().code(), Some(130), "{:#?}", instance.log());
    assert!(!instance.socket().exists());
    instance.leaves_nothing();
    drop(load.stop());
}

#[test]
fn sigkill_takes_the_replicas_along() {
    let mut instance = Instance::of_manifest(&[], &manifest(&[], "min: 2"));
    eventually("two run", || instance.replicas().len() == 2);
    instance.signal(Signal::KILL);
    instance.wait();
    instance.leaves_nothing();
}

#[test]
fn the_recording_is_whole() {
    let folder = tempfile::tempdir().unwrap();
    let record = folder.path().join("recording.ndjson");
    let mut instance = Instance::of_manifest(
        &["--record", record.to_str().unwrap()],
        &manifest(&[], "initial: 0"),
    );
    assert_eq!(instance.get("/").status, 200);
    instance.signal(Signal::INT);
    assert_eq!(instance.wait().code(), Some(0));
    let text = fs::read_to_string(record).unwrap();
    assert!(text.ends_with('\n'), "{text}");
    assert!(
        text.lines().next().unwrap().contains("cheerfulRecording"),
        "{text}"
    );
    for line in text.lines() {
        serde_json::from_str::<serde_json::Value>(line).unwrap();
    }
}
