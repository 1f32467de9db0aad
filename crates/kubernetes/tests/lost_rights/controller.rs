// SPDX-License-Identifier: Apache-2.0
//! What the controller does.
use cheerful_kubernetes::{install::Role, names, resources::Revision};
use cheerful_rig::cluster::eventually;
use k8s_openapi::{
    api::{
        apps::v1::Deployment,
        core::v1::{ConfigMap, Secret, Service},
        discovery::v1::EndpointSlice,
        events::v1::Event,
    },
    apimachinery::pkg::apis::meta::v1::Condition,
};
use kube::{
    Api,
    api::{ListParams, Patch, PatchParams},
};
use serde_json::{Value, json};

use crate::{feature::Made, house::House};

/// On the Secret of a certificate: what was issued.
const ISSUED: &str = "cheerful.dev/issued";

impl House {
    /// A Revision at zero, `kept`.
    pub(crate) async fn keep_one(&self) {
        self.revision("kept", json!({"initial": 0}), json!({}))
            .await;
        eventually("all of it is made", async || {
            let made = [Made::Deployment, Made::Service, Made::Slice];
            for one in made {
                if !self.is_there(one).await {
                    return None;
                }
            }
            Some(())
        })
        .await;
    }

    pub(crate) async fn new_revision(&self) {
        let name = self.new_name("new");
        self.revision(&name, json!({"initial": 0}), json!({})).await;
    }

    /// One with a volume that has the queue's name.
    pub(crate) async fn new_bad_revision(&self) {
        let name = self.new_name("bad");
        self.revision(&name, json!({"initial": 0}), bad(true)).await;
    }

    pub(crate) async fn new_homeless_revision(&self) {
        let name = self.new_name("homeless");
        let one = json!({"initial": 1, "min": 1});
        self.revision(&name, one, json!({})).await;
    }

    /// A Revision is bad, then well, then bad again in the same words.
    pub(crate) async fn go_bad_again(&self) {
        let name = "again";
        self.asked.lock().unwrap().0 = name.to_owned();
        for is_bad in [true, false, true] {
            self.revision(name, json!({"initial": 0}), bad(is_bad))
                .await;
            eventually("it is told whether the template will do", async || {
                let told = self.template(name).await?;
                (is_bad == (told.reason == "TemplateInvalid")).then_some(())
            })
            .await;
        }
    }

    pub(crate) async fn is_followed(&self) -> bool {
        let found = self.watched().api::<Deployment>();
        // Where the controller is to lead again nothing is asked for but that.
        let found = found.get_opt(&self.asked_name()).await.unwrap();
        found.is_some()
    }

    pub(crate) async fn hosts_are_told(&self) -> bool {
        let found = self.watched().api::<Revision>();
        let found = found.get(&self.asked_name()).await.unwrap();
        found.status.is_some_and(|status| !status.hosts.is_empty())
    }

    pub(crate) async fn trouble_is_told(&self) -> bool {
        let told = self.template(&self.asked_name()).await;
        told.is_some_and(|told| told.status == "False" && told.reason == "Unschedulable")
    }

    pub(crate) async fn trouble_happened(&self) -> bool {
        !self
            .events(&self.asked_name(), names::CONTROLLER)
            .await
            .is_empty()
    }

    pub(crate) async fn trouble_happened_again(&self) -> bool {
        let events = self.events(&self.asked_name(), names::CONTROLLER).await;
        events.iter().any(|event| event.series.is_some())
    }

    /// What one of ours has told of a Revision.
    pub(crate) async fn events(&self, revision: &str, by: &str) -> Vec<Event> {
        let api: Api<Event> = self.watched().api();
        let mut events = api.list(&ListParams::default()).await.unwrap().items;
        events.retain(|event| {
            let of = event.regarding.as_ref();
            of.is_some_and(|of| of.name.as_deref() == Some(revision))
                && event.reporting_controller.as_deref() == Some(by)
        });
        events
    }

    pub(crate) async fn spoil_certificate(&self, gone: bool) {
        if gone {
            self.delete::<Secret>(names::AUTOSCALER_TLS_SECRET).await;
        } else {
            let nothing = json!({"metadata": {"annotations": {ISSUED: null}}});
            let name = names::AUTOSCALER_TLS_SECRET;
            self.change::<Secret>(name, nothing).await;
        }
    }

