// SPDX-License-Identifier: Apache-2.0
use std::{collections::BTreeSet, time::Duration};

use cheerful_kubernetes::certificates::Lifetimes;
use cheerful_rig::cluster::eventually;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::Api;

use crate::stage::Stage;

#[tokio::test]
async fn the_authority_is_rotated_and_every_namespace_knows_it_before_it_signs() {
    let lifetimes = Lifetimes {
        root: Duration::from_secs(30),
        issued: Duration::from_secs(9),
        known_after: Duration::from_secs(4),
        look: Duration::from_millis(200),
    };
    let Some(stage) = Stage::with("certificates", lifetimes).await else {
        return;
    };
    let secrets: Api<Secret> = stage.space.api();
    let maps: Api<ConfigMap> = stage.space.api();
    let mut served = BTreeSet::new();
    let mut most = 0;
    eventually(
        "the authority was rotated, and signed several times",
        async || {
            let secret = secrets.get_opt("cheerful-autoscaler-tls").await.unwrap()?;
            let data = secret.data.unwrap();
            served.insert(data["tls.crt"].0.clone());
            let map = maps.get_opt("cheerful-ca").await.unwrap()?;
            let trusted = map.data.unwrap()["ca.crt"]
                .matches("BEGIN CERTIFICATE")
                .count();
            most = most.max(trusted);
            (served.len() >= 4 && most >= 2 && trusted == 1).then_some(())
        },
    )
    .await;
    stage.end().await;
}
