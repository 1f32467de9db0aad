// SPDX-License-Identifier: Apache-2.0
//! The rules of `spec.scaling.shadow`: those of the same fields of `spec.scaling`, and how what is given goes together with
//! what is not.
use super::rules::{Rule, SCALING, rule};

/// What `spec.scaling` and the block of a second policy have in common.
const SHARED: [&str; 9] = [
    "latency.p50",
    "latency.p90",
    "latency.p95",
    "latency.p99",
    "target",
    "stableWindow",
    "panicWindow",
    "idleDelay",
    "scaleDownDelay",
];

/// Of both kinds.
pub(super) fn rules() -> Vec<Rule> {
    let shared = SHARED.iter().flat_map(|field| {
        let at = format!("spec.scaling.{field}");
        let of_the_field = SCALING.iter().filter(move |rule| rule.is_at(&at));
        of_the_field.map(move |rule| rule.moved_to(format!("spec.scaling.shadow.{field}")))
    });
    let own = [
        rule(
            "spec.scaling",
            ".shadow.min",
            "!has(self.shadow) || !has(self.shadow.min) || (has(self.shadow.max) ? self.shadow.min <= self.shadow.max \
             : !has(self.max) || self.shadow.min <= self.max)",
            "should be at most max (that of scaling where shadow has none)",
        ),
        rule(
            "spec.scaling",
            ".shadow.panicWindow",
            "!has(self.shadow) || !has(self.shadow.panicWindow) || !self.shadow.panicWindow.matches('DURATION') \
             || (has(self.shadow.stableWindow) ? !self.shadow.stableWindow.matches('DURATION') \
                || duration(self.shadow.panicWindow) <= duration(self.shadow.stableWindow) \
             : (has(self.stableWindow) && !self.stableWindow.matches('DURATION')) \
                || duration(self.shadow.panicWindow) <= duration(has(self.stableWindow) ? self.stableWindow : '60s'))",
            "should be at most stableWindow (that of scaling where shadow has none)",
        ),
        rule(
            "spec.scaling",
            ".shadow.latency",
            "!has(self.shadow) || !has(self.shadow.latency) || (has(self.shadow.target) ? self.shadow.target == 'auto' \
             : !has(self.target) || self.target == 'auto')",
            "should be left out where target is a number, which needs no objective",
        ),
        rule(
            "spec.scaling.shadow",
            ".latency",
            "!has(self.latency) || [has(self.latency.p50), has(self.latency.p90), has(self.latency.p95), \
             has(self.latency.p99)].filter(given, given).size() == 1",
            "should be one of p50, p90, p95, p99, with a duration such as 250ms",
        ),
        rule(
            "spec",
            ".scaling.shadow.target",
            "!has(self.scaling) || !has(self.scaling.shadow) || !has(self.scaling.shadow.target) \
             || !has(self.concurrency) || self.concurrency == 'multi' \
             || (type(self.scaling.shadow.target) == string && !self.scaling.shadow.target.matches('DECIMAL')) \
             || (type(self.concurrency) == string && self.concurrency != 'single') \
             || double(self.scaling.shadow.target) <= (type(self.concurrency) == int ? double(self.concurrency) : 1.0)",
            "should be at most the hard limit, concurrency: a replica never has more requests in flight",
        ),
    ];
    shared.chain(own).collect()
}

/// Of an Autoscaler alone.
pub(super) fn not_in_mode_shadow() -> Rule {
    rule(
        "spec",
        ".scaling.shadow",
        "!has(self.mode) || self.mode != 'Shadow' || !has(self.scaling) || !has(self.scaling.shadow)",
        "should be left out with mode: Shadow, where scaling itself is beside what scales the target",
    )
}
