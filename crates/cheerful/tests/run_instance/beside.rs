// SPDX-License-Identifier: Apache-2.0
//! A second policy beside the one that acts.
use std::process::Command;

use crate::rig::{Instance, Load, eventually, manifest};

fn explained(instance: &Instance) -> String {
    let explain = Command::new(env!("CARGO_BIN_EXE_cheerful"))
        .args(["explain", "hello", "--socket"])
        .arg(instance.socket())
        .output()
        .unwrap();
    assert!(explain.status.success(), "{explain:?}");
    String::from_utf8(explain.stdout).unwrap()
}

#[test]
fn it_is_told_what_it_would_have_and_nothing_of_it_runs() {
    let with = |scaling: &str| manifest(&["--latency", "20ms"], scaling);
    let instance = Instance::of_manifest(&[], &with("max: 1, shadow: {min: 4, max: 4}"));
    let load = Load::start(instance.address, 4);
    let shadow = || instance.json("/v1/revisions/hello")["shadow"].clone();
    eventually("it is compared", || {
        shadow()["compared"]["requests"].as_f64() > Some(50.0)
    });
    let view = shadow();
    assert_eq!(view["policy"], "max 4, min 4", "{view}");
    assert_eq!(view["ready"], 4, "{view}");
    let bill = |policy: &str| view["compared"][policy]["replicaSeconds"].as_f64().unwrap();
    assert!(bill("shadow") > 2.0 * bill("acting"), "{view}");
    assert_eq!(instance.replicas().len(), 1);
    let said = explained(&instance);
    assert!(
        said.contains("beside it, max 4, min 4 is watched; there is less than a minute"),
        "{said}"
    );
    assert!(said.contains("it would have 4 replicas: "), "{said}");

    instance.write_manifest(&with("max: 1"));
    eventually("it is gone", || shadow().is_null());
    assert!(!explained(&instance).contains("beside it"));
    assert_eq!(load.stop(), [""; 0]);
}

#[test]
fn the_command_line_names_one_for_all() {
    let flags = ["--shadow=stable-panic"];
    let instance = Instance::of_manifest(&flags, &manifest(&[], "min: 1"));
    let shadow = || instance.json("/v1/revisions/hello")["shadow"].clone();
    eventually("it is there", || shadow()["policy"] == "stable-panic");
    // The one that acts is none beside itself.
    instance.write_manifest(&manifest(&[], "min: 1, policy: stable-panic"));
    eventually("it is gone", || shadow().is_null());
}
