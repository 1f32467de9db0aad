// SPDX-License-Identifier: Apache-2.0
//! The cluster that the tests run against is one that cheerful supports.
#![allow(clippy::unwrap_used, reason = "test code: a failure is a panic")]
use cheerful_rig::cluster;
use k8s_openapi::api::core::v1::ConfigMap;

#[tokio::test]
async fn its_version_is_supported_and_a_namespace_goes_with_the_test() {
    let Some(cluster) = cluster::connect().await else {
        return;
    };
    let version = cluster.client().apiserver_version().await.unwrap();
    let minor = version.minor.trim_end_matches('+');
    assert_eq!(version.major, "1");
    assert!(minor.parse::<u32>().unwrap() >= 33, "{version:?}");

    let namespace = cluster.namespace("reachable").await;
    namespace
        .apply("{apiVersion: v1, kind: ConfigMap, metadata: {name: here}, data: {key: value}}")
        .await;
    let found = namespace.api::<ConfigMap>().get("here").await.unwrap();
    assert_eq!(found.data.unwrap()["key"], "value");

    let name = namespace.name().to_owned();
    drop(namespace);
    cluster::eventually("the namespace goes", async || {
        let found = cluster.kubectl(&["get", "namespace", &name]).await;
        found.is_err().then_some(())
    })
    .await;
}
