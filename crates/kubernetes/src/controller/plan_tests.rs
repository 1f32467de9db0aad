// SPDX-License-Identifier: Apache-2.0
use k8s_openapi::api::{core::v1::Service, discovery::v1::EndpointSlice};
use kube::runtime::watcher::Event;
use serde_json::json;

use super::*;
use crate::controller::world::Change;

fn policy() -> Policy {
    Policy {
        queue_image: "cheerful:1".to_owned(),
        autoscaler: "autoscaler:8443".to_owned(),
        grace: Duration::from_secs(30),
        system: "system".to_owned(),
        namespaced: false,
        dedicated: true,
    }
}

fn key() -> Key {
    Key {
        namespace: "shop".to_owned(),
        name: "cart".to_owned(),
    }
}

fn see<K: serde::de::DeserializeOwned>(json: Value) -> Event<K> {
    Event::Apply(serde_json::from_value(json).unwrap())
}

fn revision(world: &mut World, path: &str) {
    let object = see(json!({
        "metadata": {"name": "cart", "namespace": "shop", "uid": "1"},
        "spec": {"template": {"spec": {"containers": [{"name": "app"}]}}},
        "status": {"scale": {"path": path}},
    }));
    let dirty = world.take(Change::Revision(Box::new(object)));
    assert!(dirty.revisions.contains(&key()));
}

fn service(world: &mut World, owner: Value) {
    let object: Event<Service> = see(json!({
        "metadata": {"name": "cart", "namespace": "shop", "labels": {"cheerful.dev/revision": "cart"},
            "ownerReferences": owner},
        "spec": {"clusterIP": "10.0.0.1"},
    }));
    world.take(Change::Service(Box::new(object)));
}

fn ours() -> Value {
    json!([{"apiVersion": "", "kind": "Revision", "name": "cart", "uid": "1", "controller": true}])
}

fn pods_and_gateways(world: &mut World) {
    let slice = |name: &str, labels: Value| -> Event<EndpointSlice> {
        see(json!({
            "metadata": {"name": name, "namespace": "shop", "labels": labels},
            "addressType": "IPv4",
            "endpoints": [{"addresses": ["10.0.0.9"], "conditions": {"ready": true}}],
        }))
    };
    let labels = json!({"cheerful.dev/revision": "cart", "cheerful.dev/path": "private"});
    world.take(Change::Slice(slice("cart-private-1", labels)));
    let dirty = world.take(Change::Gateway(slice("gateways", json!({}))));
    assert!(dirty.revisions.contains(&key()), "all hang on the gateways");
}

fn look(world: &World, memory: &Memory, now: Instant) -> Plan {
    plan(world, &key(), memory, &policy(), now).unwrap()
}

fn names_of(plan: &Plan) -> Vec<&str> {
    plan.writes
        .iter()
        .map(|write| write.name.as_str())
        .collect()
}

fn endpoints(plan: &Plan, name: &str) -> usize {
    let write = plan.writes.iter().find(|write| write.name == name).unwrap();
    write.object["endpoints"].as_array().unwrap().len()
}

#[test]
fn what_is_put_in_the_path_is_written_before_what_is_taken_out() {
    let now = Instant::now();
    let mut world = World::default();
    let mut memory = Memory::default();
    revision(&mut world, "Pods");
    let first = look(&world, &memory, now);
    assert_eq!(
        names_of(&first),
        ["cart-private", "cart", "cart"],
        "slices wait for the Service's address"
    );
    assert!(!first.is_routed, "and until then nothing leads anywhere");

    service(&mut world, ours());
    pods_and_gateways(&mut world);
    let both = look(&world, &memory, now);
    assert_eq!(
        (
            endpoints(&both, "cart-gateway"),
            endpoints(&both, "cart-pods")
        ),
        (1, 1)
    );
    memory.way = Some(both.way);
    let over = look(&world, &memory, now + Duration::from_secs(31));
    let slices: Vec<&str> = names_of(&over)
        .into_iter()
        .filter(|name| name.contains('-'))
        .collect();
    assert_eq!(slices, ["cart-private", "cart-pods", "cart-gateway"]);
    assert_eq!(
        (
            endpoints(&over, "cart-gateway"),
            endpoints(&over, "cart-pods")
        ),
        (0, 1)
    );

    memory.way = Some(over.way);
    revision(&mut world, "Gateway");
    let back = look(&world, &memory, now + Duration::from_secs(40));
    let slices: Vec<&str> = names_of(&back)
        .into_iter()
        .filter(|name| name.contains('-'))
        .collect();
    assert_eq!(slices, ["cart-private", "cart-gateway", "cart-pods"]);
    assert_eq!(
        (
            endpoints(&back, "cart-gateway"),
            endpoints(&back, "cart-pods")
        ),
        (1, 0)
    );
}

