// SPDX-License-Identifier: Apache-2.0
use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use cheerful_scaling::Moment;
use cheerful_wire::{Workload, WorkloadKind};
use k8s_openapi::api::core::v1::{Pod, PodSpec, PodStatus};

use super::{cost::COST_ANNOTATION, metrics_api::Quantity};
use crate::names;

/// What is kept of a pod.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct PodSeen {
    pub(crate) name: String,
    pub(crate) uid: String,
    pub(crate) workload: Workload,
    pub(crate) ip: Option<IpAddr>,
    /// Its condition, as the kubelet sees it.
    pub(crate) ready: bool,
    /// It is on its way out.
    pub(crate) deleting: bool,
    /// It has ended, and is no replica any more.
    pub(crate) ended: bool,
    /// Why it does not start, where Kubernetes says: `CrashLoopBackOff`, `ImagePullBackOff`, `Unschedulable`.
    pub(crate) stuck: Option<String>,
    /// What it would cost to let it go.
    pub(crate) cost: Option<i32>,
    /// Whether it has a queue of ours.
    pub(crate) has_queue: bool,
    /// Where its app listens.
    pub(crate) app_port: u16,
    /// The CPU that it requests, in cores; `None` where a container requests none.
    pub(crate) requested_cpu: Option<f64>,
}

/// A pod, with what its queue says.
#[derive(Clone, Debug)]
pub(crate) struct PodState {
    pub(crate) seen: PodSeen,
    /// When we saw it first.
    pub(crate) since: Moment,
    pub(crate) heard: Option<Heard>,
    /// Where its queue takes requests, once it has said so.
    pub(crate) address: Option<SocketAddr>,
    /// Streams of its queue that are up.
    pub(crate) streams: u32,
    /// The highest number of a report, and how often its queue has begun to count anew.
    pub(crate) newest: Option<u64>,
    pub(crate) lives: u32,
    /// Whether it says that it works in the background.
    pub(crate) busy: bool,
}

/// What the last report said.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Heard {
    pub(crate) at: Moment,
    pub(crate) ready: bool,
    pub(crate) draining: bool,
    /// Requests in flight, averaged over the report's interval.
    pub(crate) in_flight: f64,
}

/// What a pod is to the scale.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    Ready,
    Starting,
    Draining,
    /// Gone but for its object.
    Ended,
}

/// How long the last report counts for more than what the kubelet says. The slowest pace is 5 s.
const HEARD: Duration = Duration::from_secs(12);

impl PodSeen {
    /// Trims a pod; `None` for one that is not of a workload of ours.
    pub(crate) fn of(pod: Pod) -> Option<Self> {
        let labels = pod.metadata.labels.as_ref()?;
        let workload = workload_of(labels, pod.metadata.namespace.clone()?)?;
        Self::trim(pod, workload)
    }

    /// Trims a pod of an Autoscaler's target; `None` for one with a queue, by which it is known already.
    pub(crate) fn of_target(pod: Pod, workload: &Workload) -> Option<Self> {
        Self::trim(pod, workload.clone()).filter(|seen| !seen.has_queue)
    }

    fn trim(pod: Pod, workload: Workload) -> Option<Self> {
        let labels = pod.metadata.labels.unwrap_or_default();
        let annotations = pod.metadata.annotations.unwrap_or_default();
        let status = pod.status.unwrap_or_default();
        let spec = pod.spec.unwrap_or_default();
        Some(Self {
            name: pod.metadata.name?,
            uid: pod.metadata.uid?,
            workload,
            ip: status.pod_ip.as_ref().and_then(|ip| ip.parse().ok()),
            ready: condition(&status, "Ready").is_some_and(|(is, _)| is),
            deleting: pod.metadata.deletion_timestamp.is_some(),
            ended: matches!(status.phase.as_deref(), Some("Succeeded" | "Failed")),
            stuck: stuck(&status),
            cost: annotations
                .get(COST_ANNOTATION)
                .and_then(|cost| cost.parse().ok()),
            has_queue: labels.contains_key(names::QUEUE_LABEL),
            app_port: app_port(&spec).unwrap_or(names::APP_PORT),
            requested_cpu: requested_cpu(&spec),
        })
    }
}