    pub(crate) async fn is_signed(&self) -> bool {
        let secrets = self.watched().api::<Secret>();
        let found = secrets.get_opt(names::AUTOSCALER_TLS_SECRET).await.unwrap();
        let notes = found.and_then(|secret| secret.metadata.annotations);
        notes.is_some_and(|notes| notes.contains_key(ISSUED))
    }

    /// The controller has a new certificate signed, because somebody has spoilt the one that is there.
    pub(crate) async fn renew_certificate(&self) {
        self.spoil_certificate(false).await;
        self.restart(Role::Controller).await;
        eventually("a new certificate is signed", async || {
            self.is_signed().await.then_some(())
        })
        .await;
    }

    pub(crate) async fn spoil_bundle(&self, gone: bool) {
        if gone {
            self.delete::<ConfigMap>(names::CA_CONFIG_MAP).await;
        } else {
            let old = json!({"data": {"ca.crt": "old"}});
            self.change::<ConfigMap>(names::CA_CONFIG_MAP, old).await;
        }
    }

    pub(crate) async fn has_bundle(&self) -> bool {
        let maps = self.watched().api::<ConfigMap>();
        let found = maps.get_opt(names::CA_CONFIG_MAP).await.unwrap();
        let data = found.and_then(|map| map.data).unwrap_or_default();
        data.get("ca.crt")
            .is_some_and(|text| text.contains("BEGIN CERTIFICATE"))
    }

    pub(crate) async fn delete_made(&self, made: Made) {
        match made {
            Made::Deployment => self.delete::<Deployment>("kept").await,
            Made::Service => self.delete::<Service>("kept").await,
            Made::Slice => self.delete::<EndpointSlice>(SLICE).await,
        }
    }

    pub(crate) async fn is_there(&self, made: Made) -> bool {
        self.made(made).await.is_some()
    }

    /// Changes what the controller says of it.
    pub(crate) async fn change_made(&self, made: Made) {
        match made {
            Made::Deployment => {
                let grace = json!({"terminationGracePeriodSeconds": 77});
                let change = json!({"spec": {"template": {"spec": grace}}});
                self.change::<Deployment>("kept", change).await;
            }
            Made::Service => {
                let port =
                    json!([{"op": "replace", "path": "/spec/ports/0/targetPort", "value": 77}]);
                let api: Api<Service> = self.watched().api();
                let patch: Patch<()> = Patch::Json(serde_json::from_value(port).unwrap());
                api.patch("kept", &PatchParams::default(), &patch)
                    .await
                    .unwrap();
            }
            Made::Slice => {
                let route = json!({"metadata": {"annotations": {names::ROUTE_ANNOTATION: "77"}}});
                self.change::<EndpointSlice>(SLICE, route).await;
            }
        }
    }

    pub(crate) async fn is_repaired(&self, made: Made) -> bool {
        let Some(found) = self.made(made).await else {
            return false;
        };
        let told = match made {
            Made::Deployment => &found["spec"]["template"]["spec"]["terminationGracePeriodSeconds"],
            Made::Service => &found["spec"]["ports"][0]["targetPort"],
            Made::Slice => &found["metadata"]["annotations"][names::ROUTE_ANNOTATION],
        };
        *told != 77 && *told != "77"
    }

    async fn made(&self, made: Made) -> Option<Value> {
        let space = self.watched();
        let found = match made {
            Made::Deployment => json!(space.api::<Deployment>().get_opt("kept").await.unwrap()),
            Made::Service => json!(space.api::<Service>().get_opt("kept").await.unwrap()),
            Made::Slice => json!(space.api::<EndpointSlice>().get_opt(SLICE).await.unwrap()),
        };
        (!found.is_null()).then_some(found)
    }

    async fn template(&self, revision: &str) -> Option<Condition> {
        let found = self.watched().api::<Revision>().get(revision).await;
        let mut conditions = found.unwrap().status?.conditions.into_iter();
        conditions.find(|condition| condition.type_ == "TemplateAccepted")
    }
}

/// Where requests for `kept` go while it is at zero.
const SLICE: &str = "kept-gateway";

fn bad(is_bad: bool) -> Value {
    let mut pod = crate::house::homeless();
    let name = if is_bad { "cheerful" } else { "mine" };
    pod["volumes"] = json!([{"name": name, "emptyDir": {}}]);
    json!({"template": {"spec": pod}})
}
