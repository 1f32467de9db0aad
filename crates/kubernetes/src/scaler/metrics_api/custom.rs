// SPDX-License-Identifier: Apache-2.0
use std::{collections::BTreeMap, sync::Arc};

use cheerful_manifest::{CustomSignal, MetricObject};
use cheerful_signals::{Unread, asking::Ask, resource::mean};
use cheerful_wire::Workload;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::APIGroup;
use kube::{Client, core::GroupVersionKind, discovery::oneshot};
use serde::Deserialize;
use tokio::time::timeout;

use super::{
    ask::{LIMIT, encoded, get},
    load,
};
use crate::scaler::shared::Shared;

/// A metric of `custom.metrics.k8s.io`: the mean over the ready pods of a workload, or that of one object.
pub(crate) struct Custom {
    pub(crate) shared: Arc<Shared>,
    pub(crate) client: Client,
    pub(crate) workload: Workload,
    pub(crate) given: CustomSignal,
    /// The version of the API, and where an object is one of those that are given. Found out once, and anew after it
    /// could not be read.
    pub(crate) found: Option<(String, String)>,
}

/// The versions that are understood, the newest first. They do not differ in what is read.
const VERSIONS: [&str; 2] = ["v1beta2", "v1beta1"];

#[derive(Deserialize)]
struct MetricValueList {
    items: Vec<MetricValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct MetricValue {
    #[serde(default)]
    described_object: Described,
    value: String,
}

#[derive(Default, Deserialize)]
struct Described {
    #[serde(default)]
    name: String,
}

impl Ask for Custom {
    async fn ask(&mut self) -> Result<f64, Unread> {
        let answer = self.value().await;
        if answer.is_err() {
            self.found = None;
        }
        answer
    }
}

impl Custom {
    async fn value(&mut self) -> Result<f64, Unread> {
        let (version, place) = match &self.found {
            Some(found) => found.clone(),
            None => self.find().await?,
        };
        self.found = Some((version.clone(), place.clone()));
        let (namespace, metric) = (
            encoded(&self.workload.namespace),
            encoded(&self.given.metric),
        );
        let base = format!("/apis/custom.metrics.k8s.io/{version}/namespaces/{namespace}");
        if self.given.object.is_some() {
            let list: MetricValueList =
                get(&self.client, &format!("{base}/{place}{metric}")).await?;
            return match list.items.as_slice() {
                [one] => load(&self.given.metric, &one.value),
                [] => Err(Unread::Absent(self.given.metric.clone())),
                more => Err(Unread::Malformed(format!(
                    "{} values, where one is right",
                    more.len()
                ))),
            };
        }
        let now = self.shared.now();
        let (selector, pods) = self.shared.fleet().measured(&self.workload, now)?;
        let selector = encoded(&selector);
        let path = format!("{base}/pods/*/{metric}?labelSelector={selector}");
        let list: MetricValueList = get(&self.client, &path).await?;
        let mut values = BTreeMap::new();
        for item in list.items {
            let name = item.described_object.name;
            let value = load(&format!("{} of {name}", self.given.metric), &item.value)?;
            values.insert(name, value);
        }
        let figures: Vec<_> = pods.keys().map(|name| values.get(name).copied()).collect();
        mean(&figures, self.given.target)
    }

    /// The version, and what stands before the name of the metric.
    async fn find(&self) -> Result<(String, String), Unread> {
        let group: APIGroup = get(&self.client, "/apis/custom.metrics.k8s.io").await?;
        let offered = |version: &str| group.versions.iter().any(|one| one.version == version);
        let Some(version) = VERSIONS.iter().find(|version| offered(version)) else {
            let versions: Vec<_> = group.versions.iter().map(|one| &*one.version).collect();
            let (right, there) = (VERSIONS.join(" or "), versions.join(", "));
            return Err(Unread::Absent(format!(
                "version {right} of custom.metrics.k8s.io, but {there}"
            )));
        };
        let place = match &self.given.object {
            None => String::new(),
            Some(object) => match timeout(LIMIT, place(&self.client, object, &self.workload)).await
            {
                Ok(place) => place?,
                Err(_) => return Err(Unread::Silent(format!("none in {LIMIT:?}"))),
            },
        };
        Ok(((*version).to_owned(), place))
    }
}

/// Where the metrics of an object are. A namespace is one itself.
async fn place(
    client: &Client,
    object: &MetricObject,
    workload: &Workload,
) -> Result<String, Unread> {
    let version = object.api_version.as_deref().unwrap_or("v1");
    if (version, &*object.kind) == ("v1", "Namespace") {
        let own = &workload.namespace;
        return if object.name == *own {
            Ok("metrics/".to_owned())
        } else {
            let name = &object.name;
            Err(Unread::Setup(format!(
                "object.name: {name:?}; should be its own namespace, {own}"
            )))
        };
    }
    let (group, of) = version.split_once('/').unwrap_or(("", version));
    let kind = GroupVersionKind::gvk(group, of, &object.kind);
    let found = oneshot::pinned_kind(client, &kind).await;
    let (resource, _) = found.map_err(|error| {
        let what = format!(
            "the kind {} of {version} cannot be found: {error}",
            object.kind
        );
        Unread::Setup(what.chars().take(300).collect())
    })?;
    let dot = if group.is_empty() { "" } else { "." };
    Ok(format!(
        "{}{dot}{group}/{}/",
        encoded(&resource.plural),
        encoded(&object.name)
    ))
}
