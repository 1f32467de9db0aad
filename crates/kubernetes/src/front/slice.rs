// SPDX-License-Identifier: Apache-2.0
use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use cheerful_wire::{Workload, WorkloadKind};
use k8s_openapi::api::discovery::v1::{Endpoint, EndpointSlice};

use crate::{RouteConfig, names};

/// What the gateway needs of an EndpointSlice.
#[derive(Clone, Debug, PartialEq)]
pub struct SliceView {
    /// Its own: `namespace/name`.
    pub slice: Arc<str>,
    /// The revision's: `namespace/name`.
    pub revision: Arc<str>,
    /// What it says.
    pub content: Content,
}

/// What a slice says.
#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    /// The revision is there, and this is how its requests are told.
    Route {
        /// When it was made, in seconds of the API server's clock.
        created: i64,
        /// Or what is wrong with it.
        route: Result<Box<RouteConfig>, String>,
    },
    /// Some of its pods.
    Places(Vec<Place>),
}

/// A pod's queue.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Place {
    pub pod: Arc<str>,
    pub address: SocketAddr,
    pub ready: bool,
}

impl SliceView {
    /// `None`: not one that concerns the gateway.
    #[must_use]
    pub fn of(slice: &EndpointSlice) -> Option<Self> {
        let meta = &slice.metadata;
        let labels = meta.labels.as_ref()?;
        let namespace = meta.namespace.as_deref()?;
        let name = meta.name.as_deref()?;
        let revision = labels.get(names::REVISION_LABEL)?;
        let content = match labels.get(names::PATH_LABEL)?.as_str() {
            names::PATH_GATEWAY => Content::Route {
                created: meta
                    .creation_timestamp
                    .as_ref()
                    .map_or(i64::MAX, |time| time.0.as_second()),
                route: route(slice),
            },
            names::PATH_PRIVATE => Content::Places(places(slice)),
            _ => return None,
        };
        Some(Self {
            slice: format!("{namespace}/{name}").into(),
            revision: key(namespace, revision),
            content,
        })
    }
}

/// What names a revision here and in the gateway: `namespace/name`, as [`Workload`] shows it.
pub(super) fn key(namespace: &str, name: &str) -> Arc<str> {
    format!("{namespace}/{name}").into()
}

/// The workload that a key names.
pub(super) fn workload(key: &str) -> Option<Workload> {
    let (namespace, name) = key.split_once('/')?;
    Some(Workload {
        namespace: namespace.to_owned(),
        kind: WorkloadKind::Revision,
        name: name.to_owned(),
    })
}

fn route(slice: &EndpointSlice) -> Result<Box<RouteConfig>, String> {
    let annotation = names::ROUTE_ANNOTATION;
    let text = slice
        .metadata
        .annotations
        .as_ref()
        .and_then(|annotations| annotations.get(annotation))
        .ok_or_else(|| format!("it has no annotation {annotation}"))?;
    serde_json::from_str(text).map_err(|error| format!("its annotation {annotation}: {error}"))
}

fn places(slice: &EndpointSlice) -> Vec<Place> {
    let ports = slice.ports.as_deref().unwrap_or_default();
    let named = ports
        .iter()
        .find(|port| port.name.as_deref() == Some(names::SERVICE_PORT_NAME));
    let port = named
        .or_else(|| ports.first())
        .and_then(|port| u16::try_from(port.port?).ok());
    let Some(port) = port else {
        return Vec::new();
    };
    slice
        .endpoints
        .iter()
        .filter_map(|endpoint| place(endpoint, port))
        .collect()
}

/// A name in place of an address (`addressType: FQDN`) is left out: Kubernetes writes none for pods.
fn place(endpoint: &Endpoint, port: u16) -> Option<Place> {
    let address: IpAddr = endpoint.addresses.first()?.parse().ok()?;
    let address = SocketAddr::new(address, port);
    let pod = endpoint
        .target_ref
        .as_ref()
        .and_then(|target| target.name.as_deref())
        .map_or_else(|| address.to_string().into(), Arc::from);
    // What is not said is `true` for ready and `false` for terminating, as Kubernetes documents it.
    let conditions = endpoint.conditions.as_ref();
    let ready = conditions.is_none_or(|conditions| {
        conditions.ready.unwrap_or(true) && !conditions.terminating.unwrap_or(false)
    });
    Some(Place {
        pod,
        address,
        ready,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn view(path: &str, more: Value) -> Option<SliceView> {
        let mut slice = json!({
            "metadata": {"namespace": "shop", "name": "cart-x", "creationTimestamp": "2026-11-24T12:00:00Z",
                "labels": {"cheerful.dev/revision": "cart", "cheerful.dev/path": path}},
            "addressType": "IPv4", "endpoints": [],
        });
        for (field, value) in more.as_object().unwrap() {
            if field == "annotations" {
                slice["metadata"]["annotations"] = value.clone();
            } else {
                slice[field] = value.clone();
            }
        }
        SliceView::of(&serde_json::from_value(slice).unwrap())
    }

    #[test]
    fn ready_pods_are_places_on_the_port_named_http() {
        let view = view(
            "private",
            json!({
                "ports": [{"name": "admin", "port": 8022}, {"name": "http", "port": 8012}],
                "endpoints": [
                    {"addresses": ["10.1.0.4"], "targetRef": {"kind": "Pod", "name": "a"}},
                    {"addresses": ["10.1.0.5"], "targetRef": {"name": "b"}, "conditions": {"ready": false}},
                    {"addresses": ["10.1.0.6"], "conditions": {"ready": true, "terminating": true}},
                    {"addresses": ["not.an.address"]},
                ]
            }),
        )
        .unwrap();
        assert_eq!(&*view.revision, "shop/cart");
        assert_eq!(&*view.slice, "shop/cart-x");
        let Content::Places(places) = view.content else {
            panic!("no places")
        };
        let shown: Vec<_> = places
            .iter()
            .map(|place| (&*place.pod, place.address.to_string(), place.ready))
            .collect();
        assert_eq!(
            shown,
            [
                ("a", "10.1.0.4:8012".to_owned(), true),
                ("b", "10.1.0.5:8012".to_owned(), false),
                ("10.1.0.6:8012", "10.1.0.6:8012".to_owned(), false),
            ]
        );
    }

    #[test]
    fn a_route_is_read_or_told_what_is_wrong_with_it() {
        let config = r#"{"hosts":["cart.shop"],"target":7,"concurrency":"single"}"#;
        let Some(Content::Route { created, route }) = view(
            "gateway",
            json!({"annotations": {"cheerful.dev/route": config}}),
        )
        .map(|view| view.content) else {
            panic!("no route")
        };
        assert_eq!(created, 1_795_521_600);
        assert_eq!(route.unwrap().hosts, ["cart.shop"]);
        for (bad, said) in [
            (json!({}), "no annotation"),
            (json!({"annotations": {"cheerful.dev/route": "{"}}), "EOF"),
        ] {
            let Some(Content::Route { route, .. }) = view("gateway", bad).map(|view| view.content)
            else {
                panic!("no route")
            };
            assert!(route.unwrap_err().contains(said));
        }
    }

    #[test]
    fn the_pods_way_of_the_public_service_is_nothing_to_the_gateway() {
        assert_eq!(view("pods", json!({})), None);
    }
}
