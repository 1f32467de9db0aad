// SPDX-License-Identifier: Apache-2.0
//! A plain HPA of Kubernetes' own goes by our figures.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "test code: a failure is a panic, and what was seen is told"
)]
mod stage;

use std::time::Duration;

use cheerful_kubernetes::names;
use cheerful_rig::{
    Traffic,
    cluster::{self, Cluster, Scope, System, cheerful, cheerful_reads, eventually},
};
use k8s_openapi::{
    api::{apps::v1::Deployment, autoscaling::v2::HorizontalPodAutoscaler},
    kube_aggregator::pkg::apis::apiregistration::v1::APIService,
};
use kube::{Api, api::DeleteParams};
use serde_json::json;

use stage::Stage;

#[tokio::test]
async fn an_hpa_scales_by_requests_in_flight_and_nothing_is_left_behind() {
    let Some(cluster) = cluster::connect().await else {
        return;
    };
    let registrations: Api<APIService> = Api::all(cluster.client());
    let api = names::EXTERNAL_METRICS_API;
    // Somebody else has the API, and keeps it.
    cluster.apply(&theirs()).await.unwrap();
    let namespace = cluster.namespace("hpa").await;
    let home = namespace.name().to_owned();
    let more = ["--external-metrics"];
    let system = System::install(&cluster, &home, Scope::Namespace, &more).await;
    let stage = Stage { namespace, system };
    eventually("the controller tells whose the API is", async || {
        let of = "app.kubernetes.io/component=controller";
        let told = stage.namespace.kubectl(&["logs", "-l", of]).await.ok()?;
        told.contains("served by Service elsewhere/somebody and stays so")
            .then_some(())
    })
    .await;
    let kept = registrations.get(api).await.unwrap().spec.unwrap();
    assert_eq!(kept.service.unwrap().name.as_deref(), Some("somebody"));
    let now = DeleteParams::default();
    registrations.delete(api, &now).await.unwrap();
    eventually("the API is ours, and available", async || {
        let status = registrations.get_opt(api).await.unwrap()?.status?;
        let conditions = status.conditions?;
        let mut available = conditions.iter().filter(|one| one.type_ == "Available");
        available.any(|one| one.status == "True").then_some(())
    })
    .await;

    let address = shop(&stage).await;
    // Two replicas of the autoscaler are asked, of which one leads.
    let wanted = format!(
        "/apis/external.metrics.k8s.io/v1beta1/namespaces/{home}/cheerful_wanted_replicas?labelSelector=autoscaler%3Dshop"
    );
    eventually("what is wanted is told", async || {
        let told = stage.namespace.kubectl(&["get", "--raw", &wanted]).await;
        told.is_ok_and(|told| told.contains(r#""value":"1""#))
            .then_some(())
    })
    .await;
    let other = wanted.replace("%3Dshop", "%3Dnobody");
    let asked = stage.namespace.kubectl(&["get", "--raw", &other]).await;
    let refused = asked.unwrap_err();
    assert!(refused.contains("nothing scales"), "{refused}");

    let mut traffic = Traffic::new(address, "shop", "/");
    traffic.add(12, Duration::from_millis(1));
    replicas(&stage, "the HPA scales up", |count| count >= 3).await;
    let hpa = stage.namespace.api::<HorizontalPodAutoscaler>();
    let status = hpa.get("shop").await.unwrap().status.unwrap();
    println!("{:?}", status.current_metrics);
    let tally = traffic.end().await;
    assert!(tally.answered > 0, "{tally:?}");
    replicas(&stage, "the HPA scales down", |count| count == 1).await;

    let said = cheerful(&["uninstall", "--namespace", &home, "--yes"])
        .await
        .unwrap();
    assert!(
        said.contains(&format!("APIService {api}: deleted")),
        "{said}"
    );
    assert!(registrations.get_opt(api).await.unwrap().is_none());
    assert!(
        !groups(&cluster)
            .await
            .contains(&"external.metrics.k8s.io".to_owned())
    );
    // Fails where a group cannot be asked what it has.
    stage.namespace.kubectl(&["api-resources"]).await.unwrap();
    let roles = [
        "get",
        "roles,rolebindings",
        "-n",
        "kube-system",
        "-o",
        "name",
    ];
    let left = stage.namespace.kubectl(&roles).await.unwrap();
    assert!(!left.contains(&home), "{left}");
}

/// A registration as another program has it, that leads to nobody.
fn theirs() -> String {
    let name = names::EXTERNAL_METRICS_API;
    json!({
        "apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService", "metadata": {"name": name},
        "spec": {
            "group": "external.metrics.k8s.io", "version": "v1beta1", "insecureSkipTLSVerify": true,
            "groupPriorityMinimum": 100, "versionPriority": 100,
            "service": {"name": "somebody", "namespace": "elsewhere"},
        },
    })
    .to_string()
}

/// A Deployment with an injected queue, which an Autoscaler watches and an HPA scales. Gives its Service's address.
async fn shop(stage: &Stage) -> std::net::SocketAddr {
    let (labels, image) = (json!({"app": "shop"}), cluster::image());
    let workload = json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "shop"},
        "spec": {
            "replicas": 1, "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [{
                "name": "app", "image": image, "imagePullPolicy": "Never",
                "args": ["sample", "--latency", "100ms"],
            }]}},
        },
    });
    let service = json!({
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": "shop"},
        "spec": {"selector": labels, "ports": [{"port": 80, "targetPort": 8080}]},
    });
    let home = stage.namespace.name();
    let args = [
        "inject",
        "-f",
        "-",
        "--namespace",
        home,
        "--image",
        &image,
        "--services",
    ];
    let both = format!("{workload}\n---\n{service}\n");
    let injected = cheerful_reads(&args, &both).await.unwrap();
    stage.namespace.apply(&injected).await;
    let target = json!({"apiVersion": "apps/v1", "kind": "Deployment", "name": "shop"});
    let autoscaler = json!({
        "apiVersion": "cheerful.dev/v1alpha1", "kind": "Autoscaler", "metadata": {"name": "shop"},
        "spec": {
            "mode": "Shadow", "scaleTargetRef": {"kind": "Deployment", "name": "shop"},
            "scaling": {"target": 4, "min": 1, "max": 4, "stableWindow": "10s", "panicWindow": "2s"},
        },
    });
    let metric = json!({"type": "External", "external": {
        "metric": {
            "name": "cheerful_requests_in_flight",
            "selector": {"matchLabels": {"autoscaler": "shop"}},
        },
        "target": {"type": "AverageValue", "averageValue": "4"},
    }});
    let hpa = json!({
        "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "shop"},
        "spec": {
            "scaleTargetRef": target, "minReplicas": 1, "maxReplicas": 4, "metrics": [metric],
            "behavior": {"scaleDown": {"stabilizationWindowSeconds": 0}},
        },
    });
    stage.namespace.apply(&autoscaler.to_string()).await;
    stage.namespace.apply(&hpa.to_string()).await;
    let address = stage.service("shop").await;
    eventually("the Service leads there", async || {
        let mut one = Traffic::new(address, "shop", "/");
        one.once(1);
        (one.finish().await.answered == 1).then_some(())
    })
    .await;
    address
}

async fn replicas(stage: &Stage, what: &str, is: impl Fn(i32) -> bool) {
    let deployments = stage.namespace.api::<Deployment>();
    eventually(what, async || {
        let spec = deployments.get("shop").await.unwrap().spec.unwrap();
        is(spec.replicas.unwrap_or(1)).then_some(())
    })
    .await;
}

async fn groups(cluster: &Cluster) -> Vec<String> {
    let listed = cluster.client().list_api_groups().await.unwrap();
    listed.groups.into_iter().map(|group| group.name).collect()
}
