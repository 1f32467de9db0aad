// SPDX-License-Identifier: Apache-2.0
//! Autoscalers that serve one Revision alone. The controller has the rights that are installed and no more.
use std::time::Duration;

use cheerful_kubernetes::{
    certificates::Lifetimes,
    install::{self, InstallOptions, Scope},
    names,
    resources::Revision,
};
use cheerful_rig::cluster::{self, Cluster, Namespace, eventually};
use k8s_openapi::api::{
    apps::v1::Deployment,
    coordination::v1::Lease,
    core::v1::{Secret, Service, ServiceAccount},
    rbac::v1::{ClusterRole, ClusterRoleBinding, RoleBinding},
};
use kube::{
    Api, Client, Config,
    api::{DeleteParams, Patch, PatchParams},
    config::KubeConfigOptions,
};
use serde_json::{Value, json};

use crate::stage::Stage;

/// The roles of an installation for one namespace. Those of the cluster go when it is dropped.
struct Roles {
    cluster: Cluster,
    of_cluster: Vec<(String, String)>,
}

impl Roles {
    async fn install(space: &Namespace) -> Self {
        let options = InstallOptions {
            namespace: space.name().to_owned(),
            scope: Scope::Namespace,
            dedicated: true,
            ..InstallOptions::default()
        };
        let mut all = install::objects(&options);
        all.extend(install::cluster_objects(Some(&options)));
        let mut of_cluster = Vec::new();
        let mut text = String::new();
        for object in all {
            let kind = object["kind"].as_str().unwrap().to_owned();
            if kind.starts_with("ClusterRole") {
                let name = object["metadata"]["name"].as_str().unwrap().to_owned();
                assert!(name.ends_with(space.name()), "{name} is this test's");
                of_cluster.push((kind.clone(), name));
            }
            if kind.contains("Role") || kind == "ServiceAccount" {
                text += &format!("{object}\n---\n");
            }
        }
        let cluster = space.cluster().clone();
        cluster.apply(&text).await.unwrap();
        Self {
            cluster,
            of_cluster,
        }
    }

    /// Who may have tokens reviewed.
    async fn reviewers(&self, home: &str) -> Vec<String> {
        let api: Api<ClusterRoleBinding> = Api::all(self.cluster.client());
        let name = names::cluster_role(names::TOKEN_REVIEW_ROLE, Some(home));
        let subjects = api.get(&name).await.unwrap().subjects;
        let subjects = subjects.into_iter().flatten();
        subjects.map(|subject| subject.name).collect()
    }

    async fn end(self) {
        let (roles, bindings): (Api<ClusterRole>, Api<ClusterRoleBinding>) = (
            Api::all(self.cluster.client()),
            Api::all(self.cluster.client()),
        );
        let now = DeleteParams::default();
        for (kind, name) in &self.of_cluster {
            if kind == "ClusterRole" {
                roles.delete(name, &now).await.unwrap();
            } else {
                bindings.delete(name, &now).await.unwrap();
            }
        }
    }
}

/// With the rights of the controller there.
async fn as_controller(home: &str) -> Client {
    let options = KubeConfigOptions::default();
    let mut config = Config::from_kubeconfig(&options).await.unwrap();
    let account = format!("system:serviceaccount:{home}:{}", names::CONTROLLER);
    config.auth_info.impersonate = Some(account);
    config.auth_info.impersonate_groups = Some(vec!["system:authenticated".to_owned()]);
    Client::try_from(config).unwrap()
}

async fn patch(space: &Namespace, spec: Value) {
    let api: Api<Revision> = space.api();
    let change = Patch::Merge(json!({"spec": spec}));
    api.patch("hello", &PatchParams::default(), &change)
        .await
        .unwrap();
}

async fn replicas(space: &Namespace) -> i32 {
    let found = space.api::<Deployment>().get("hello").await.unwrap();
    found.spec.unwrap().replicas.unwrap_or(1)
}

/// What is left of the autoscaler of `hello`.
async fn left(space: &Namespace) -> Vec<&'static str> {
    let name = "hello-autoscaler";
    let leases: Api<Lease> = space.api();
    let (services, accounts, bindings, deployments): (
        Api<Service>,
        Api<ServiceAccount>,
        Api<RoleBinding>,
        Api<Deployment>,
    ) = (space.api(), space.api(), space.api(), space.api());
    let all = [
        ("Lease", leases.get_opt(name).await.unwrap().is_some()),
        ("Service", services.get_opt(name).await.unwrap().is_some()),
        (
            "ServiceAccount",
            accounts.get_opt(name).await.unwrap().is_some(),
        ),
        (
            "RoleBinding",
            bindings.get_opt(name).await.unwrap().is_some(),
        ),
        (
            "Deployment",
            deployments.get_opt(name).await.unwrap().is_some(),
        ),
    ];
    let there = all.into_iter().filter(|(_, is_there)| *is_there);
    there.map(|(kind, _)| kind).collect()
}

