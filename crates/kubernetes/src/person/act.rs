// SPDX-License-Identifier: Apache-2.0
use k8s_openapi::{
    api::{authentication::v1::SelfSubjectReview, core::v1::ObjectReference, events::v1::Event},
    apimachinery::pkg::apis::meta::v1::MicroTime,
    jiff::Timestamp,
};
use kube::{
    Api, Resource, ResourceExt as _,
    api::{ObjectMeta, Patch, PatchParams, PostParams},
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use cheerful_scaling::Paused;
use cheerful_wire::{Workload, WorkloadKind};

use super::Person;
use crate::{
    names,
    resources::{Autoscaler, Revision},
    scaler::workload,
};

/// Why something was not done.
#[derive(Debug, thiserror::Error)]
pub enum ActError {
    /// A name that is none in a cluster.
    #[error("{0:?} is nothing in a cluster; namespace/name or namespace/autoscaler/name are right")]
    Name(String),
    /// The API server refuses, or does not answer.
    #[error("the API server: {0}")]
    Api(#[from] Box<kube::Error>),
    /// It was done, but the event that tells of it was not written.
    #[error("done, but no event tells of it: {0}")]
    NotTold(Box<kube::Error>),
}

/// Who wrote the field, for the API server.
const MANAGER: &str = "cheerful-console";

impl Person {
    /// Writes `spec.scaling.paused` of a Revision or an Autoscaler (`shop/cart`, `shop/autoscaler/cart`), as `kubectl
    /// patch` would: [`Paused::No`] takes it away. An Event on it tells who did what; `words` is that what, such as
    /// `held at 3`.
    ///
    /// # Errors
    /// When the API server refuses either of the two.
    pub async fn hold(&self, key: &str, paused: Paused, words: &str) -> Result<(), ActError> {
        let paused = match paused {
            Paused::No => json!(null),
            Paused::Present => json!(true),
            Paused::At(replicas) => json!(replicas),
        };
        let patch = |_: &str| json!({"spec": {"scaling": {"paused": paused}}});
        self.act(key, patch, ("Hold", words)).await
    }

    /// Wakes a Revision or an Autoscaler as a request would: the annotation `cheerful.dev/woken` says who does and when.
    /// An Event tells of it.
    ///
    /// # Errors
    /// When the API server refuses either of the two.
    pub async fn wake(&self, key: &str) -> Result<(), ActError> {
        let now = Timestamp::now();
        let patch = |who: &str| {
            let text = format!("{who}, from the console, {now:.3}");
            json!({"metadata": {"annotations": {names::WAKE_ANNOTATION: text}}})
        };
        self.act(key, patch, ("Wake", "woken")).await
    }

    /// `told`: what is done, for programs and for people.
    async fn act(
        &self,
        key: &str,
        patch: impl FnOnce(&str) -> Value,
        told: (&str, &str),
    ) -> Result<(), ActError> {
        let of = workload(key).ok_or_else(|| ActError::Name(key.to_owned()))?;
        let who = self.name().await;
        let patch = patch(&who);
        match of.kind {
            WorkloadKind::Revision => self.patch::<Revision>(&of, &patch, &who, told).await,
            WorkloadKind::Autoscaler => self.patch::<Autoscaler>(&of, &patch, &who, told).await,
        }
    }

    async fn patch<K>(
        &self,
        of: &Workload,
        patch: &Value,
        who: &str,
        (action, words): (&str, &str),
    ) -> Result<(), ActError>
    where
        K: Resource<DynamicType = (), Scope = kube::core::NamespaceResourceScope>
            + Clone
            + DeserializeOwned
            + std::fmt::Debug,
    {
        let objects: Api<K> = Api::namespaced(self.client.clone(), &of.namespace);
        let params = PatchParams {
            field_manager: Some(MANAGER.to_owned()),
            ..PatchParams::default()
        };
        let object = objects
            .patch(&of.name, &params, &Patch::Merge(patch))
            .await
            .map_err(Box::new)?;
        let event = Event {
            action: Some(action.to_owned()),
            note: Some(format!("{words} by {who}, from the console")),
            ..event(&object, of)
        };
        let events: Api<Event> = Api::namespaced(self.client.clone(), &of.namespace);
        let told = events.create(&PostParams::default(), &event).await;
        told.map(drop).map_err(Box::new).map_err(ActError::NotTold)
    }

    /// As the API server knows the person.
    async fn name(&self) -> String {
        let reviews: Api<SelfSubjectReview> = Api::all(self.client.clone());
        let review = reviews
            .create(&PostParams::default(), &SelfSubjectReview::default())
            .await;
        let user = match review {
            Ok(review) => review.status.and_then(|status| status.user_info),
            Err(error) => {
                tracing::debug!("the API server does not say who asks: {error}");
                None
            }
        };
        let name = user.and_then(|user| user.username);
        name.unwrap_or_else(|| "somebody whom the API server does not name".to_owned())
    }
}

fn event<K: Resource<DynamicType = ()>>(object: &K, of: &Workload) -> Event {
    let now = Timestamp::now();
    Event {
        metadata: ObjectMeta {
            name: Some(format!("{}.{:x}", of.name, now.as_nanosecond())),
            namespace: Some(of.namespace.clone()),
            ..ObjectMeta::default()
        },
        regarding: Some(ObjectReference {
            api_version: Some(K::api_version(&()).into_owned()),
            kind: Some(K::kind(&()).into_owned()),
            name: Some(of.name.clone()),
            namespace: Some(of.namespace.clone()),
            uid: object.uid(),
            ..ObjectReference::default()
        }),
        event_time: Some(MicroTime(now)),
        type_: Some("Normal".to_owned()),
        reason: Some("ByHand".to_owned()),
        reporting_controller: Some(format!("{}/console", names::GROUP)),
        reporting_instance: Some(MANAGER.to_owned()),
        ..Event::default()
    }
}
