// SPDX-License-Identifier: Apache-2.0
use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use cheerful_manifest::AutoscalerChoice;
use cheerful_scaling::Settings;
use cheerful_wire::{Workload, WorkloadKind};
use k8s_openapi::{api::apps::v1::Deployment, apimachinery::pkg::apis::meta::v1::OwnerReference};
use kube::ResourceExt as _;
use serde_json::Value;

use super::{
    Key,
    view::{Ownership, hash},
    world::World,
};
use crate::{
    names,
    objects::{
        self, Dedicated, PodTrouble, QueueSettings, Replicas, Verdict, Way, WayInput, slice,
        verdict,
    },
    resources::Revision,
};

/// What the controller is told.
#[derive(Clone, Debug)]
pub struct Policy {
    /// The image of the queue: our own.
    pub queue_image: String,
    /// `host:port` to which queues report.
    pub autoscaler: String,
    /// How long the gateway stays after the pods are back.
    pub grace: Duration,
    /// Where the controller and the gateways run.
    pub system: String,
    /// Whether it is installed for that namespace alone.
    pub namespaced: bool,
    /// Whether a Revision may have an autoscaler of its own.
    pub dedicated: bool,
}

impl Policy {
    /// The name of a ClusterRole of this installation.
    pub(super) fn cluster_role(&self, name: &str) -> String {
        names::cluster_role(name, self.namespaced.then_some(&*self.system))
    }
}

/// How one object is to be.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Write {
    pub(super) kind: Kind,
    pub(super) name: String,
    pub(super) object: Value,
    /// It is not known to be there: before it is made, it is looked whether somebody else has the name.
    pub(super) is_new: bool,
    /// Of `object`.
    pub(super) hash: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Service,
    Slice,
    Deployment,
    ServiceAccount,
    RoleBinding,
}

impl Kind {
    /// What is not watched, so that no more rights are needed, is written anew from time to time.
    pub(super) const fn is_watched(self) -> bool {
        !matches!(self, Self::ServiceAccount | Self::RoleBinding)
    }
}

/// What was written last, and what was there after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Written {
    pub(super) hash: u64,
    pub(super) fingerprint: u64,
}

/// What the controller keeps of a Revision between two looks.
#[derive(Clone, Debug, Default)]
pub(super) struct Memory {
    pub(super) way: Option<Way>,
    pub(super) written: BTreeMap<(Kind, String), Written>,
    pub(super) failures: u32,
}

/// What to do about a Revision.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) key: Key,
    pub(super) revision: Revision,
    /// In this order; one that fails ends it, so that nothing is taken away before something else is there.
    pub(super) writes: Vec<Write>,
    /// Replicas that another manager has to take before the Deployment is written without them.
    pub(super) hand_over: Option<i32>,
    /// The Service of an autoscaler that is no longer asked for, by its uid. All that belongs to it goes with it.
    pub(super) leaves: Option<String>,
    pub(super) refused: Option<Verdict>,
    pub(super) deployment: Option<Deployment>,
    pub(super) trouble: Option<PodTrouble>,
    pub(super) way: Way,
    /// Whether the Service leads there once all is written.
    pub(super) is_routed: bool,
    pub(super) pods: usize,
    pub(super) gateways: usize,
    pub(super) hosts: Vec<String>,
}

