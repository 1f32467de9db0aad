// SPDX-License-Identifier: Apache-2.0
use std::{collections::BTreeMap, sync::Arc, time::Duration};

use cheerful_signals::{Unread, asking::Ask, resource::mean};
use cheerful_wire::Workload;
use kube::Client;
use serde::Deserialize;
use tokio::time::Instant;

use super::{
    ask::{encoded, get},
    load,
};
use crate::scaler::shared::Shared;

/// What is measured of pods.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Resource {
    /// Percent of what a pod requests.
    Cpu,
    /// Bytes.
    Memory,
}

/// The mean of a resource over the ready pods of a workload, from `metrics.k8s.io`.
pub(crate) struct Usage {
    pub(crate) shared: Arc<Shared>,
    pub(crate) client: Client,
    pub(crate) workload: Workload,
    pub(crate) resource: Resource,
    pub(crate) target: f64,
    /// The time of each pod's figure, as it was told, and when it was first told so.
    pub(crate) times: BTreeMap<String, (String, Instant)>,
}

/// A figure that stays the same for so long is none: it is measured anew every 15 s, as a rule.
const STALE: Duration = Duration::from_secs(180);

#[derive(Deserialize)]
struct PodMetricsList {
    items: Vec<PodMetrics>,
}

#[derive(Deserialize)]
pub(super) struct PodMetrics {
    metadata: Named,
    #[serde(default)]
    timestamp: String,
    #[serde(default)]
    containers: Vec<ContainerMetrics>,
}

#[derive(Deserialize)]
struct Named {
    name: String,
}

#[derive(Deserialize)]
struct ContainerMetrics {
    #[serde(default)]
    usage: BTreeMap<String, String>,
}

impl Resource {
    const fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Memory => "memory",
        }
    }
}

impl Ask for Usage {
    async fn ask(&mut self) -> Result<f64, Unread> {
        let moment = self.shared.now();
        let (selector, pods) = self.shared.fleet().measured(&self.workload, moment)?;
        let (namespace, selector) = (encoded(&self.workload.namespace), encoded(&selector));
        let path = format!(
            "/apis/metrics.k8s.io/v1beta1/namespaces/{namespace}/pods?labelSelector={selector}"
        );
        let list: PodMetricsList = get(&self.client, &path).await?;
        let now = Instant::now();
        let mut used = BTreeMap::new();
        for pod in list.items {
            // What is no replica of ours, or is not ready, has no part in it.
            if pods.contains_key(&pod.metadata.name) && self.is_new(&pod, now) {
                let amount = self.used(&pod)?;
                used.insert(pod.metadata.name, amount);
            }
        }
        self.times.retain(|name, _| pods.contains_key(name));
        let mut figures = Vec::with_capacity(pods.len());
        for (name, requested) in &pods {
            let amount = used.get(name).copied().flatten();
            figures.push(match (self.resource, requested) {
                (Resource::Memory, _) => amount,
                (Resource::Cpu, Some(requested)) => amount.map(|used| used / requested * 100.0),
                (Resource::Cpu, None) => {
                    let what = format!(
                        "request of CPU in each container of {name}, of which the target is a percentage"
                    );
                    return Err(Unread::Absent(what));
                }
            });
        }
        mean(&figures, self.target)
    }
}

impl Usage {
    /// Whether its figure has changed of late. The clock of whoever measured it may be another than ours.
    pub(super) fn is_new(&mut self, pod: &PodMetrics, now: Instant) -> bool {
        let name = &pod.metadata.name;
        match self.times.get(name) {
            Some((time, since)) if *time == pod.timestamp => {
                now.saturating_duration_since(*since) < STALE
            }
            _ => {
                self.times
                    .insert(name.clone(), (pod.timestamp.clone(), now));
                true
            }
        }
    }

    /// All containers together; `None` where one is missing from the figures.
    fn used(&self, pod: &PodMetrics) -> Result<Option<f64>, Unread> {
        let name = self.resource.name();
        let mut sum = 0.0;
        for container in &pod.containers {
            let Some(text) = container.usage.get(name) else {
                return Ok(None);
            };
            sum += load(&format!("{name} of {}", pod.metadata.name), text)?;
        }
        Ok((!pod.containers.is_empty()).then_some(sum))
    }
}
