// SPDX-License-Identifier: Apache-2.0
//! The rights that are granted are those that are used, by the audit log of the tests that ran before this one.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "test code: a failure is a panic"
)]
use std::collections::{BTreeMap, BTreeSet};

use cheerful_kubernetes::install::{RIGHTS, Role};
use cheerful_rig::cluster;
use serde_json::Value;

/// Role, group, resource with its subresource, verb.
type Use = (&'static str, String, String, String);

#[tokio::test]
async fn none_is_granted_and_unused_and_none_is_refused() {
    let Some(cluster) = cluster::connect().await else {
        return;
    };
    let Some(own) = cluster.own() else { return };
    let audit = own.audit().await;
    let events: Vec<Value> = audit
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let gone = deletions(&events);
    let (mut used, mut refused) = (BTreeSet::new(), BTreeMap::<Use, u32>::new());
    for event in &events {
        let Some((home, one)) = seen(event) else {
            continue;
        };
        let message = event["responseStatus"]["message"].as_str();
        if message.is_some_and(|message| message.contains("being terminated")) {
            // Nothing can be made in a namespace that goes, whoever asks.
            used.insert(one);
        } else if event["responseStatus"]["code"] == 403 {
            // When its namespace is deleted, its roles go in no order; and one test takes rights away to see what fails.
            let is_gone = gone.get(home).is_some_and(|when| at(event) >= *when);
            if !is_gone && !home.starts_with("lost-rights-") {
                *refused.entry(one).or_default() += 1;
            }
        } else {
            // An apply that makes the object is asked for the right to make it too.
            if event["responseStatus"]["code"] == 201 && one.3 == "patch" {
                let (role, group, resource, _) = one.clone();
                used.insert((role, group, resource, "create".to_owned()));
            }
            used.insert(one);
        }
    }
    if used.is_empty() {
        panic!("the audit log has nothing of ours: run the other tests before this one");
    }
    let unused: Vec<Use> = granted()
        .into_iter()
        .filter(|one| !used.contains(one))
        .collect();
    assert!(refused.is_empty(), "used and not granted: {refused:#?}");
    assert!(unused.is_empty(), "granted and not used: {unused:#?}");
}

fn granted() -> BTreeSet<Use> {
    RIGHTS
        .iter()
        .flat_map(|right| {
            // Whether somebody may bind is asked when he binds, and is no request.
            let verbs = right.verbs.iter().filter(|verb| **verb != "bind");
            verbs.map(|verb| {
                let role = right.role.name();
                (
                    role,
                    right.group.to_owned(),
                    right.resource.to_owned(),
                    (*verb).to_owned(),
                )
            })
        })
        .collect()
}

/// What one of our service accounts asked for, and in which namespace that account is.
fn seen(event: &Value) -> Option<(&str, Use)> {
    // A test may act as a role.
    let user = ["/impersonatedUser/username", "/user/username"];
    let user = user.iter().find_map(|at| event.pointer(at)?.as_str())?;
    let (home, account) = user
        .strip_prefix("system:serviceaccount:")?
        .split_once(':')?;
    let role = Role::ALL.into_iter().find(|role| role.name() == account)?;
    let object = event.get("objectRef")?;
    let text = |field: &str| object[field].as_str().unwrap_or_default().to_owned();
    let resource = match text("subresource") {
        none if none.is_empty() => text("resource"),
        subresource => format!("{}/{subresource}", text("resource")),
    };
    let verb = event["verb"].as_str()?.to_owned();
    Some((home, (role.name(), text("apiGroup"), resource, verb)))
}

/// When each namespace was deleted first.
fn deletions(events: &[Value]) -> BTreeMap<&str, &str> {
    let mut gone = BTreeMap::new();
    for event in events {
        let object = &event["objectRef"];
        if event["verb"] == "delete" && object["resource"] == "namespaces" {
            gone.entry(object["name"].as_str().unwrap())
                .or_insert_with(|| at(event));
        }
    }
    gone
}

/// Times of one form, so that their texts can be compared.
fn at(event: &Value) -> &str {
    event["requestReceivedTimestamp"].as_str().unwrap()
}
