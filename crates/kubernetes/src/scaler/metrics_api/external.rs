// SPDX-License-Identifier: Apache-2.0
use std::collections::BTreeMap;

use cheerful_manifest::ExternalSignal;
use cheerful_signals::{Unread, asking::Ask};
use kube::Client;
use serde::Deserialize;

use super::{
    ask::{encoded, get},
    load,
};

/// A metric of `external.metrics.k8s.io`: the sum over all series of that name with those labels.
pub(crate) struct External {
    client: Client,
    metric: String,
    path: String,
}

#[derive(Deserialize)]
struct ExternalMetricValueList {
    items: Vec<ExternalMetricValue>,
}

#[derive(Deserialize)]
struct ExternalMetricValue {
    value: String,
}

impl External {
    pub(crate) fn new(client: Client, namespace: &str, given: &ExternalSignal) -> Self {
        let (space, metric) = (encoded(namespace), encoded(&given.metric));
        let mut path = format!("/apis/external.metrics.k8s.io/v1beta1/namespaces/{space}/{metric}");
        if !given.selector.is_empty() {
            path.push_str("?labelSelector=");
            path.push_str(&encoded(&selector(&given.selector)));
        }
        Self {
            client,
            metric: given.metric.clone(),
            path,
        }
    }
}

impl Ask for External {
    async fn ask(&mut self) -> Result<f64, Unread> {
        let list: ExternalMetricValueList = get(&self.client, &self.path).await?;
        if list.items.is_empty() {
            return Err(Unread::Absent(format!("series of {}", self.metric)));
        }
        let values = list.items.iter();
        values.map(|item| load(&self.metric, &item.value)).sum()
    }
}

fn selector(labels: &BTreeMap<String, String>) -> String {
    let pairs: Vec<_> = labels
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    pairs.join(",")
}
