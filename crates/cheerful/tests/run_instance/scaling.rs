// SPDX-License-Identifier: Apache-2.0
//! Requests decide how many processes run.
use rustix::process::{Pid, Signal, kill_process};

use crate::rig::{Instance, Load, eventually, manifest};

#[test]
fn a_cold_start_from_zero_answers_and_says_how_long_it_waited() {
    let instance = Instance::of_manifest(&[], &manifest(&[], "initial: 0"));
    assert_eq!(instance.replicas().len(), 0);
    let answer = instance.get("/");
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.body, "hello from hello-1\n");
    assert!(answer.head.contains("server-timing:"), "{answer:?}");
    let view = instance.json("/v1/revisions/hello");
    assert!(
        view["wokenBy"].as_str().unwrap().starts_with("GET /"),
        "{view}"
    );
}

#[test]
fn load_brings_replicas_and_silence_takes_them_to_zero() {
    let scaling =
        "target: 1, max: 3, stableWindow: 6s, panicWindow: 1s, idleDelay: 1s, maxDown: 10";
    let instance = Instance::of_manifest(
        &["--tick", "500ms"],
        &manifest(&["--latency", "50ms"], scaling),
    );
    let load = Load::start(instance.address, 6);
    eventually("three replicas run", || instance.replicas().len() == 3);
    assert_eq!(load.stop(), [""; 0]);
    eventually("none runs", || instance.replicas().is_empty());
    assert_eq!(instance.get("/").status, 200, "a cold start after that");
}

#[test]
fn a_replica_that_is_killed_is_started_again() {
    let mut instance = Instance::of_manifest(&[], &manifest(&[], "min: 1"));
    assert_eq!(instance.get("/").status, 200);
    let killed = instance.replicas()[0];
    kill_process(Pid::from_raw(killed).unwrap(), Signal::KILL).unwrap();
    eventually("another one runs", || {
        let replicas = instance.replicas();
        !replicas.is_empty() && !replicas.contains(&killed)
    });
    assert_eq!(instance.get("/").status, 200);
    let said = instance.wait_for_log("ended: ");
    assert!(said.contains("SIGKILL"), "{said}");
}

#[test]
fn several_serving_threads_share_the_port() {
    let scaling = "target: 2, max: 2, initial: 0";
    let instance = Instance::of_manifest(
        &["--threads", "3"],
        &manifest(&["--latency", "5ms"], scaling),
    );
    let load = Load::start(instance.address, 8);
    eventually("300 are answered", || {
        load.answered.load(std::sync::atomic::Ordering::Relaxed) >= 300
    });
    assert_eq!(load.stop(), [""; 0]);
}

#[test]
fn a_new_revision_starts_its_initial_replicas_unasked() {
    let instance = Instance::of_manifest(&[], &manifest(&[], "initial: 2"));
    eventually("two run", || instance.replicas().len() == 2);
}
