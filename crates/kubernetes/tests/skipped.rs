// SPDX-License-Identifier: Apache-2.0
//! Says how many tests need a cluster where there is none.
#![allow(clippy::unwrap_used, reason = "test code: a failure is a panic")]
use std::{env, fs, io::Write, path::Path};

#[test]
fn cluster_tests_are_run_or_said_to_be_skipped() {
    if env::var("CHEERFUL_TEST_CLUSTER").as_deref() == Ok("1") {
        return;
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let count = guards(&folder);
    assert!(
        count > 0,
        "the tests that need a cluster begin with cluster::connect()"
    );
    // Not by a print macro: the output of a test that passes is kept back.
    writeln!(
        std::io::stderr(),
        "skipped: {count} tests that need a Kubernetes cluster; run them with cluster/cluster up && cluster/cluster test"
    )
    .unwrap();
}

/// How many tests ask for a cluster, here and in folders below.
fn guards(folder: &Path) -> usize {
    let mut count = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            count += guards(&path);
        } else if path.extension().is_some_and(|end| end == "rs") && !path.ends_with("skipped.rs") {
            let text = fs::read_to_string(&path).unwrap();
            count += text.matches("cluster::connect()").count();
        }
    }
    count
}
