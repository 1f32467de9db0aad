// SPDX-License-Identifier: Apache-2.0
//! Carries a plan out at the API server.
use std::sync::Arc;

use k8s_openapi::{
    NamespaceResourceScope,
    api::{
        apps::v1::Deployment,
        core::v1::{ConfigMap, Service, ServiceAccount},
        discovery::v1::EndpointSlice,
        rbac::v1::{ClusterRoleBinding, RoleBinding},
    },
    apimachinery::pkg::apis::meta::v1::Time,
    jiff::Timestamp,
};
use kube::{
    Api, Client, Resource,
    api::{DeleteParams, ListParams, Patch, PatchParams, Preconditions},
    runtime::events::{Event, EventType, Recorder},
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

use super::{
    Key,
    metrics::{ControllerMetrics, add},
    plan::{Kind, Plan, Write, Written, taken},
    view::{Ownership, fingerprint},
};
use crate::{
    names,
    objects::{self, Given, Verdict, Way, conditions, verdict},
    resources::{PathStatus, Revision, RevisionStatus},
};

/// The manager that has `spec.replicas` from the making of a Deployment to the autoscaler's first write.
const FIRST_MANAGER: &str = "cheerful-controller-first-replicas";

/// What carrying out needs.
#[derive(Clone)]
pub(super) struct Hands {
    pub(super) client: Client,
    pub(super) recorder: Recorder,
    pub(super) metrics: Arc<ControllerMetrics>,
    /// The authority's certificates, for the ConfigMap of each namespace.
    pub(super) bundle: Arc<str>,
}

/// What came of it.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) key: Key,
    pub(super) written: Vec<((Kind, String), Written)>,
    /// `None`: the slices are not all as planned.
    pub(super) way: Option<Way>,
    /// Whether its namespace has the certificates.
    pub(super) has_bundle: bool,
    pub(super) refused: Option<Verdict>,
    /// Whether it should be tried again without waiting for a change.
    pub(super) again: bool,
}

impl Hands {
    /// Writes what has to be written, and then tells in the status.
    pub(super) async fn carry_out(&self, plan: Plan, with_bundle: bool) -> Outcome {
        let mut outcome = Outcome {
            key: plan.key.clone(),
            written: Vec::new(),
            way: None,
            has_bundle: false,
            refused: plan.refused.clone(),
            again: false,
        };
        if let Err(refused) = self.write_all(&plan, with_bundle, &mut outcome).await {
            outcome.refused = Some(refused);
            outcome.again = true;
        } else {
            outcome.has_bundle = true;
            outcome.way = plan.is_routed.then_some(plan.way);
        }
        if let Err(error) = self.tell(&plan, &outcome).await
            && !is_gone(&error)
        {
            tracing::warn!(revision = %plan.key.name, namespace = %plan.key.namespace, %error, "the status cannot be written");
            outcome.again = true;
        }
        outcome
    }

    /// The authority's certificates for a namespace.
    pub(super) async fn give_bundle(&self, namespace: &str) -> kube::Result<()> {
        let api: Api<ConfigMap> = Api::namespaced(self.client.clone(), namespace);
        let object = json!({
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {
                "name": names::CA_CONFIG_MAP,
                "namespace": namespace,
                "labels": {names::MANAGED_BY_LABEL: names::MANAGED_BY},
            },
            "data": {"ca.crt": &*self.bundle},
        });
        apply(&api, names::CA_CONFIG_MAP, &object, true).await?;
        add(&self.metrics.writes_total, 1);
        Ok(())
    }

