// SPDX-License-Identifier: Apache-2.0
//! Nodes whose wall clocks are off. There is one node here, so the clock of each program is set by itself.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "test code: a failure is a panic"
)]
mod stage;

use std::{collections::BTreeMap, time::Duration};

use cheerful_kubernetes::names;
use cheerful_rig::cluster::{self, Scope, System, cheerful, eventually, holds_for};
use k8s_openapi::{
    api::{
        apps::v1::Deployment,
        coordination::v1::Lease,
        core::v1::{Pod, Secret},
    },
    jiff::Timestamp,
};
use kube::api::PostParams;
use serde_json::{Value, json};

use stage::{Stage, name};

const ROLES: [&str; 3] = ["controller", "autoscaler", "gateway"];

#[tokio::test]
async fn clocks_that_are_an_hour_off_change_nothing() {
    let Some(cluster) = cluster::connect().await else {
        return;
    };
    let Some(own) = cluster.own() else {
        println!("left out: clocks are set by images that only `cluster/cluster` gives its node");
        return;
    };
    let [ahead, behind] = own.skewed().await;
    let namespace = cluster.namespace("clocks").await;
    let system =
        System::install_image(&ahead, &cluster, namespace.name(), Scope::Namespace, &[]).await;
    let stage = Stage { namespace, system };

    // One of each role is an hour ahead, and leads; one is an hour behind, as all queues are.
    for role in ROLES {
        let deployment = format!("cheerful-{role}");
        let one = ["scale", "deployment", &deployment, "--replicas=1"];
        stage.namespace.kubectl(&one).await.unwrap();
    }
    let queue = format!("CHEERFUL_QUEUE_IMAGE={behind}");
    let set = ["set", "env", "deployment/cheerful-controller", &queue];
    stage.namespace.kubectl(&set).await.unwrap();
    for role in ROLES {
        stage.system.ready(&format!("cheerful-{role}")).await;
        alone(&stage, role).await;
    }
    let leaders = both_leaders(&stage).await;
    for role in ROLES {
        beside(&stage, role, &behind).await;
    }
    for lease in [CONTROLLER, AUTOSCALER] {
        let off = renewed(&stage, lease).await;
        assert!(is_about(off, 1.0), "the leader of {lease} is {off} h off");
    }
    for pod in stage.system.pods("gateway").await {
        let expected = if is_of(&pod, &ahead) { 1.0 } else { -1.0 };
        let off = logged(&stage, &pod, "gateway").await;
        assert!(
            is_about(off, expected),
            "gateway {} is {off} h off",
            name(&pod)
        );
    }
    let certificates = certificates(&stage).await;

    // From zero, by way of a gateway.
    stage
        .revision("app", &["--latency", "100ms"], stage::quick())
        .await;
    stage.at_zero("app").await;
    let first = stage.ask("app").await;
    assert_eq!((first.answered, first.failed), (1, vec![]));
    let pod = &stage.pods("app").await[0];
    let off = logged(&stage, pod, names::QUEUE_CONTAINER).await;
    assert!(is_about(off, -1.0), "the queue is {off} h off");

    // It follows its load, and stays where that has brought it.
    let mut traffic = stage.traffic("app", "/").await;
    traffic.add(12, Duration::from_millis(1));
    stage.at("app", 3).await;
    heard(&stage, 3).await;
    let before = stage.written("app").await;
    nothing_changes(&stage, before, &leaders).await;

    // The leaders die, and those whose clocks are two hours behind theirs go on from there.
    for (role, leader) in [("controller", &leaders[0]), ("autoscaler", &leaders[1])] {
        let pods = stage.system.pods(role).await;
        let killed = pods.iter().find(|pod| leader.holder.contains(name(pod)));
        stage.system.kill(killed.unwrap()).await;
    }
    for (lease, before) in [(CONTROLLER, &leaders[0]), (AUTOSCALER, &leaders[1])] {
        let what = format!("the one that is behind leads by {lease}");
        eventually(&what, async || {
            let now = leader(&stage, lease).await;
            (!now.holder.is_empty() && now.holder != before.holder).then_some(())
        })
        .await;
        let off = renewed(&stage, lease).await;
        assert!(is_about(off, -1.0), "the leader of {lease} is {off} h off");
    }
    let next = both_leaders(&stage).await;
    for (before, now) in leaders.iter().zip(&next) {
        assert_eq!(now.transitions, before.transitions + 1);
    }
    nothing_changes(&stage, before, &next).await;
    traffic.add(12, Duration::from_millis(1));
    eventually("the new leader follows more load", async || {
        (stage.written("app").await > before).then_some(())
    })
    .await;
    let tally = traffic.end().await;
    assert!(tally.failed.is_empty(), "{:?}", tally.failed);
    stage.at_zero("app").await;
    assert_eq!(stage.ask("app").await.failed, Vec::<String>::new());

    // No report was refused, and nobody had certificates made anew: the looks at them are a minute apart, and one
    // follows each change of the leader.
    let explained = explained(&stage).await;
    println!("{explained}");
    assert!(!explained.contains("refused"), "{explained}");
    assert_eq!(crate::certificates(&stage).await, certificates);
}

