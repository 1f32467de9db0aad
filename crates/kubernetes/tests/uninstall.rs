// SPDX-License-Identifier: Apache-2.0
//! cheerful is taken out of a namespace, and its workloads are reachable all the time and afterwards.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "test code: a failure is a panic"
)]
mod stage;

use std::time::Duration;

use cheerful_kubernetes::resources::Revision;
use cheerful_rig::cluster::{self, cheerful, eventually};
use k8s_openapi::api::{
    apps::v1::Deployment,
    coordination::v1::Lease,
    core::v1::{Secret, Service},
    discovery::v1::EndpointSlice,
    rbac::v1::ClusterRole,
};
use kube::{
    Api, ResourceExt as _,
    api::{ListParams, ObjectList},
};
use serde_json::json;

use stage::Stage;

#[tokio::test]
async fn nobody_is_left_without_a_replica() {
    let Some(cluster) = cluster::connect().await else {
        return;
    };
    let stage = Stage::set(&cluster, "uninstall").await;
    let home = stage.namespace.name();
    let resting = json!({"initial": 0, "min": 0, "idleDelay": "3s", "gracePeriod": "1s",
        "scaleDownDelay": "0s", "stableWindow": "10s", "panicWindow": "2s"});
    stage.revision("resting", &[], resting.clone()).await;
    stage
        .revision("busy", &[], json!({"min": 1, "max": 2}))
        .await;
    let cannot = json!({"image": "docker.io/local/nothing:1", "args": ["sample"]});
    stage.revision_of("broken", cannot, resting).await;
    // One of a shard that was, and somebody else's.
    for lease in ["cheerful-autoscaler-7", "somebody"] {
        let object = json!({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
            "metadata": {"name": lease}});
        stage.namespace.apply(&object.to_string()).await;
    }
    stage.at("busy", 1).await;
    stage.at_zero("resting").await;
    stage.at_zero("broken").await;
    let mut traffic = stage.traffic("busy", "/").await;
    traffic.add(2, Duration::from_millis(20));

    // Without --yes nothing is done.
    let said = cheerful(&["uninstall", "--namespace", home]).await.unwrap();
    assert!(said.contains("from 0 to 1 replicas"), "{said}");
    assert!(said.ends_with("give --yes to do it\n"), "{said}");
    assert_eq!(stage.written("resting").await, 0);

    // It stops before anybody is unreachable.
    let yes = [
        "uninstall",
        "--namespace",
        home,
        "--yes",
        "--patience",
        "20s",
    ];
    let refused = cheerful(&yes).await.unwrap_err();
    assert!(refused.contains(&format!("{home}/broken")), "{refused}");
    let gateway = stage
        .namespace
        .api::<Deployment>()
        .get("cheerful-gateway")
        .await
        .unwrap();
    assert_eq!(gateway.spec.unwrap().replicas, Some(2));
    assert_eq!(
        stage
            .namespace
            .api::<Revision>()
            .list(&all())
            .await
            .unwrap()
            .items
            .len(),
        3
    );

    // Called again it goes on, here with leave to give that one up.
    let said = cheerful(&[&yes[..], &["--abandon"]].concat())
        .await
        .unwrap();
    println!("{said}");
    eventually("the Revisions are gone", async || {
        let left = stage
            .namespace
            .api::<Revision>()
            .list(&all())
            .await
            .unwrap();
        left.items.is_empty().then_some(())
    })
    .await;
    eventually("what goes with them is gone, and no more", async || {
        let slices = names(
            stage
                .namespace
                .api::<EndpointSlice>()
                .list(&all())
                .await
                .unwrap(),
        );
        let ours = |name: &String| name.ends_with("-pods") || name.ends_with("-gateway");
        let services = names(stage.namespace.api::<Service>().list(&all()).await.unwrap());
        let theirs = ["broken", "busy", "resting"];
        (services == theirs && !slices.iter().any(ours)).then_some(())
    })
    .await;
    eventually("the roles are gone", async || {
        let left = stage
            .namespace
            .api::<Deployment>()
            .list(&all())
            .await
            .unwrap();
        (names(left) == ["broken", "busy", "resting"]).then_some(())
    })
    .await;
    let secrets = stage.namespace.api::<Secret>().list(&all()).await.unwrap();
    assert_eq!(names(secrets), [""; 0]);
    let leases = stage.namespace.api::<Lease>().list(&all()).await.unwrap();
    assert_eq!(names(leases), ["somebody"]);
    let roles: Api<ClusterRole> = Api::all(cluster.client());
    let role = format!("cheerful-autoscaler-{home}");
    assert!(roles.get_opt(&role).await.unwrap().is_none());

    // Each that can run does, and is reached without us.
    for name in ["resting", "busy"] {
        assert!(stage.written(name).await >= 1, "{name}");
        let tally = stage.ask(name).await;
        assert_eq!((tally.answered, tally.failed), (1, vec![]), "{name}");
    }
    let tally = traffic.end().await;
    assert!(tally.answered > 100, "{tally:?}");
    assert!(tally.failed.is_empty(), "{:?}", tally.failed);
}

fn all() -> ListParams {
    ListParams::default()
}

fn names<K: kube::Resource + Clone>(list: ObjectList<K>) -> Vec<String> {
    let mut names: Vec<String> = list.items.iter().map(|object| object.name_any()).collect();
    names.sort();
    names
}
