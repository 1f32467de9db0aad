// SPDX-License-Identifier: Apache-2.0
use std::net::IpAddr;

use kube::ResourceExt as _;
use serde_json::{Value, json};

use super::metadata;
use crate::{RouteConfig, names, resources::Revision};

/// Most endpoints in a slice, by the API's own rule. Further pods are left out: they get requests by the gateway alone.
pub const MAX_ENDPOINTS: usize = 1_000;

/// Somewhere that requests can go.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)]
pub struct Endpoint {
    pub address: IpAddr,
    /// The pod's namespace and name.
    pub pod: Option<(String, String)>,
    pub node: Option<String>,
    pub zone: Option<String>,
}

/// Which addresses a slice has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum AddressType {
    #[default]
    IPv4,
    IPv6,
}

impl AddressType {
    /// Whether it is such an address.
    #[must_use]
    pub const fn fits(self, address: IpAddr) -> bool {
        matches!(
            (self, address),
            (Self::IPv4, IpAddr::V4(_)) | (Self::IPv6, IpAddr::V6(_))
        )
    }
}

/// The public Service's slice for a way ([`names::PATH_PODS`] or [`names::PATH_GATEWAY`]), with these endpoints and no
/// others. The gateway's has the route.
#[must_use]
pub fn slice(
    revision: &Revision,
    path: &str,
    kind: AddressType,
    endpoints: &[Endpoint],
    route: Option<&RouteConfig>,
) -> Value {
    let name = revision.name_any();
    let port = if path == names::PATH_GATEWAY {
        names::GATEWAY_PORT
    } else {
        names::QUEUE_PORT
    };
    let mut metadata = metadata(revision, &names::public_slice(&name, path), false);
    metadata["labels"][names::PATH_LABEL] = json!(path);
    metadata["labels"]["kubernetes.io/service-name"] = json!(name);
    metadata["labels"]["endpointslice.kubernetes.io/managed-by"] = json!(names::CONTROLLER);
    if let Some(route) = route {
        let text = serde_json::to_string(route).unwrap_or_default();
        metadata["annotations"][names::ROUTE_ANNOTATION] = json!(text);
    }
    let mut chosen: Vec<&Endpoint> = endpoints
        .iter()
        .filter(|endpoint| kind.fits(endpoint.address))
        .collect();
    chosen.sort_unstable();
    chosen.truncate(MAX_ENDPOINTS);
    json!({
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": metadata,
        "addressType": match kind {
            AddressType::IPv4 => "IPv4",
            AddressType::IPv6 => "IPv6",
        },
        "ports": [{"name": names::SERVICE_PORT_NAME, "port": port, "protocol": "TCP"}],
        "endpoints": chosen.into_iter().map(endpoint).collect::<Vec<_>>(),
    })
}

fn endpoint(endpoint: &Endpoint) -> Value {
    let mut value = json!({
        "addresses": [endpoint.address.to_string()],
        "conditions": {"ready": true, "serving": true, "terminating": false},
    });
    if let Some((namespace, name)) = &endpoint.pod {
        value["targetRef"] = json!({"kind": "Pod", "namespace": namespace, "name": name});
    }
    for (field, text) in [("nodeName", &endpoint.node), ("zone", &endpoint.zone)] {
        if let Some(text) = text {
            value[field] = json!(text);
        }
    }
    value
}