impl PodState {
    pub(crate) const fn new(seen: PodSeen, now: Moment) -> Self {
        Self {
            seen,
            since: now,
            heard: None,
            address: None,
            streams: 0,
            newest: None,
            lives: 0,
            busy: false,
        }
    }

    /// Where its app answers, if it takes requests.
    pub(crate) fn app(&self, now: Moment) -> Option<SocketAddr> {
        let is_ready = self.standing(now) == Standing::Ready;
        let ip = self.seen.ip.filter(|_| is_ready)?;
        Some(SocketAddr::new(ip, self.seen.app_port))
    }

    /// What it is now. A pod that crashes or cannot be placed is one that starts: it is on its way, as far as anyone
    /// knows, so that what waits for it does not ask for more.
    pub(crate) fn standing(&self, now: Moment) -> Standing {
        let heard = self
            .heard
            .filter(|heard| self.streams > 0 && now.since(heard.at) < HEARD);
        if self.seen.ended {
            Standing::Ended
        } else if self.seen.deleting || heard.is_some_and(|heard| heard.draining) {
            Standing::Draining
        } else if heard.map_or(self.seen.ready, |heard| heard.ready) {
            Standing::Ready
        } else {
            Standing::Starting
        }
    }
}

/// The first port of the first container, which is the app's.
fn app_port(spec: &PodSpec) -> Option<u16> {
    let port = spec.containers.first()?.ports.as_ref()?.first()?;
    u16::try_from(port.container_port).ok()
}

/// Of all containers that run beside each other.
fn requested_cpu(spec: &PodSpec) -> Option<f64> {
    let sidecars = spec.init_containers.iter().flatten();
    let sidecars =
        sidecars.filter(|container| container.restart_policy.as_deref() == Some("Always"));
    let requested = spec.containers.iter().chain(sidecars).map(|container| {
        let requests = container.resources.as_ref()?.requests.as_ref()?;
        let Quantity(cores) = requests.get("cpu")?.0.parse().ok()?;
        Some(cores)
    });
    requested.sum::<Option<f64>>().filter(|cores| *cores > 0.0)
}

/// Whose pod has these labels.
fn workload_of(labels: &BTreeMap<String, String>, namespace: String) -> Option<Workload> {
    let (kind, name) = if let Some(name) = labels.get(names::REVISION_LABEL) {
        (WorkloadKind::Revision, name)
    } else {
        (
            WorkloadKind::Autoscaler,
            labels.get(names::AUTOSCALER_LABEL)?,
        )
    };
    Some(Workload {
        namespace,
        kind,
        name: name.clone(),
    })
}

fn condition<'a>(status: &'a PodStatus, name: &str) -> Option<(bool, Option<&'a str>)> {
    let mut conditions = status.conditions.iter().flatten();
    let found = conditions.find(|condition| condition.type_ == name)?;
    Some((found.status == "True", found.reason.as_deref()))
}

fn stuck(status: &PodStatus) -> Option<String> {
    let init = status.init_container_statuses.iter().flatten();
    let containers = init.chain(status.container_statuses.iter().flatten());
    let mut reasons = containers.filter_map(|container| {
        let waiting = container.state.as_ref()?.waiting.as_ref()?;
        waiting.reason.clone()
    });
    let ordinary = |reason: &String| !matches!(&**reason, "ContainerCreating" | "PodInitializing");
    reasons
        .find(ordinary)
        .or_else(|| match condition(status, "PodScheduled") {
            Some((false, reason)) => reason.map(str::to_owned),
            _ => None,
        })
}

#[cfg(test)]
pub(crate) mod tests {
    use serde_json::json;

    use super::*;

    pub(crate) fn pod(extra: serde_json::Value) -> Pod {
        let mut pod = json!({
            "metadata": {
                "name": "cart-1", "namespace": "shop", "uid": "u1",
                "labels": {"cheerful.dev/revision": "cart", "cheerful.dev/queue": "true"},
            },
            "status": {"podIP": "10.1.2.3", "phase": "Running",
                "conditions": [{"type": "Ready", "status": "True"}]},
        });
        merge(&mut pod, extra);
        serde_json::from_value(pod).unwrap()
    }

