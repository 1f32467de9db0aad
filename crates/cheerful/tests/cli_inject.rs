// SPDX-License-Identifier: Apache-2.0
//! A manifest gets its queues, and a person sees what that changes.
#![allow(clippy::unwrap_used, reason = "a test says so by failing")]
use std::{
    fs,
    process::{Command, Stdio},
};

const SHOP: &str = "\
# What is around it is not touched.
apiVersion: v1
kind: ConfigMap
metadata: {name: shop}
---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: shop
spec:
  selector:
    matchLabels:
      app: shop
  template:
    metadata:
      labels:
        app: shop
    spec:
      containers:
      - name: app
        image: shop:1
        ports:
        - containerPort: 3000
        readinessProbe:
          httpGet:
            path: /up
            port: 3000
---
apiVersion: v1
kind: Secret
metadata: {name: shop}
";

/// What it prints.
fn inject(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_cheerful"))
        .arg("inject")
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{said}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_diff_is_what_changes_and_no_more() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("shop.yaml");
    fs::write(&file, SHOP).unwrap();
    let file = file.to_str().unwrap();
    let diff = inject(&["-f", file, "--diff"]);
    let head = format!("--- {file}\n+++ {file}\n@@ -");
    assert!(diff.starts_with(&head), "{diff}");
    // Of what is there, only lines of the probe go: the queue asks in the kubelet's place.
    let probe = ["readinessProbe:", "httpGet:", "path: /up", "port: 3000"];
    let hunks: Vec<&str> = diff.lines().skip(2).collect();
    let mut gone = hunks.iter().filter_map(|line| line.strip_prefix('-'));
    assert!(gone.all(|line| probe.contains(&line.trim())), "{diff}");
    assert_eq!(patched(SHOP, &hunks), inject(&["-f", file]), "{diff}");
}

/// As `patch` does it, for hunks that fit.
fn patched(text: &str, hunks: &[&str]) -> String {
    let before: Vec<&str> = text.lines().collect();
    let mut after = Vec::new();
    let mut at = 0;
    for line in hunks {
        match line.split_at(1) {
            ("@", rest) => {
                let from = rest.split(['-', ',']).nth(1).unwrap();
                let from = from.parse::<usize>().unwrap() - 1;
                after.extend(&before[at..from]);
                at = from;
            }
            ("+", new) => after.push(new),
            (mark, old) => {
                assert_eq!(before[at], old);
                at += 1;
                if mark == " " {
                    after.push(old);
                }
            }
        }
    }
    after.extend(&before[at..]);
    after.join("\n") + "\n"
}

#[test]
fn there_is_no_diff_where_nothing_is_added() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("shop.yaml");
    fs::write(&file, SHOP).unwrap();
    fs::write(&file, inject(&["-f", file.to_str().unwrap()])).unwrap();
    assert_eq!(inject(&["-f", file.to_str().unwrap(), "--diff"]), "");
}