    async fn write_all(
        &self,
        plan: &Plan,
        with_bundle: bool,
        outcome: &mut Outcome,
    ) -> Result<(), Verdict> {
        if with_bundle {
            let given = self.give_bundle(&plan.key.namespace).await;
            given.map_err(|error| refusal("ConfigMap", names::CA_CONFIG_MAP, &error))?;
        }
        for write in &plan.writes {
            if plan.hands_over(write.kind, &write.name)
                && let Some(count) = plan.hand_over
            {
                let handed = self.hand_over(&plan.key, count).await;
                handed.map_err(|error| refusal("Deployment", &write.name, &error))?;
            }
            let fingerprint = match write.kind {
                Kind::Service => self.write::<Service>(plan, write).await,
                Kind::Slice => self.write::<EndpointSlice>(plan, write).await,
                Kind::Deployment => self.write::<Deployment>(plan, write).await,
                Kind::ServiceAccount => self.write::<ServiceAccount>(plan, write).await,
                Kind::RoleBinding => self.write::<RoleBinding>(plan, write).await,
            }?;
            add(&self.metrics.writes_total, 1);
            let written = Written {
                hash: write.hash,
                fingerprint,
            };
            outcome
                .written
                .push(((write.kind, write.name.clone()), written));
        }
        if let Some(uid) = &plan.leaves {
            self.let_go(&plan.key, uid).await?;
        }
        Ok(())
    }

    /// Deletes the Service of the autoscaler that served this Revision alone: that one, and none made since.
    async fn let_go(&self, key: &Key, uid: &str) -> Result<(), Verdict> {
        let api: Api<Service> = Api::namespaced(self.client.clone(), &key.namespace);
        let name = names::dedicated_autoscaler(&key.name);
        let that = DeleteParams::background().preconditions(Preconditions {
            uid: Some(uid.to_owned()),
            resource_version: None,
        });
        match api.delete(&name, &that).await {
            Ok(_) => {
                add(&self.metrics.writes_total, 1);
                Ok(())
            }
            Err(kube::Error::Api(status)) if matches!(status.code, 404 | 409) => Ok(()),
            Err(error) => Err(refusal("Service", &name, &error)),
        }
    }

    /// Lets these service accounts (namespace, name) and no others of the kind have tokens reviewed.
    pub(super) async fn let_review(
        &self,
        binding: &str,
        accounts: &[(String, String)],
    ) -> kube::Result<()> {
        let api: Api<ClusterRoleBinding> = Api::all(self.client.clone());
        let subjects: Vec<Value> = accounts
            .iter()
            .map(|(namespace, name)| objects::subject(namespace, name))
            .collect();
        // No apply, which would make a binding that was not installed.
        let change = Patch::Merge(json!({"subjects": subjects}));
        let parameters = PatchParams::default();
        match api.patch(binding, &parameters, &change).await {
            Ok(_) => {}
            // An installation from before, and nobody who misses it.
            Err(kube::Error::Api(status))
                if accounts.is_empty() && matches!(status.code, 403 | 404) =>
            {
                return Ok(());
            }
            Err(error) => return Err(error),
        }
        add(&self.metrics.writes_total, 1);
        Ok(())
    }

    async fn write<K>(&self, plan: &Plan, write: &Write) -> Result<u64, Verdict>
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>
            + k8s_openapi::Metadata<Ty = k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta>
            + Serialize
            + DeserializeOwned
            + Clone
            + std::fmt::Debug,
    {
        let api: Api<K> = Api::namespaced(self.client.clone(), &plan.key.namespace);
        let refuse = |error: kube::Error| refusal(&K::kind(&()), &write.name, &error);
        let mut is_ours = !write.is_new;
        if write.is_new {
            // By list, for the watch knows only what has our labels.
            let named = ListParams::default().fields(&format!("metadata.name={}", write.name));
            let there = api.list_metadata(&named).await.map_err(refuse)?;
            if let Some(there) = there.items.first() {
                if let Some(objection) = Ownership::of(&there.metadata).objection(&plan.revision) {
                    return Err(taken(write.kind, &write.name, &objection));
                }
                is_ours = true;
            }
        }
        // What is new is not forced, so that what somebody made just now is not overwritten.
        let object = apply(&api, &write.name, &write.object, is_ours)
            .await
            .map_err(refuse)?;
        Ok(fingerprint(&object))
    }

