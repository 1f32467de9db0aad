// SPDX-License-Identifier: Apache-2.0
use std::{
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use cheerful_kubernetes::{install::Role, names};
use cheerful_rig::{
    Traffic,
    cluster::{Cluster, Namespace, Scope, System, eventually, holds_for, image},
};
use k8s_openapi::{
    NamespaceResourceScope,
    api::{coordination::v1::Lease, core::v1::Pod},
};
use kube::{
    Api, Resource,
    api::{DeleteParams, ListParams, Patch, PatchParams},
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::{
    cases::{Case, How},
    role::{self, Grant},
    stage::{Stage, name},
};

/// An installation for one namespace, with one pod of each role.
pub(crate) struct House {
    cluster: Cluster,
    pub(crate) stage: Stage,
    /// The namespace that the controller serves when that is not its own.
    away: Option<Namespace>,
    next: AtomicU64,
    /// What was asked for last: a name, a count.
    pub(crate) asked: Mutex<(String, u64)>,
    /// A request that waits.
    pub(crate) knocking: Mutex<Option<Traffic>>,
}

/// A want is looked at for so long after it has shown.
const WANTS: Duration = Duration::from_millis(1_500);
/// In somebody else's cluster there is no audit log, and a want has so long to show.
const SHOWS: Duration = Duration::from_secs(8);
/// From leading to having looked at everything once.
const SETTLES: Duration = Duration::from_secs(1);

impl House {
    /// `wanted`: what the installation is asked for beside the rest.
    pub(crate) async fn build(cluster: &Cluster, name: &str, wanted: &[&str]) -> Self {
        let namespace = cluster.namespace(name).await;
        let mut more = vec![
            "--replicas-controller=1",
            "--replicas-autoscaler=1",
            "--replicas-gateway=1",
        ];
        more.extend(wanted);
        let system = System::install(cluster, namespace.name(), Scope::Namespace, &more).await;
        let mut house = Self {
            cluster: cluster.clone(),
            stage: Stage { namespace, system },
            away: None,
            next: AtomicU64::new(0),
            asked: Mutex::default(),
            knocking: Mutex::default(),
        };
        if wanted.contains(&"--dedicated") {
            house.away = Some(house.serve_another(name).await);
        }
        house
    }

    /// Has the controller serve a namespace that is not its own, in which no pod is let run.
    async fn serve_another(&self, name: &str) -> Namespace {
        let home = self.home();
        let away = self.cluster.namespace(&format!("{name}-away")).await;
        let quota = json!({"apiVersion": "v1", "kind": "ResourceQuota",
            "metadata": {"name": "none"}, "spec": {"hard": {"pods": "0"}}});
        let [role, binding] = role::elsewhere(home, away.name());
        away.apply(&format!("{quota}\n---\n{role}\n---\n{binding}\n"))
            .await;
        let args = ["controller", "--dedicated", "--watch-namespace"];
        let mut args = json!(args);
        args.as_array_mut().unwrap().push(json!(away.name()));
        let patch = json!([{"op": "replace", "path": "/spec/template/spec/containers/0/args",
            "value": args}]);
        let patch = patch.to_string();
        let change = [
            "patch",
            "deployment",
            names::CONTROLLER,
            "--type=json",
            "-p",
            &patch,
        ];
        self.stage.namespace.kubectl(&change).await.unwrap();
        self.stage.system.ready(names::CONTROLLER).await;
        away
    }

    /// Where it is installed.
    pub(crate) fn home(&self) -> &str {
        self.stage.namespace.name()
    }

    /// Where the Revisions are.
    pub(crate) fn watched(&self) -> &Namespace {
        self.away.as_ref().unwrap_or(&self.stage.namespace)
    }

    /// Takes a verb away, sees that something does not work for want of it, and gives it back.
    #[expect(clippy::disallowed_methods, reason = "measures a real cluster")]
    pub(crate) async fn lose(&self, case: &Case) {
        let (since, what) = (Instant::now(), case.name());
        let places = (self.home(), self.watched().name());
        let grant = Grant::find(&self.cluster, places, case.right, case.verb).await;
        let mut from = match self.cluster.own() {
            Some(own) => own.audited().await,
            None => 0,
        };
        grant.take().await;
        let role = case.right.role;
        match case.how {
            How::AtOnce | How::Once => {
                self.ask(case).await;
                self.refused(&grant, &what, &mut from).await;
            }
            How::Restarted | How::Watching => {
                self.restart(role).await;
                self.refused(&grant, &what, &mut from).await;
                if case.how == How::Watching {
                    eventually(&format!("{what}: leads"), async || {
                        self.leads(role).await.then_some(())
                    })
                    .await;
                    sleep(SETTLES).await;
                }
                self.ask(case).await;
            }
            How::Found => {
                self.ask(case).await;
                self.restart(role).await;
                self.refused(&grant, &what, &mut from).await;
            }
        }
        let shown = since.elapsed();
        let wanting = format!("{what}: {:?} needs it", case.feature);
        holds_for(WANTS, &wanting, async || {
            self.works(case).await.then(|| "it works".to_owned())
        })
        .await;
        grant.give_back().await;
        if case.how == How::Once {
            self.ask(case).await;
        }
        let again = format!("{what}: {:?} works again", case.feature);
        eventually(&again, async || self.works(case).await.then_some(())).await;
        println!(
            "{what}: {:?} fails after {shown:.1?}, works after {:.1?}",
            case.feature,
            since.elapsed()
        );
    }

    /// Waits until the API server has refused what needs the verb.
    async fn refused(&self, grant: &Grant, what: &str, from: &mut u64) {
        let Some(own) = self.cluster.own() else {
            return sleep(SHOWS).await;
        };
        eventually(&format!("{what}: is refused"), async || {
            let audit = own.audit_from(from).await;
            let mut events = audit
                .lines()
                .map(|line| serde_json::from_str::<Value>(line).unwrap());
            events.any(|event| grant.refused_by(&event)).then_some(())
        })
        .await;
    }

    /// Ends the pod of a role, and waits for the next one to run.
    pub(crate) async fn restart(&self, role: Role) {
        let of = ListParams::default().labels(&format!(
            "{}={}",
            names::COMPONENT_LABEL,
            role.component()
        ));
        let pods: Api<Pod> = self.stage.namespace.api();
        let before = self.stage.system.pods(role.component()).await;
        for pod in &before {
            // The gateway has nothing to give back, and may take its time.
            let mut how = DeleteParams::default();
            if role == Role::Gateway {
                how = how.grace_period(0);
            }
            pods.delete(name(pod), &how).await.unwrap();
        }
        eventually(&format!("{} runs again", role.name()), async || {
            let now = pods.list(&of).await.unwrap().items;
            let is_old = |pod: &Pod| before.iter().any(|old| name(old) == name(pod));
            let runs = |pod: &Pod| {
                let phase = pod.status.as_ref().and_then(|status| status.phase.clone());
                phase.as_deref() == Some("Running")
            };
            (!now.iter().any(is_old) && now.iter().any(runs)).then_some(())
        })
        .await;
    }

    /// Whether the present pod of a role leads.
    pub(crate) async fn leads(&self, role: Role) -> bool {
        let lease = self.lease(role).await;
        let holder = lease.and_then(|lease| lease.spec?.holder_identity);
        let pods = self.stage.system.pods(role.component()).await;
        pods.iter().any(|pod| holder.as_deref() == Some(name(pod)))
    }

    pub(crate) async fn has_lease(&self, role: Role) -> bool {
        self.lease(role).await.is_some()
    }

    pub(crate) async fn delete_lease(&self, role: Role) {
        let leases: Api<Lease> = self.stage.namespace.api();
        leases
            .delete(&lease_of(role), &DeleteParams::default())
            .await
            .unwrap();
    }

    async fn lease(&self, role: Role) -> Option<Lease> {
        let leases: Api<Lease> = self.stage.namespace.api();
        leases.get_opt(&lease_of(role)).await.unwrap()
    }

    /// A name that was not there before; it is what is asked for.
    pub(crate) fn new_name(&self, stem: &str) -> String {
        let name = format!("{stem}-{}", self.next.fetch_add(1, Relaxed));
        self.asked.lock().unwrap().0.clone_from(&name);
        name
    }

    pub(crate) fn asked_name(&self) -> String {
        self.asked.lock().unwrap().0.clone()
    }

    pub(crate) fn asked_count(&self) -> u64 {
        self.asked.lock().unwrap().1
    }

    /// A Revision whose pods find no node, with more of these fields in its `spec`.
    pub(crate) async fn revision(&self, name: &str, scaling: Value, more: Value) {
        let spec = json!({"scaling": scaling, "template": {"spec": homeless()}});
        let mut object = json!({"apiVersion": "cheerful.dev/v1alpha1", "kind": "Revision",
            "metadata": {"name": name}, "spec": spec});
        let fields = more.as_object().unwrap().clone();
        object["spec"].as_object_mut().unwrap().extend(fields);
        self.watched().apply(&object.to_string()).await;
    }

    /// Changes some fields of an object where the Revisions are.
    pub(crate) async fn change<K>(&self, name: &str, change: Value)
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>
            + Clone
            + std::fmt::Debug
            + DeserializeOwned,
    {
        self.watched()
            .api::<K>()
            .patch(name, &PatchParams::default(), &Patch::Merge(change))
            .await
            .unwrap();
    }

    /// Deletes an object there, if it is.
    pub(crate) async fn delete<K>(&self, name: &str)
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>
            + Clone
            + std::fmt::Debug
            + DeserializeOwned,
    {
        let api = self.watched().api::<K>();
        if api.get_opt(name).await.unwrap().is_some() {
            let now = DeleteParams::background();
            api.delete(name, &now).await.unwrap();
        }
    }
}

/// What a pod is that finds no node.
pub(crate) fn homeless() -> Value {
    json!({
        "nodeSelector": {"example.com/nowhere": "true"},
        "terminationGracePeriodSeconds": 30,
        "containers": [{
            "name": "app", "image": image(), "imagePullPolicy": "Never", "args": ["sample"],
        }],
    })
}

fn lease_of(role: Role) -> String {
    match role {
        Role::Autoscaler => names::autoscaler_lease(0),
        role => role.name().to_owned(),
    }
}
