// SPDX-License-Identifier: Apache-2.0
//! A change starts the new version beside the old, moves over, and loses no request.
use std::{sync::atomic::Ordering, thread::sleep, time::Duration};

use rustix::process::Signal;

use crate::rig::{CHEERFUL, Instance, Load, eventually, manifest};

#[test]
fn sighup_restarts_a_command_without_a_failed_request() {
    let mut instance = Instance::of_sample(&["--latency", "20ms"]);
    assert_eq!(instance.get("/").status, 200);
    let load = Load::start(instance.address, 4);
    for version in 2..=3 {
        instance.signal(Signal::HUP);
        instance.wait_for_log(&format!("cheerful~{version} has taken over"));
        let from_new = format!("hello from cheerful~{version}-");
        assert!(instance.get("/").body.starts_with(&from_new));
    }
    let before = load.answered.load(Ordering::Relaxed);
    eventually("it goes on", || {
        load.answered.load(Ordering::Relaxed) > before + 20
    });
    assert_eq!(load.stop(), [""; 0]);
    eventually("the old versions have ended", || {
        let lines = instance.started();
        lines
            .iter()
            .filter(|(_, line)| line.contains("sample"))
            .count()
            <= 2
    });
}

#[test]
fn a_changed_manifest_moves_over_without_a_failed_request() {
    let mut instance = Instance::of_manifest(&[], &manifest(&["--latency", "20ms"], "min: 2"));
    eventually("two run", || instance.replicas().len() == 2);
    let load = Load::start(instance.address, 4);
    instance.write_manifest(&manifest(&["--latency", "10ms"], "min: 2"));
    instance.wait_for_log("hello~2 has taken over from hello");
    eventually("only the new ones run", || {
        let started = instance.started();
        let of = |latency: &str| {
            started
                .iter()
                .filter(|(_, line)| line.contains(latency))
                .count()
        };
        of("20ms") == 0 && of("10ms") == 2
    });
    assert_eq!(load.stop(), [""; 0]);
    // Settings hold at once, in the same processes.
    let before = instance.replicas();
    instance.write_manifest(&manifest(&["--latency", "10ms"], "min: 3"));
    eventually("three run", || instance.replicas().len() == 3);
    assert!(before.iter().all(|pid| instance.replicas().contains(pid)));
}

#[test]
fn a_bad_change_leaves_the_old_one_running_and_says_why() {
    let mut instance = Instance::of_manifest(&[], &manifest(&[], "min: 1"));
    assert_eq!(instance.get("/").body, "hello from hello-1\n");
    instance.write_manifest(&manifest(&[], "min: 3, max: 2"));
    let said = instance.wait_for_log("not reloaded");
    assert!(said.contains("min"), "{said}");
    instance.write_manifest(&manifest(&[], "").replace(CHEERFUL, "no-such-program"));
    instance.wait_for_log("command not found");
    assert_eq!(instance.get("/").body, "hello from hello-1\n");
    // Good again.
    instance.write_manifest(&manifest(&["--latency", "1ms"], "min: 1"));
    instance.wait_for_log("hello~2 has taken over");
    assert_eq!(instance.get("/").status, 200);
}

#[test]
fn a_new_version_that_crashes_does_not_take_over() {
    let mut instance = Instance::of_manifest(&[], &manifest(&[], "min: 1"));
    assert_eq!(instance.get("/").status, 200);
    instance.write_manifest(&manifest(&["--no-such-flag"], "min: 1"));
    instance.wait_for_log("hello~2-1 ended: ");
    sleep(Duration::from_millis(200));
    assert_eq!(instance.get("/").body, "hello from hello-1\n");
    let view = instance.json("/v1/revisions/hello");
    assert_eq!(view["ready"], 1, "{view}");
}

#[test]
fn a_revision_is_added_and_another_removed() {
    let mut instance = Instance::of_manifest(&[], &manifest(&[], "min: 1"));
    assert_eq!(instance.get("/").status, 200);
    let other = manifest(&[], "min: 1").replace("name: hello", "name: other");
    instance.write_manifest(&other);
    instance.wait_for_log("reloaded");
    eventually("the other one answers", || {
        instance.get("/").body == "hello from other-1\n"
    });
    eventually("only one process is left", || {
        instance.replicas().len() == 1
    });
    assert_eq!(instance.ask("/v1/revisions/hello").status, 404);
}
