// SPDX-License-Identifier: Apache-2.0
use k8s_openapi::{
    api::{
        apps::v1::Deployment,
        core::v1::{Service, ServicePort},
        discovery::v1::EndpointSlice,
    },
    apimachinery::pkg::{apis::meta::v1::OwnerReference, util::intstr::IntOrString},
};
use kube::{
    Api, ResourceExt as _,
    api::{DeleteParams, ListParams, Patch, PatchParams},
};
use serde_json::{Value, json};

use super::{Leaving, UninstallError, failed, full_name, wait};
use crate::{install::uninstall::definitions::is_unknown, names, resources::Revision};

/// Whose EndpointSlices are Kubernetes' own.
const SLICE_MANAGER_LABEL: &str = "endpointslice.kubernetes.io/managed-by";
const SLICE_MANAGER: &str = "endpointslice-controller.k8s.io";
const SERVICE_LABEL: &str = "kubernetes.io/service-name";

impl Leaving<'_> {
    /// All that are there.
    pub(super) async fn revisions(&mut self) -> Result<Vec<Revision>, UninstallError> {
        let api: Api<Revision> = self.everywhere();
        match api.list(&ListParams::default()).await {
            Ok(list) => Ok(list.items),
            Err(error) if is_unknown(&error) => {
                (self.say)("there is no kind Revision any more");
                Ok(Vec::new())
            }
            Err(error) => Err(failed("Revisions")(error)),
        }
    }

    /// Gives its Deployment a replica.
    pub(super) async fn wake(&mut self, revision: &Revision) -> Result<(), UninstallError> {
        let (deployments, what) = self.deployments(revision);
        let name = revision.name_any();
        let Some(deployment) = deployments.get_opt(&name).await.map_err(failed(&what))? else {
            return Ok(());
        };
        let present = deployment.spec.and_then(|spec| spec.replicas).unwrap_or(1);
        let wanted = replicas(revision, present);
        if wanted == present {
            return Ok(());
        }
        if self.step(&format!("{what}: from {present} to {wanted} replicas")) {
            let scale = Patch::Merge(json!({"spec": {"replicas": wanted}}));
            deployments
                .patch_scale(&name, &PatchParams::default(), &scale)
                .await
                .map_err(failed(&what))?;
        }
        Ok(())
    }

    /// Leads its Service straight to the pods. `Err` has its name when no replica answers in time.
    pub(super) async fn leave(
        &mut self,
        revision: &Revision,
    ) -> Result<Result<(), String>, UninstallError> {
        let (deployments, what) = self.deployments(revision);
        let name = revision.name_any();
        let Some(mut deployment) = deployments.get_opt(&name).await.map_err(failed(&what))? else {
            (self.say)(&format!("{what} is not there"));
            return Ok(Ok(()));
        };
        if !self.options.dry_run && ready(&deployment) == 0 {
            (self.say)(&format!("{what}: waits for a replica that answers"));
            let late = format!("{what} has no replica that answers");
            let waited = wait::until(&late, self.options.patience, async || {
                let now = deployments.get_opt(&name).await.map_err(failed(&what))?;
                let Some(now) = now else { return Ok(true) };
                deployment = now;
                Ok(ready(&deployment) > 0)
            });
            match waited.await {
                Err(UninstallError::Late { what, seconds }) => {
                    (self.say)(&format!("{what} after {seconds} s"));
                    return Ok(Err(full_name(revision)));
                }
                other => other?,
            }
        }
        self.lead_to_pods(revision).await?;
        Ok(Ok(()))
    }

    async fn lead_to_pods(&mut self, revision: &Revision) -> Result<(), UninstallError> {
        let (namespace, name) = (
            revision.namespace().unwrap_or_default(),
            revision.name_any(),
        );
        let what = format!("Service {namespace}/{name}");
        let services: Api<Service> = Api::namespaced(self.client.clone(), &namespace);
        let Some(service) = services.get_opt(&name).await.map_err(failed(&what))? else {
            (self.say)(&format!("{what} is not there"));
            return Ok(());
        };
        if self.step(&format!(
            "{what}: leads straight to the pods, on the port {} of their queues",
            names::QUEUE_PORT
        )) {
            services
                .patch(
                    &name,
                    &PatchParams::default(),
                    &Patch::Merge(to_pods(&service, &name)),
                )
                .await
                .map_err(failed(&what))?;
            self.kubernetes_leads(&namespace, &name).await?;
        }
        self.our_slices_go(&namespace, &name).await
    }

    async fn kubernetes_leads(&self, namespace: &str, name: &str) -> Result<(), UninstallError> {
        let slices: Api<EndpointSlice> = Api::namespaced(self.client.clone(), namespace);
        let theirs = ListParams::default().labels(&format!(
            "{SERVICE_LABEL}={name},{SLICE_MANAGER_LABEL}={SLICE_MANAGER}"
        ));
        let late = format!("Kubernetes has no endpoint of Service {namespace}/{name}");
        wait::until(&late, self.options.patience, async || {
            let list = slices.list(&theirs).await.map_err(failed(&late))?;
            Ok(list.items.iter().any(leads_somewhere))
        })
        .await
    }

    /// The gateway's slice leads nowhere, but stays until the Revision goes: by it the gateway knows the route, and nodes
    /// that have not heard of the change go on sending requests there.
    async fn our_slices_go(&mut self, namespace: &str, name: &str) -> Result<(), UninstallError> {
        let slices: Api<EndpointSlice> = Api::namespaced(self.client.clone(), namespace);
        let slice = names::public_slice(name, names::PATH_GATEWAY);
        let what = format!("EndpointSlice {namespace}/{slice}");
        let found = slices.get_opt(&slice).await.map_err(failed(&what))?;
        if found.is_some_and(|found| !found.endpoints.is_empty())
            && self.step(&format!("{what}: no longer leads to the gateway"))
        {
            let none = Patch::Merge(json!({"endpoints": []}));
            slices
                .patch(&slice, &PatchParams::default(), &none)
                .await
                .map_err(failed(&what))?;
        }
        let slice = names::public_slice(name, names::PATH_PODS);
        let what = format!("EndpointSlice {namespace}/{slice}");
        let found = slices.get_opt(&slice).await.map_err(failed(&what))?;
        if found.is_some() && self.step(&format!("{what}: deleted, for Kubernetes has its own")) {
            wait::gone(slices.delete(&slice, &DeleteParams::default()).await)
                .map_err(failed(&what))?;
        }
        Ok(())
    }

    /// The Deployment and the Service no longer go with the Revision. What else it owns has no use without it, and goes.
    pub(super) async fn disown(&mut self, revision: &Revision) -> Result<(), UninstallError> {
        let (namespace, name) = (
            revision.namespace().unwrap_or_default(),
            revision.name_any(),
        );
        let uid = revision.uid().unwrap_or_default();
        let (deployments, what) = self.deployments(revision);
        if let Some(found) = deployments.get_opt(&name).await.map_err(failed(&what))?
            && let Some(patch) = without_owner(&found, &uid)
            && self.step(&format!("{what}: no longer goes with its Revision"))
        {
            deployments
                .patch(&name, &PatchParams::default(), &Patch::Merge(patch))
                .await
                .map_err(failed(&what))?;
        }
        let services: Api<Service> = Api::namespaced(self.client.clone(), &namespace);
        let what = format!("Service {namespace}/{name}");
        if let Some(found) = services.get_opt(&name).await.map_err(failed(&what))?
            && let Some(patch) = without_owner(&found, &uid)
            && self.step(&format!("{what}: no longer goes with its Revision"))
        {
            services
                .patch(&name, &PatchParams::default(), &Patch::Merge(patch))
                .await
                .map_err(failed(&what))?;
        }
        Ok(())
    }

    fn deployments(&self, revision: &Revision) -> (Api<Deployment>, String) {
        let namespace = revision.namespace().unwrap_or_default();
        let what = format!("Deployment {namespace}/{}", revision.name_any());
        (Api::namespaced(self.client.clone(), &namespace), what)
    }
}