#[test]
fn what_is_as_it_should_be_is_not_written_again() {
    let now = Instant::now();
    let mut world = World::default();
    revision(&mut world, "Pods");
    service(&mut world, ours());
    let mut memory = Memory::default();
    let first = look(&world, &memory, now);
    let written = first
        .writes
        .iter()
        .find(|write| write.kind == Kind::Service && write.name == "cart")
        .unwrap();
    let fingerprint = world.services.get("shop", "cart").unwrap().fingerprint;
    let hash = written.hash;
    memory.written.insert(
        (Kind::Service, "cart".to_owned()),
        Written { hash, fingerprint },
    );
    let again = look(&world, &memory, now);
    assert!(
        !again
            .writes
            .iter()
            .any(|write| write.kind == Kind::Service && write.name == "cart")
    );
    // Somebody changes it.
    memory.written.insert(
        (Kind::Service, "cart".to_owned()),
        Written {
            hash,
            fingerprint: fingerprint + 1,
        },
    );
    let drifted = look(&world, &memory, now);
    assert!(
        drifted
            .writes
            .iter()
            .any(|write| write.kind == Kind::Service && write.name == "cart")
    );
}

#[test]
fn what_belongs_to_another_is_left_out() {
    let now = Instant::now();
    let mut world = World::default();
    revision(&mut world, "Pods");
    for owner in [
        json!([{"apiVersion": "", "kind": "Revision", "name": "cart", "uid": "old", "controller": true}]),
        json!([{"apiVersion": "", "kind": "Chart", "name": "x", "uid": "2", "controller": true}]),
        json!([]),
    ] {
        service(&mut world, owner);
        let plan = look(&world, &Memory::default(), now);
        assert_eq!(plan.refused.unwrap().reason, "NameTaken");
        assert!(
            !plan
                .writes
                .iter()
                .any(|write| write.kind == Kind::Service && write.name == "cart")
        );
    }
}

#[test]
fn an_autoscaler_of_its_own_comes_after_its_service_and_goes_with_it() {
    let now = Instant::now();
    let mut world = World::default();
    let choose = |world: &mut World, choice: &str| {
        let object = see(json!({
            "metadata": {"name": "cart", "namespace": "shop", "uid": "1"},
            "spec": {"autoscaler": choice, "template": {"spec": {"containers": [{"name": "app"}]}}},
        }));
        world.take(Change::Revision(Box::new(object)));
    };
    choose(&mut world, "dedicated");
    let own = |plan: &Plan| -> Vec<Kind> {
        let writes = plan.writes.iter();
        let own = writes.filter(|write| write.name == "cart-autoscaler");
        own.map(|write| write.kind).collect()
    };
    let mut memory = Memory::default();
    let first = look(&world, &memory, now);
    assert_eq!(own(&first), [Kind::Service], "the rest hangs on it");
    let app = first
        .writes
        .iter()
        .find(|write| write.kind == Kind::Deployment)
        .unwrap();
    let told = app.object.to_string();
    assert!(told.contains("cart-autoscaler.shop.svc:8443"), "{told}");

    let service: Event<Service> = see(json!({
        "metadata": {"name": "cart-autoscaler", "namespace": "shop", "uid": "7",
            "labels": {"cheerful.dev/revision": "cart"}, "ownerReferences": ours()},
        "spec": {"clusterIP": "None"},
    }));
    world.take(Change::Service(Box::new(service)));
    let second = look(&world, &memory, now);
    let rest = [Kind::ServiceAccount, Kind::RoleBinding, Kind::Deployment];
    assert_eq!(own(&second)[1..], rest);
    for write in second
        .writes
        .iter()
        .filter(|write| rest.contains(&write.kind))
    {
        if write.name == "cart-autoscaler" {
            assert_eq!(write.object["metadata"]["ownerReferences"][0]["uid"], "7");
            assert!(write.is_new);
        }
        let written = Written {
            hash: write.hash,
            fingerprint: 3,
        };
        memory
            .written
            .insert((write.kind, write.name.clone()), written);
    }
    let third = look(&world, &memory, now);
    assert!(
        !own(&third).contains(&Kind::RoleBinding),
        "what is not watched is not written again and again"
    );
    assert_eq!(third.leaves, None);

    choose(&mut world, "shared");
    let back = look(&world, &memory, now);
    assert_eq!((own(&back), back.leaves.as_deref()), (vec![], Some("7")));
}

#[test]
fn an_autoscaler_of_its_own_that_is_not_offered_is_not_made() {
    let mut world = World::default();
    world.take(Change::Revision(Box::new(see(json!({
        "metadata": {"name": "cart", "namespace": "shop", "uid": "1"},
        "spec": {"autoscaler": "dedicated", "template": {"spec": {"containers": [{"name": "app"}]}}},
    })))));
    let policy = Policy {
        dedicated: false,
        ..policy()
    };
    let plan = plan(&world, &key(), &Memory::default(), &policy, Instant::now()).unwrap();
    let refused = plan.refused.as_ref().map(|verdict| verdict.reason.as_ref());
    assert_eq!(refused, Some("NoDedicatedAutoscaler"));
    assert!(!names_of(&plan).contains(&"cart-autoscaler"));
}

#[test]
fn a_specification_that_another_version_wrote_leaves_the_pods_as_they_are() {
    let mut world = World::default();
    world.take(Change::Revision(Box::new(see(json!({
        "metadata": {"name": "cart", "namespace": "shop", "uid": "1"},
        "spec": {"concurrency": "lots", "template": {"spec": {"containers": [{"name": "app"}]}}},
    })))));
    let plan = look(&world, &Memory::default(), Instant::now());
    let refused = plan.refused.as_ref();
    assert!(refused.is_some_and(|verdict| verdict.message.starts_with("spec.concurrency")));
    assert!(
        plan.writes
            .iter()
            .all(|write| write.kind != Kind::Deployment)
    );
}
