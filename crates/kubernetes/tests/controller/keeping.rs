// SPDX-License-Identifier: Apache-2.0
use std::{
    sync::atomic::Ordering::Relaxed,
    time::{Duration, Instant},
};

use cheerful_kubernetes::resources::Revision;
use cheerful_rig::cluster::eventually;
use k8s_openapi::api::{
    apps::v1::Deployment,
    core::v1::{ConfigMap, Service},
    discovery::v1::EndpointSlice,
};
use kube::{
    Api, ResourceExt as _,
    api::{DeleteParams, ListParams, Patch, PatchParams},
};
use serde_json::json;

use crate::stage::Stage;

#[tokio::test]
async fn objects_are_made_repaired_and_cleaned_up() {
    let Some(stage) = Stage::new("keeping").await else {
        return;
    };
    stage.hello("initial: 0").await;
    let deployments: Api<Deployment> = stage.space.api();
    let services: Api<Service> = stage.space.api();
    let slices: Api<EndpointSlice> = stage.space.api();
    let made = eventually("the slices are there", async || {
        let gateway = slices.get_opt("hello-gateway").await.unwrap();
        gateway.filter(|_| true)
    })
    .await;
    assert!(made.annotations()["cheerful.dev/route"].contains("hello."));
    let deployment = eventually("the Deployment is there", async || {
        deployments.get_opt("hello").await.unwrap()
    })
    .await;
    assert_eq!(
        deployment.spec.as_ref().unwrap().replicas,
        Some(0),
        "as `initial` says"
    );
    assert_eq!(deployment.labels()["team"], "a", "labels are passed on");
    let bundle: Api<ConfigMap> = stage.space.api();
    let bundle = bundle.get("cheerful-ca").await.unwrap();
    assert!(bundle.data.unwrap()["ca.crt"].contains("BEGIN CERTIFICATE"));

    // The replicas are the autoscaler's from then on.
    let scale = json!({"spec": {"replicas": 2}});
    deployments
        .patch_scale("hello", &PatchParams::default(), &Patch::Merge(&scale))
        .await
        .unwrap();
    // A label of a user's own stays, what is ours comes back, and all without touching the replicas.
    let change = json!({
        "metadata": {"labels": {"mine": "yes"}},
        "spec": {"template": {"spec": {"terminationGracePeriodSeconds": 77}}},
    });
    let merge = PatchParams::default();
    deployments
        .patch("hello", &merge, &Patch::Merge(&change))
        .await
        .unwrap();
    services
        .delete("hello-private", &DeleteParams::default())
        .await
        .unwrap();
    let empty = json!({"metadata": {"annotations": {"cheerful.dev/route": "no"}}});
    slices
        .patch("hello-gateway", &merge, &Patch::Merge(&empty))
        .await
        .unwrap();
    eventually("the drift is repaired", async || {
        let deployment = deployments.get("hello").await.unwrap();
        let spec = deployment.spec.clone().unwrap();
        let grace = spec.template.spec.unwrap().termination_grace_period_seconds;
        let private = services.get_opt("hello-private").await.unwrap();
        let slice = slices.get("hello-gateway").await.unwrap();
        let whole = grace == Some(3)
            && private.is_some()
            && slice.annotations()["cheerful.dev/route"] != "no";
        assert_eq!(spec.replicas, Some(2));
        assert_eq!(deployment.labels()["mine"], "yes");
        whole.then_some(())
    })
    .await;

    eventually("the way is told", async || {
        stage.status().await.path.map(|_| ())
    })
    .await;
    // And then nothing is written for nothing: once the pods are there, three seconds go by with hardly a write.
    let mut from = (0, Instant::now());
    eventually("all is as it should be, and stays", async || {
        let written = stage.metrics.writes_total.load(Relaxed);
        if written > from.0 + 4 {
            from = (written, Instant::now());
        }
        (from.1.elapsed() > Duration::from_secs(3)).then_some(())
    })
    .await;

    let revisions: Api<Revision> = stage.space.api();
    revisions
        .delete("hello", &DeleteParams::default())
        .await
        .unwrap();
    eventually("everything goes with the Revision", async || {
        let ours = ListParams::default().labels("cheerful.dev/revision=hello");
        let left = deployments.list_metadata(&ours).await.unwrap().items.len()
            + services.list_metadata(&ours).await.unwrap().items.len()
            + slices.list_metadata(&ours).await.unwrap().items.len();
        (left == 0).then_some(())
    })
    .await;
    stage.end().await;
}

#[tokio::test]
async fn a_namespace_goes_with_all_that_is_in_it() {
    let Some(stage) = Stage::new("going").await else {
        return;
    };
    stage.hello("initial: 0").await;
    let deployments: Api<Deployment> = stage.space.api();
    eventually("the Deployment is there", async || {
        deployments.get_opt("hello").await.unwrap()
    })
    .await;
    let all: Api<k8s_openapi::api::core::v1::Namespace> = Api::all(stage.space.cluster().client());
    let name = stage.space.name();
    all.delete(name, &DeleteParams::default()).await.unwrap();
    eventually("the namespace is gone", async || {
        all.get_opt(name).await.unwrap().is_none().then_some(())
    })
    .await;
    stage.end().await;
}