/// What to do, from all that is known. `None`: the Revision is not there, or is going.
pub(super) fn plan(
    world: &World,
    key: &Key,
    memory: &Memory,
    policy: &Policy,
    now: Instant,
) -> Option<Plan> {
    let revision = world.revisions.get(&key.namespace, &key.name)?;
    if revision.metadata.deletion_timestamp.is_some() {
        return None;
    }
    let (pods, gateways) = (world.ready_pods(key), world.gateways());
    let status = revision.status.as_ref();
    let input = WayInput {
        wish: status.and_then(|status| status.scale.as_ref()?.path),
        pods: pods.len(),
        gateways: gateways.len(),
    };
    let told = status.and_then(|status| Some(status.path.as_ref()?.now));
    let way = memory
        .way
        .unwrap_or_else(|| Way::resume(told, policy.grace, now))
        .step(input, policy.grace, now);
    let service = world.services.get(&key.namespace, &key.name);
    let cluster_ip = service
        .and_then(|service| service.of.cluster_ip)
        .map(|ip| ip.to_string());
    let there = world.deployments.get(&key.namespace, &key.name);
    let mut plan = Plan {
        key: key.clone(),
        revision: revision.clone(),
        writes: Vec::new(),
        hand_over: None,
        leaves: None,
        refused: None,
        deployment: there.map(|there| there.of.clone()),
        trouble: world.trouble(key).cloned(),
        way,
        is_routed: false,
        pods: pods.len(),
        gateways: gateways.len(),
        hosts: objects::hosts(revision, cluster_ip.as_deref()),
    };
    let mut wanted = vec![
        (Kind::Service, objects::private_service(revision)),
        (Kind::Service, objects::public_service(revision)),
    ];
    let settings = Settings {
        concurrency: super::concurrency(revision),
        ..Settings::default()
    };
    match revision.spec.scaling.resolve_over(settings) {
        Err(faults) => plan.refused = Some(super::invalid(&faults)),
        Ok(scaling) => {
            // The kind of its address is known with the Service, and cannot be changed in a slice.
            if let Some(service) = service {
                let family = service.of.family;
                let route = objects::route_config(revision, &scaling, cluster_ip.as_deref());
                let via = |open: bool, all| if open { all } else { Vec::new() };
                let to_pods = via(way.has_pods(), pods);
                let to_gateways = via(way.has_gateway(), gateways);
                let mut slices = [
                    (
                        Kind::Slice,
                        slice(
                            revision,
                            names::PATH_GATEWAY,
                            family,
                            &to_gateways,
                            Some(&route),
                        ),
                    ),
                    (
                        Kind::Slice,
                        slice(revision, names::PATH_PODS, family, &to_pods, None),
                    ),
                ];
                // What is put in the path comes before what is taken out.
                if !way.has_gateway() {
                    slices.reverse();
                }
                wanted.extend(slices);
                plan.is_routed = true;
            }
            if is_dedicated(revision) && !policy.dedicated {
                plan.refused = Some(verdict(
                    Some(false),
                    "NoDedicatedAutoscaler",
                    "spec.autoscaler: dedicated is not offered by this installation, so nothing scales this Revision: \
                     should be shared, or cheerful be installed with --dedicated",
                ));
            } else if is_dedicated(revision) {
                add_autoscaler(&plan, &mut wanted, world, policy);
            } else {
                plan.leaves = own_autoscaler(world, revision).map(|service| service.uid);
            }
            if revision.problems.is_empty() {
                add_deployment(&mut plan, &mut wanted, there.map(|there| &there.of), policy);
            } else {
                // What could not be read is at its default: the pods stay as they were made from what could.
                let told = format!(
                    "{}; the pods stay as they are",
                    revision.problems.join("; ")
                );
                plan.refused = Some(verdict(Some(false), "SpecNotUnderstood", told));
            }
        }
    }
    for (kind, object) in wanted {
        plan.add(world, memory, kind, object);
    }
    Some(plan)
}

/// The autoscaler that serves this Revision alone. All but its Service goes with its Service, so that is there first.
fn add_autoscaler(plan: &Plan, wanted: &mut Vec<(Kind, Value)>, world: &World, policy: &Policy) {
    let revision = &plan.revision;
    wanted.push((Kind::Service, objects::dedicated_service(revision)));
    if let Some(service) = own_autoscaler(world, revision) {
        let with = Dedicated {
            image: &policy.queue_image,
            system: &policy.system,
            role: &policy.cluster_role(names::DEDICATED_ROLE),
            service: &service,
        };
        let [account, binding, deployment] = objects::dedicated_autoscaler(revision, &with);
        wanted.push((Kind::ServiceAccount, account));
        wanted.push((Kind::RoleBinding, binding));
        wanted.push((Kind::Deployment, deployment));
    }
}

/// Whether an autoscaler of its own is asked for.
pub(super) fn is_dedicated(revision: &Revision) -> bool {
    revision.spec.autoscaler == Some(AutoscalerChoice::Dedicated)
}

/// The Service of the autoscaler that serves this Revision alone, as an owner of the rest, if it is there and ours.
pub(super) fn own_autoscaler(world: &World, revision: &Revision) -> Option<OwnerReference> {
    let name = names::dedicated_autoscaler(&revision.name_any());
    let service = world.services.get(&revision.namespace()?, &name)?;
    let is_ours = service.ownership.objection(revision).is_none();
    is_ours.then(|| OwnerReference {
        api_version: "v1".to_owned(),
        kind: "Service".to_owned(),
        name,
        uid: service.of.uid.clone(),
        ..OwnerReference::default()
    })
}