const CONTROLLER: &str = names::CONTROLLER;
const AUTOSCALER: &str = "cheerful-autoscaler-0";

#[derive(Clone, Debug, PartialEq)]
struct Leads {
    holder: String,
    transitions: i32,
}

async fn leader(stage: &Stage, lease: &str) -> Leads {
    let spec = stage
        .namespace
        .api::<Lease>()
        .get(lease)
        .await
        .unwrap()
        .spec
        .unwrap();
    Leads {
        holder: spec.holder_identity.unwrap_or_default(),
        transitions: spec.lease_transitions.unwrap_or_default(),
    }
}

async fn both_leaders(stage: &Stage) -> [Leads; 2] {
    [
        leader(stage, CONTROLLER).await,
        leader(stage, AUTOSCALER).await,
    ]
}

async fn nothing_changes(stage: &Stage, before: i32, leaders: &[Leads; 2]) {
    holds_for(
        Duration::from_secs(15),
        "nothing goes down, and who leads goes on",
        async || {
            let (now, leads) = (stage.written("app").await, both_leaders(stage).await);
            (now < before || leads != *leaders)
                .then(|| format!("{before} became {now}, {leaders:?} became {leads:?}"))
        },
    )
    .await;
}

/// By how many hours the leader's clock is ahead, by what it wrote.
async fn renewed(stage: &Stage, lease: &str) -> f64 {
    let lease = stage.namespace.api::<Lease>().get(lease).await.unwrap();
    hours(lease.spec.unwrap().renew_time.unwrap().0)
}

/// By how many hours a container's clock is ahead, by what it logged last.
async fn logged(stage: &Stage, pod: &Pod, container: &str) -> f64 {
    let args = ["logs", name(pod), "-c", container, "--tail=1"];
    let line = stage.namespace.kubectl(&args).await.unwrap();
    let line: Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{line}: {error}"));
    hours(line["timestamp"].as_str().unwrap().parse().unwrap())
}

fn hours(time: Timestamp) -> f64 {
    time.duration_since(Timestamp::now()).as_secs_f64() / 3600.0
}

/// What was dated may be some minutes old.
fn is_about(hours: f64, expected: f64) -> bool {
    (hours - expected).abs() < 0.5
}

fn is_of(pod: &Pod, image: &str) -> bool {
    pod.spec.as_ref().unwrap().containers[0].image.as_deref() == Some(image)
}

/// Waits until a role has one pod, which leads if that is what it does.
async fn alone(stage: &Stage, role: &str) {
    eventually(&format!("there is one {role}"), async || {
        let pods = stage.system.pods(role).await;
        let [pod] = &*pods else { return None };
        let lease = match role {
            "controller" => CONTROLLER,
            "autoscaler" => AUTOSCALER,
            _ => return Some(()),
        };
        leader(stage, lease)
            .await
            .holder
            .contains(name(pod))
            .then_some(())
    })
    .await;
}

/// One more pod of a role, of another image.
async fn beside(stage: &Stage, role: &str, image: &str) {
    let api = stage.namespace.api::<Deployment>();
    let first = api.get(&format!("cheerful-{role}")).await.unwrap();
    let second = format!("cheerful-{role}-beside");
    let mut spec = json!(first.spec);
    let label = json!("beside");
    spec["selector"]["matchLabels"]["clock"] = label.clone();
    spec["template"]["metadata"]["labels"]["clock"] = label;
    spec["template"]["spec"]["containers"][0]["image"] = json!(image);
    let object = json!({"metadata": {"name": second}, "spec": spec});
    let object = serde_json::from_value(object).unwrap();
    api.create(&PostParams::default(), &object).await.unwrap();
    stage.system.ready(&second).await;
}

/// Waits until so many replicas are heard of.
async fn heard(stage: &Stage, replicas: i32) {
    stage
        .until("its queues are heard", "app", |it| {
            let scale = it.status.as_ref().and_then(|status| status.scale.as_ref());
            scale.is_some_and(|scale| scale.ready >= replicas)
        })
        .await;
}

async fn explained(stage: &Stage) -> String {
    let home = stage.namespace.name();
    cheerful(&["explain", "app", "-n", home, "--system-namespace", home])
        .await
        .unwrap()
}

/// What the controller keeps in its Secrets.
async fn certificates(stage: &Stage) -> BTreeMap<&'static str, Value> {
    let api = stage.namespace.api::<Secret>();
    let mut all = BTreeMap::new();
    for secret in [names::CA_SECRET, names::AUTOSCALER_TLS_SECRET] {
        all.insert(secret, json!(api.get(secret).await.unwrap().data));
    }
    all
}
