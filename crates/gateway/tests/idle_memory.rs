// SPDX-License-Identifier: Apache-2.0
//! Ten thousand services that nobody asks for. Alone in its process, for it looks at the process's memory.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test says so by failing")]
use cheerful_gateway::{Gateway, HoldLimits, RevisionConfig, Route, WakingRules};
use cheerful_proxy::TimeLimits;
use tokio::sync::mpsc;

const REVISIONS: usize = 10_000;

/// What one may take, with its routes and names. 1 KiB is meant; the rest is for the allocator's pages.
const BYTES_EACH: usize = 1_536;

fn resident_bytes() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS:"))
        .unwrap();
    line.split_whitespace()
        .nth(1)
        .unwrap()
        .parse::<usize>()
        .unwrap()
        * 1024
}

#[test]
fn ten_thousand_idle_revisions_are_small() {
    let (sender, _events) = mpsc::channel(16);
    let gateway = Gateway::new(sender);
    let before = resident_bytes();
    let names: Vec<_> = (0..REVISIONS)
        .map(|number| format!("service-{number}"))
        .collect();
    for name in &names {
        let route = Route {
            host: Some(format!("{name}.example.com")),
            path_prefix: None,
        };
        gateway.add(RevisionConfig {
            name: name.clone(),
            routes: vec![route],
            limit: None,
            target: 10.0,
            hold: HoldLimits::default(),
            time_limits: TimeLimits::default(),
            waking: WakingRules::default(),
        });
    }
    gateway.route(&names).unwrap();
    let each = (resident_bytes() - before) / REVISIONS;
    println!("{each} bytes for each idle revision");
    assert!(each <= BYTES_EACH, "{each} bytes for each idle revision");
    assert!(gateway.collect(None, false).is_empty());
}