fn add_deployment(
    plan: &mut Plan,
    wanted: &mut Vec<(Kind, Value)>,
    there: Option<&Deployment>,
    policy: &Policy,
) {
    let revision = &plan.revision;
    let settings = QueueSettings {
        workload: Workload {
            namespace: plan.key.namespace.clone(),
            kind: WorkloadKind::Revision,
            name: plan.key.name.clone(),
        },
        image: policy.queue_image.clone(),
        autoscaler: if is_dedicated(revision) {
            let service = names::dedicated_autoscaler(&plan.key.name);
            let namespace = &plan.key.namespace;
            format!("{service}.{namespace}.svc:{}", names::REPORTS_PORT)
        } else {
            policy.autoscaler.clone()
        },
        queue: revision.spec.queue.clone(),
        timeouts: revision.spec.timeouts.clone(),
        limit: super::limit(revision),
        app_port: None,
    };
    match objects::deployment(revision, &settings) {
        Err(error) => {
            let told = format!("spec.template.{error}");
            plan.refused = Some(verdict(Some(false), "TemplateInvalid", told));
        }
        Ok(mut object) => {
            match objects::replicas(revision, there) {
                Replicas::Create(count) => object["spec"]["replicas"] = count.into(),
                Replicas::HandOver(count) => plan.hand_over = Some(count),
                Replicas::Leave => {}
            }
            wanted.push((Kind::Deployment, object));
        }
    }
}

impl Plan {
    /// Whether the replicas of this object have to be handed over before it is written.
    pub(super) fn hands_over(&self, kind: Kind, name: &str) -> bool {
        kind == Kind::Deployment && name == self.key.name && self.hand_over.is_some()
    }

    /// Adds it, unless it is as it should be.
    fn add(&mut self, world: &World, memory: &Memory, kind: Kind, object: Value) {
        let name = object["metadata"]["name"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        let namespace = &self.key.namespace;
        let there: Option<(&Ownership, u64)> = match kind {
            Kind::Service => world
                .services
                .get(namespace, &name)
                .map(|row| (&row.ownership, row.fingerprint)),
            Kind::Slice => world
                .slices
                .get(namespace, &name)
                .map(|row| (&row.ownership, row.fingerprint)),
            Kind::Deployment => world
                .deployments
                .get(namespace, &name)
                .map(|row| (&row.ownership, row.fingerprint)),
            Kind::ServiceAccount | Kind::RoleBinding => None,
        };
        if let Some((ownership, _)) = there
            && let Some(objection) = ownership.objection(&self.revision)
        {
            self.refused = Some(taken(kind, &name, &objection));
            self.is_routed &= kind == Kind::Deployment;
            return;
        }
        let hash = hash(&without_replicas(&object).to_string());
        let as_written = memory.written.get(&(kind, name.clone())).copied();
        let fingerprint = match there {
            Some((_, fingerprint)) => Some(fingerprint),
            // Taken to be as it was written.
            None if !kind.is_watched() => as_written.map(|written| written.fingerprint),
            None => None,
        };
        let as_it_is = fingerprint.map(|fingerprint| Written { hash, fingerprint });
        let hand_over = self.hands_over(kind, &name);
        if as_it_is.is_none() || as_it_is != as_written || hand_over {
            self.writes.push(Write {
                kind,
                is_new: as_it_is.is_none(),
                name,
                object,
                hash,
            });
        }
    }
}

/// The first write has replicas and the next ones do not, which is no difference.
fn without_replicas(object: &Value) -> Value {
    let mut object = object.clone();
    if let Some(spec) = object.get_mut("spec").and_then(Value::as_object_mut) {
        spec.remove("replicas");
    }
    object
}

/// That somebody else has the name.
pub(super) fn taken(kind: Kind, name: &str, objection: &str) -> Verdict {
    let message =
        format!("{kind:?} {name} {objection}: it is left alone, and this Revision is not made");
    verdict(Some(false), "NameTaken", message)
}

#[cfg(test)]
#[path = "plan_tests.rs"]
#[expect(clippy::disallowed_methods, reason = "any moment will do")]
mod tests;
