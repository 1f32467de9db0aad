// SPDX-License-Identifier: Apache-2.0
use std::fmt::Write as _;

use cheerful_scaling::Settings;
use cheerful_wire::{Workload, WorkloadKind};

use super::*;

const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/hello.yaml");
const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/objects");

fn hello() -> Revision {
    let text = std::fs::read_to_string(EXAMPLE).unwrap();
    let mut revision: Revision = serde_saphyr::from_str(&text).unwrap();
    revision.metadata.namespace = Some("default".to_owned());
    revision.metadata.uid = Some("00000000-0000-0000-0000-000000000001".to_owned());
    revision
}

/// All that the example becomes, while its pod and two gateways are in the path.
fn objects_of(revision: &Revision) -> Vec<Value> {
    let settings = QueueSettings {
        workload: Workload {
            namespace: "default".to_owned(),
            kind: WorkloadKind::Revision,
            name: "hello".to_owned(),
        },
        image: "cheerful:VERSION".to_owned(),
        autoscaler: "cheerful-autoscaler.cheerful-system.svc:8443".to_owned(),
        queue: revision.spec.queue.clone(),
        timeouts: revision.spec.timeouts.clone(),
        limit: None,
        app_port: None,
    };
    let endpoint = |address: &str, pod: &str| Endpoint {
        address: address.parse().unwrap(),
        pod: Some(("default".to_owned(), pod.to_owned())),
        node: Some("node".to_owned()),
        zone: None,
    };
    let scaling = revision
        .spec
        .scaling
        .resolve_over(Settings::default())
        .unwrap();
    let route = route_config(revision, &scaling, Some("10.0.0.7"));
    let (pods, gateways) = (
        [endpoint("10.1.0.1", "hello-1")],
        [
            endpoint("10.1.0.9", "gateway-2"),
            endpoint("10.1.0.8", "gateway-1"),
        ],
    );
    let family = AddressType::IPv4;
    vec![
        private_service(revision),
        public_service(revision),
        slice(
            revision,
            names::PATH_GATEWAY,
            family,
            &gateways,
            Some(&route),
        ),
        slice(revision, names::PATH_PODS, family, &pods, None),
        deployment(revision, &settings).unwrap(),
    ]
}

#[test]
fn the_example_becomes_what_the_snapshot_says() {
    is_as_kept(
        "hello.snapshot.yaml",
        "What examples/hello.yaml becomes.",
        &objects_of(&hello()),
    );
}

#[test]
fn an_autoscaler_of_its_own_is_what_the_snapshot_says() {
    let revision = hello();
    let service = OwnerReference {
        api_version: "v1".to_owned(),
        kind: "Service".to_owned(),
        name: names::dedicated_autoscaler("hello"),
        uid: "00000000-0000-0000-0000-000000000002".to_owned(),
        ..OwnerReference::default()
    };
    let with = Dedicated {
        image: "cheerful:VERSION",
        system: names::SYSTEM_NAMESPACE,
        role: names::DEDICATED_ROLE,
        service: &service,
    };
    let mut all = vec![dedicated_service(&revision)];
    all.extend(dedicated_autoscaler(&revision, &with));
    is_as_kept(
        "dedicated.snapshot.yaml",
        "What examples/hello.yaml becomes beside that with an autoscaler of its own.",
        &all,
    );
    // Neither the app's Deployment nor the shared autoscaler's Service may take its pods for theirs.
    let labels = &all[3]["spec"]["template"]["metadata"]["labels"];
    assert!(labels[names::REVISION_LABEL].is_null() && labels[names::QUEUE_LABEL].is_null());
    assert_ne!(labels[names::COMPONENT_LABEL], json!("autoscaler"));
}

fn is_as_kept(file: &str, what: &str, objects: &[Value]) {
    let file = format!("{FOLDER}/{file}");
    let mut text = format!(
        "# SPDX-License-Identifier: Apache-2.0\n# {what} Written anew by a test run with CHEERFUL_UPDATE=1.\n"
    );
    for object in objects {
        text.push_str("---\n");
        serde_saphyr::to_fmt_writer(&mut text, object).unwrap();
    }
    writeln!(text).unwrap();
    let text = text.trim_end().to_owned() + "\n";
    if std::env::var_os("CHEERFUL_UPDATE").is_some() {
        std::fs::write(&file, &text).unwrap();
    }
    let kept = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(
        text == kept,
        "{file} differs; look at what changed and run with CHEERFUL_UPDATE=1:\n{text}"
    );
}

#[test]
fn a_slice_has_its_family_alone_and_is_bounded() {
    let many = (0..2_000_u32).map(|number| Endpoint {
        address: std::net::Ipv4Addr::from(0x0a00_0000 + number).into(),
        pod: None,
        node: None,
        zone: None,
    });
    let six = Endpoint {
        address: "fd00::1".parse().unwrap(),
        pod: None,
        node: None,
        zone: None,
    };
    let all: Vec<Endpoint> = many.chain([six]).collect();
    let four = slice(&hello(), names::PATH_PODS, AddressType::IPv4, &all, None);
    assert_eq!(four["endpoints"].as_array().unwrap().len(), MAX_ENDPOINTS);
    let six = slice(&hello(), names::PATH_PODS, AddressType::IPv6, &all, None);
    assert_eq!(six["endpoints"].as_array().unwrap().len(), 1);
}

#[test]
fn replicas_are_set_once_and_handed_over() {
    let mut revision = hello();
    let with = |revision: &mut Revision, json: Value| {
        revision.spec.scaling = serde_json::from_value(json).unwrap();
        replicas(revision, None)
    };
    assert_eq!(with(&mut revision, json!({})), Replicas::Create(1));
    assert_eq!(
        with(&mut revision, json!({"initial": 0})),
        Replicas::Create(0)
    );
    assert_eq!(with(&mut revision, json!({"min": 3})), Replicas::Create(3));
    assert_eq!(
        with(&mut revision, json!({"activation": 2})),
        Replicas::Create(2)
    );
    assert_eq!(
        with(&mut revision, json!({"paused": 5})),
        Replicas::Create(5)
    );
    let there = |manager: &str| {
        serde_json::from_value(json!({
            "metadata": {"managedFields": [
                {"manager": manager, "fieldsV1": {"f:spec": {"f:replicas": {}}}},
            ]},
            "spec": {"replicas": 4, "selector": {}, "template": {}},
        }))
        .unwrap()
    };
    assert_eq!(
        replicas(&revision, Some(&there(names::CONTROLLER_MANAGER))),
        Replicas::HandOver(4)
    );
    assert_eq!(
        replicas(&revision, Some(&there(names::AUTOSCALER_MANAGER))),
        Replicas::Leave
    );
}