/// Never none, and not below what its user wants as the least.
fn replicas(revision: &Revision, present: i32) -> i32 {
    let least = revision.spec.scaling.min.unwrap_or(0);
    present.max(i32::try_from(least).unwrap_or(i32::MAX)).max(1)
}

fn ready(deployment: &Deployment) -> i32 {
    let status = deployment.status.as_ref();
    status.and_then(|status| status.ready_replicas).unwrap_or(0)
}

/// A port that leads elsewhere than to us is its user's.
fn to_pods(service: &Service, revision: &str) -> Value {
    let ports = service
        .spec
        .iter()
        .flat_map(|spec| spec.ports.iter().flatten());
    let ports: Vec<ServicePort> = ports
        .cloned()
        .map(|mut port| {
            if port.name.as_deref() == Some(names::SERVICE_PORT_NAME) {
                port.target_port = Some(IntOrString::Int(names::QUEUE_PORT.into()));
            }
            port
        })
        .collect();
    json!({"spec": {"selector": {names::REVISION_LABEL: revision}, "ports": ports}})
}

fn leads_somewhere(slice: &EndpointSlice) -> bool {
    slice.endpoints.iter().any(|endpoint| {
        let conditions = endpoint.conditions.as_ref();
        conditions.and_then(|conditions| conditions.ready) == Some(true)
    })
}