    fn merge(base: &mut serde_json::Value, extra: serde_json::Value) {
        match (base, extra) {
            (serde_json::Value::Object(base), serde_json::Value::Object(extra)) => {
                for (key, value) in extra {
                    merge(base.entry(key).or_insert(json!({})), value);
                }
            }
            (base, extra) => *base = extra,
        }
    }

    fn heard(ready: bool, draining: bool, seconds: u64) -> Option<Heard> {
        Some(Heard {
            at: Moment::from_micros(seconds * 1_000_000),
            ready,
            draining,
            in_flight: 0.0,
        })
    }

    #[test]
    fn of_a_pod_only_what_matters_is_kept() {
        let seen = PodSeen::of(pod(json!({}))).unwrap();
        assert_eq!(seen.workload.to_string(), "shop/cart");
        assert_eq!(seen.ip, Some([10, 1, 2, 3].into()));
        assert!(seen.ready && !seen.deleting && !seen.ended);
        let mut other = pod(json!({}));
        other.metadata.labels = None;
        assert_eq!(PodSeen::of(other), None);
    }

    #[test]
    fn what_a_pod_requests_is_what_all_its_containers_do() {
        let requested = |containers: serde_json::Value, sidecars: serde_json::Value| {
            let spec = json!({"spec": {"containers": containers, "initContainers": sidecars}});
            PodSeen::of(pod(spec)).unwrap().requested_cpu
        };
        let container = |cpu: &str| json!({"name": "a", "resources": {"requests": {"cpu": cpu}}});
        let sidecar = json!({"name": "q", "restartPolicy": "Always", "resources": {"requests": {"cpu": "10m"}}});
        let before = json!({"name": "i"});
        let both = json!([container("240m"), container("0.25")]);
        assert_eq!(requested(both, json!([sidecar, before])), Some(0.5));
        assert_eq!(
            requested(json!([container("1"), {"name": "b"}]), json!([])),
            None
        );
        assert_eq!(requested(json!([container("0")]), json!([])), None);
        assert_eq!(PodSeen::of(pod(json!({}))).unwrap().app_port, 8080);
    }

    #[test]
    fn what_keeps_a_pod_from_starting_is_told() {
        let crashing = json!({"status": {"containerStatuses": [
            {"name": "app", "image": "", "imageID": "", "ready": false, "restartCount": 3,
             "state": {"waiting": {"reason": "CrashLoopBackOff"}}}]}});
        assert_eq!(
            PodSeen::of(pod(crashing)).unwrap().stuck.as_deref(),
            Some("CrashLoopBackOff")
        );
        let unplaced = json!({"status": {"conditions": [
            {"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}]}});
        assert_eq!(
            PodSeen::of(pod(unplaced)).unwrap().stuck.as_deref(),
            Some("Unschedulable")
        );
    }

    #[test]
    fn a_report_counts_for_more_than_the_kubelet_while_it_is_new() {
        let now = Moment::from_micros(100_000_000);
        let standing = |ready: bool, deleting: bool, heard: Option<Heard>, streams: u32| {
            let mut seen = PodSeen::of(pod(json!({}))).unwrap();
            (seen.ready, seen.deleting) = (ready, deleting);
            let mut state = PodState::new(seen, now);
            (state.heard, state.streams) = (heard, streams);
            state.standing(now)
        };
        for (ready, deleting, heard, streams, expected) in [
            (true, false, None, 0, Standing::Ready),
            (false, false, None, 0, Standing::Starting),
            (false, false, heard(true, false, 99), 1, Standing::Ready),
            (true, false, heard(false, false, 99), 1, Standing::Starting),
            (true, false, heard(false, true, 99), 1, Standing::Draining),
            (true, true, heard(true, false, 99), 1, Standing::Draining),
            // Its stream has ended, or it has been silent for too long.
            (true, false, heard(false, false, 99), 0, Standing::Ready),
            (false, false, heard(true, false, 80), 1, Standing::Starting),
        ] {
            assert_eq!(standing(ready, deleting, heard, streams), expected);
        }
    }
}
