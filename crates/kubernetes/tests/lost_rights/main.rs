// SPDX-License-Identifier: Apache-2.0
//! Each verb of each right that an installation has is taken away in turn: what it is for fails, and works again once it
//! is given back. Seven installations, each for a namespace of its own, go through their part of the verbs side by side.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "test code: a failure is a panic, and what was seen is told"
)]
mod apart;
mod cases;
mod controller;
mod external;
mod feature;
mod house;
mod role;
#[path = "../stage/mod.rs"]
mod stage;
mod streams;
mod targets;
mod workloads;

use std::{collections::BTreeSet, panic::AssertUnwindSafe};

use cheerful_kubernetes::install::RIGHTS;
use cheerful_rig::cluster;
use futures_util::FutureExt as _;

use cases::{APART, Case, HPAS_ASK, LEADING, OBJECTS, REVISIONS, STREAMS, TARGETS};
use house::House;

/// No cluster is needed to see that one was forgotten, or is tried that nobody has.
#[test]
fn each_verb_of_each_right_has_its_case() {
    let mut tried = BTreeSet::new();
    for case in [
        LEADING, OBJECTS, APART, REVISIONS, TARGETS, STREAMS, HPAS_ASK,
    ]
    .concat()
    {
        assert!(tried.insert(case.name()), "{} twice", case.name());
    }
    let granted: BTreeSet<String> = RIGHTS
        .iter()
        .flat_map(|right| right.verbs.iter().map(|verb| role::name(right, verb)))
        .collect();
    let without: Vec<_> = granted.difference(&tried).collect();
    assert!(without.is_empty(), "without a case: {without:#?}");
    let unknown: Vec<_> = tried.difference(&granted).collect();
    assert!(unknown.is_empty(), "in no role: {unknown:#?}");
}

#[tokio::test]
async fn what_a_verb_is_for_fails_without_it() {
    let Some(cluster) = cluster::connect().await else {
        return;
    };
    let built = async |name| House::build(&cluster, name, &[]).await;
    let outcomes = tokio::join!(
        whole(async {
            let house = built("lost-rights-leading").await;
            house.keep_one().await;
            go_through(&house, LEADING).await;
        }),
        whole(async {
            let house = built("lost-rights-objects").await;
            house.keep_one().await;
            go_through(&house, OBJECTS).await;
        }),
        whole(async {
            let house = House::build(&cluster, "lost-rights-apart", &["--dedicated"]).await;
            go_through(&house, APART).await;
        }),
        whole(async {
            let house = built("lost-rights-revisions").await;
            house.hold_one().await;
            go_through(&house, REVISIONS).await;
        }),
        whole(async {
            let house = built("lost-rights-targets").await;
            house.adopt().await;
            go_through(&house, TARGETS).await;
        }),
        whole(async {
            let house = built("lost-rights-streams").await;
            house.hold_one().await;
            house.rest_one().await;
            go_through(&house, STREAMS).await;
        }),
        whole(async {
            let more = ["--external-metrics"];
            let house = House::build(&cluster, "lost-rights-hpas", &more).await;
            house.keep_registered().await;
            go_through(&house, HPAS_ASK).await;
            house.unregister().await;
        }),
    );
    let (a, b, c, d, e, f, g) = outcomes;
    assert!(a && b && c && d && e && f && g, "see above");
}

async fn go_through(house: &House, cases: &[Case]) {
    for case in cases {
        house.lose(case).await;
    }
}

/// Whether it goes through: one that does not is told, and does not end the others.
async fn whole(all: impl Future<Output = ()>) -> bool {
    AssertUnwindSafe(all).catch_unwind().await.is_ok()
}