/// The change that takes an owner away; `None` when it is none. Refused when the object has changed meanwhile.
fn without_owner(object: &impl kube::ResourceExt, uid: &str) -> Option<Value> {
    let owners = object.owner_references();
    let left: Vec<&OwnerReference> = owners.iter().filter(|owner| owner.uid != uid).collect();
    (left.len() < owners.len()).then(|| {
        json!({"metadata": {
            "resourceVersion": object.resource_version(),
            "ownerReferences": left,
        }})
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn revision(min: Option<u32>) -> Revision {
        let mut revision = Revision::default();
        revision.spec.scaling.min = min;
        revision
    }

    #[test]
    fn nothing_is_left_at_zero_or_below_its_least() {
        for (min, present, wanted) in [
            (None, 0, 1),
            (Some(0), 0, 1),
            (Some(3), 0, 3),
            (Some(3), 5, 5),
            (None, 7, 7),
        ] {
            assert_eq!(replicas(&revision(min), present), wanted);
        }
    }

    #[test]
    fn a_users_own_port_stays_as_it_is() {
        let service: Service = serde_json::from_value(json!({"spec": {"ports": [
            {"name": "http", "port": 80, "nodePort": 30080, "targetPort": 8080},
            {"name": "metrics", "port": 9090, "targetPort": 9090},
        ]}}))
        .unwrap();
        assert_eq!(
            to_pods(&service, "hello"),
            json!({"spec": {
                "selector": {"cheerful.dev/revision": "hello"},
                "ports": [
                    {"name": "http", "port": 80, "nodePort": 30080, "targetPort": 8012},
                    {"name": "metrics", "port": 9090, "targetPort": 9090},
                ],
            }})
        );
    }

    #[test]
    fn only_the_revision_is_no_longer_an_owner() {
        let owner = |uid: &str| json!({"apiVersion": "v1", "kind": "K", "name": "n", "uid": uid});
        let service: Service = serde_json::from_value(json!({"metadata": {
            "resourceVersion": "7",
            "ownerReferences": [owner("ours"), owner("theirs")],
        }}))
        .unwrap();
        assert_eq!(
            without_owner(&service, "ours"),
            Some(json!({"metadata": {
                "resourceVersion": "7",
                "ownerReferences": [owner("theirs")],
            }}))
        );
        assert_eq!(without_owner(&service, "another"), None);
    }
}