#[tokio::test]
async fn its_own_autoscaler_scales_it_and_goes_when_the_shared_one_serves_again() {
    let Some(cluster) = cluster::connect().await else {
        return;
    };
    let space = cluster.namespace("dedicated").await;
    let home = space.name().to_owned();
    let roles = Roles::install(&space).await;
    let client = as_controller(&home).await;
    let stage = Stage::of(client, space, &home, Lifetimes::default());
    stage.gateways().await;
    let quick = "initial: 1, max: 3, target: 10, stableWindow: 10s, panicWindow: 2s, idleDelay: 3s, gracePeriod: 1s, scaleDownDelay: 0s";
    stage.hello(quick).await;
    patch(&stage.space, json!({"autoscaler": "dedicated"})).await;

    let deployments: Api<Deployment> = stage.space.api();
    eventually("its own autoscaler is ready", async || {
        let found = deployments.get_opt("hello-autoscaler").await.unwrap()?;
        (found.status?.ready_replicas? == 2).then_some(())
    })
    .await;
    assert_eq!(roles.reviewers(&home).await, ["hello-autoscaler"]);

    // There is no other autoscaler: what scales it is its own, by the reports of its queue.
    eventually("it goes to zero, for nothing is asked of it", async || {
        (replicas(&stage.space).await == 0).then_some(())
    })
    .await;
    patch(&stage.space, json!({"scaling": {"min": 2}})).await;
    eventually("it is scaled to its new minimum", async || {
        (replicas(&stage.space).await == 2).then_some(())
    })
    .await;
    eventually("it is ready, and its queues are heard", async || {
        let scale = stage.status().await.scale?;
        let (is_ready, ..) = stage.condition("Ready").await?;
        (scale.ready == 2 && is_ready == "True").then_some(())
    })
    .await;

    patch(&stage.space, json!({"autoscaler": null})).await;
    eventually("nothing of it is left", async || {
        let left = left(&stage.space).await;
        left.is_empty().then_some(())
    })
    .await;
    eventually("it may have no tokens reviewed any more", async || {
        roles.reviewers(&home).await.is_empty().then_some(())
    })
    .await;
    eventually("its queues report to the shared one", async || {
        let hello = deployments.get("hello").await.unwrap();
        let told = json!(hello).to_string();
        (told.contains(&format!("cheerful-autoscaler.{home}.svc:8443"))
            && !told.contains("hello-autoscaler"))
        .then_some(())
    })
    .await;
    stage.end().await;
    roles.end().await;
}

#[tokio::test]
async fn in_another_namespace_it_has_a_certificate_that_goes_with_the_last_of_them() {
    let Some(cluster) = cluster::connect().await else {
        return;
    };
    let home = cluster.namespace("dedicated-home").await;
    let space = cluster.namespace("dedicated-away").await;
    let roles = Roles::install(&home).await;
    let lifetimes = Lifetimes {
        root: Duration::from_secs(600),
        issued: Duration::from_secs(9),
        known_after: Duration::from_secs(4),
        look: Duration::from_millis(200),
    };
    let stage = Stage::of(cluster.client(), space, home.name(), lifetimes);
    let secrets: Api<Secret> = stage.space.api();
    stage.hello("initial: 0").await;
    patch(&stage.space, json!({"autoscaler": "dedicated"})).await;
    let mut served = std::collections::BTreeSet::new();
    eventually("its certificate is there, and is renewed", async || {
        let secret = secrets
            .get_opt(names::AUTOSCALER_TLS_SECRET)
            .await
            .unwrap()?;
        let owners = secret.metadata.owner_references.unwrap_or_default();
        assert_eq!((owners.len(), &*owners[0].name), (1, "hello-autoscaler"));
        served.insert(secret.data.unwrap()["tls.crt"].0.clone());
        (served.len() >= 3).then_some(())
    })
    .await;
    patch(&stage.space, json!({"autoscaler": "shared"})).await;
    eventually("nothing of it is left", async || {
        let secret = secrets.get_opt(names::AUTOSCALER_TLS_SECRET).await.unwrap();
        (left(&stage.space).await.is_empty() && secret.is_none()).then_some(())
    })
    .await;
    stage.end().await;
    roles.end().await;
}
