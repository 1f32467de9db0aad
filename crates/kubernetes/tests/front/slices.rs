// SPDX-License-Identifier: Apache-2.0
use std::net::{IpAddr, UdpSocket};

use cheerful_kubernetes::{RouteConfig, names};
use cheerful_rig::{App, cluster::Cluster, cluster::Namespace};
use k8s_openapi::api::{core::v1::Node, discovery::v1::EndpointSlice};
use kube::{
    Api,
    api::{DeleteParams, ListParams, Patch, PatchParams},
};
use serde_json::{Value, json};

/// EndpointSlices by hand, in a namespace of their own.
pub(crate) struct Slices {
    namespace: Namespace,
    api: Api<EndpointSlice>,
    node: IpAddr,
}

impl Slices {
    pub(crate) async fn new(cluster: &Cluster, test: &str) -> Self {
        let namespace = cluster.namespace(test).await;
        let api = namespace.api();
        let node = own_address(cluster).await;
        Self {
            namespace,
            api,
            node,
        }
    }

    pub(crate) fn namespace(&self) -> &str {
        self.namespace.name()
    }

    pub(crate) fn client(&self) -> kube::Client {
        self.namespace.cluster().client()
    }

    /// An address of this machine that a slice may have: loopback it may not.
    pub(crate) const fn node(&self) -> IpAddr {
        self.node
    }

    pub(crate) async fn route(&self, revision: &str, hosts: &[&str]) {
        let route = RouteConfig {
            hosts: hosts.iter().map(ToString::to_string).collect(),
            target: 70.0,
            ..RouteConfig::default()
        };
        let text = serde_json::to_string(&route).unwrap();
        let annotations = json!({names::ROUTE_ANNOTATION: text});
        self.write(revision, names::PATH_GATEWAY, annotations, &json!([]), 8080)
            .await;
    }

    /// A slice has one port, so each pod has a slice of its own: each app has its own port.
    pub(crate) async fn pods(&self, revision: &str, pods: &[(&str, &App, bool)]) {
        for (pod, app, ready) in pods {
            let endpoints = json!([{
                "addresses": [app.address().ip()],
                "conditions": {"ready": ready, "serving": true, "terminating": !ready},
                "targetRef": {"kind": "Pod", "name": pod, "namespace": self.namespace()},
            }]);
            let path = format!("{}-{pod}", names::PATH_PRIVATE);
            self.write(revision, &path, json!({}), &endpoints, app.address().port())
                .await;
        }
    }

    pub(crate) async fn remove(&self, revision: &str) {
        let name = names::public_slice(revision, names::PATH_GATEWAY);
        let gone = self.api.delete(&name, &DeleteParams::default()).await;
        gone.unwrap();
    }

    async fn write(
        &self,
        revision: &str,
        path: &str,
        annotations: Value,
        endpoints: &Value,
        port: u16,
    ) {
        let name = names::public_slice(revision, path);
        let kind = path.split('-').next();
        let slice = json!({
            "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
            "metadata": {"name": name, "annotations": annotations,
                "labels": {names::REVISION_LABEL: revision, names::PATH_LABEL: kind}},
            "addressType": "IPv4",
            "ports": [{"name": names::SERVICE_PORT_NAME, "port": port, "protocol": "TCP"}],
            "endpoints": endpoints,
        });
        let params = PatchParams::apply("test").force();
        let written = self.api.patch(&name, &params, &Patch::Apply(&slice)).await;
        written.unwrap();
    }
}

async fn own_address(cluster: &Cluster) -> IpAddr {
    let nodes = Api::<Node>::all(cluster.client());
    let nodes = nodes.list(&ListParams::default()).await.unwrap();
    let of_nodes = nodes
        .items
        .into_iter()
        .filter_map(|node| node.status)
        .flat_map(|status| status.addresses.unwrap_or_default())
        .filter_map(|address| address.address.parse().ok());
    let mut local = of_nodes.filter(|address: &IpAddr| UdpSocket::bind((*address, 0)).is_ok());
    local.next().unwrap_or_else(|| {
        // No packet is sent: this asks which address one would be sent from.
        let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
        socket.connect("192.0.2.1:9").unwrap();
        socket.local_addr().unwrap().ip()
    })
}