    /// Has another manager hold the present count. Not by force: when it was changed meanwhile it is no longer ours.
    async fn hand_over(&self, key: &Key, count: i32) -> kube::Result<()> {
        let api: Api<Deployment> = Api::namespaced(self.client.clone(), &key.namespace);
        let object = json!({
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": key.name},
            "spec": {"replicas": count},
        });
        let parameters = PatchParams::apply(FIRST_MANAGER);
        match api
            .patch(&key.name, &parameters, &Patch::Apply(&object))
            .await
        {
            Ok(_) => Ok(()),
            Err(kube::Error::Api(status)) if status.code == 409 => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Writes the status if it says something new.
    async fn tell(&self, plan: &Plan, outcome: &Outcome) -> kube::Result<()> {
        let none = RevisionStatus::default();
        let before = plan.revision.status.as_ref().unwrap_or(&none);
        let now = Time(Timestamp::now());
        let given = Given {
            refused: outcome.refused.as_ref(),
            deployment: plan.deployment.as_ref(),
            trouble: plan.trouble.as_ref(),
            way: plan.way,
            pods: if plan.is_routed { plan.pods } else { 0 },
            gateways: if plan.is_routed { plan.gateways } else { 0 },
        };
        let generation = plan.revision.metadata.generation;
        let path = match (&before.path, outcome.way) {
            (Some(path), Some(way)) if path.now == way.now => Some(path.clone()),
            (path, None) => path.clone(),
            (_, Some(way)) => Some(PathStatus {
                now: way.now,
                since: now.clone(),
            }),
        };
        let status = RevisionStatus {
            observed_generation: generation,
            conditions: conditions(given, &before.conditions, generation, &now),
            selector: Some(format!("{}={}", names::REVISION_LABEL, plan.key.name)),
            hosts: plan.hosts.clone(),
            path,
            ..RevisionStatus::default()
        };
        let ours = |of: &RevisionStatus| RevisionStatus {
            replicas: None,
            scale: None,
            ..of.clone()
        };
        if ours(before) == status {
            return Ok(());
        }
        let api: Api<Revision> = Api::namespaced(self.client.clone(), &plan.key.namespace);
        let object = json!({
            "apiVersion": cheerful_manifest::API_VERSION,
            "kind": cheerful_manifest::KIND,
            "metadata": {"name": plan.key.name},
            "status": status,
        });
        let parameters = PatchParams::apply(names::CONTROLLER_MANAGER).force();
        api.patch_status(&plan.key.name, &parameters, &Patch::Apply(&object))
            .await?;
        self.event(plan, before, &status).await;
        Ok(())
    }

    /// Tells of a trouble when it is new.
    async fn event(&self, plan: &Plan, before: &RevisionStatus, status: &RevisionStatus) {
        for condition in &status.conditions {
            let known = before
                .conditions
                .iter()
                .any(|old| old.type_ == condition.type_ && old.reason == condition.reason);
            if condition.type_ != "TemplateAccepted" || condition.status != "False" || known {
                continue;
            }
            let event = Event {
                type_: EventType::Warning,
                reason: condition.reason.clone(),
                note: Some(condition.message.clone()),
                action: "MakeObjects".to_owned(),
                secondary: None,
            };
            let regarding = plan.revision.object_ref(&());
            if let Err(error) = self.recorder.publish(&event, &regarding).await {
                tracing::debug!(%error, "an event is not written");
            }
        }
    }
}

async fn apply<K>(api: &Api<K>, name: &str, object: &Value, force: bool) -> kube::Result<K>
where
    K: Clone + DeserializeOwned + std::fmt::Debug,
{
    let mut parameters = PatchParams::apply(names::CONTROLLER_MANAGER);
    parameters.force = force;
    api.patch(name, &parameters, &Patch::Apply(object)).await
}

/// Why the API server did not take it, in its own words.
fn refusal(kind: &str, name: &str, error: &kube::Error) -> Verdict {
    match error {
        kube::Error::Api(status) => {
            let reason = match status.code {
                409 => "NameTaken",
                _ => "Rejected",
            };
            verdict(
                Some(false),
                reason,
                format!("{kind} {name}: {}", status.message),
            )
        }
        error => verdict(None, "ApiServerAway", format!("{kind} {name}: {error}")),
    }
}

fn is_gone(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == 404)
}
