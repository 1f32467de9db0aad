// SPDX-License-Identifier: Apache-2.0
//! What queues and gateways say over their streams.
use std::{collections::BTreeMap, net::SocketAddr, time::Duration};

use cheerful_scaling::Moment;
use cheerful_wire::{Downward, Refusal, Replica, ReplicaReport, Workload};
use tokio::sync::mpsc;

use super::Fleet;
use crate::scaler::{
    admission::{Proven, refusal},
    pod::{Heard, Standing},
};

/// The stream of one queue.
#[derive(Debug)]
pub(crate) struct QueueStream {
    pub(super) pod: String,
    pub(super) uid: String,
    pub(super) down: mpsc::Sender<Downward>,
    /// The interval and the threshold that it was told last.
    pub(super) told: Option<(Duration, Option<f64>)>,
    /// Whether a report has come over it.
    pub(super) begun: bool,
}

/// The stream of one gateway.
#[derive(Debug)]
pub(crate) struct GatewayStream {
    pub(super) down: mpsc::Sender<Downward>,
    /// Requests that it holds, by workload; no entry: none.
    pub(super) held: BTreeMap<Workload, u64>,
    /// The workloads that it has spoken of, and what it was told of each.
    pub(super) told: BTreeMap<Workload, Option<(Duration, Option<f64>)>>,
}

impl GatewayStream {
    pub(super) fn forget(&mut self, workload: &Workload) {
        self.held.remove(workload);
        self.told.remove(workload);
    }
}

/// Whether a pod that has proved who it is may report for a workload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Fine,
    /// The watch may not have told of it yet.
    NotYet(Refusal),
    Refused(Refusal),
}

impl Fleet {
    pub(crate) fn verdict(&self, proven: &Proven, workload: &Workload, at: SocketAddr) -> Verdict {
        let (namespace, name) = (&proven.namespace, &proven.pod);
        let place = (namespace.clone(), name.clone());
        let home = self.homes.get(&place);
        let pod = home
            .and_then(|home| self.workloads.get(home))
            .and_then(|state| state.pods.get(name));
        let (Some(home), Some(pod)) = (home, pod) else {
            let text = format!("pod {namespace}/{name} with a queue is not known");
            return Verdict::NotYet(refusal("pod", text));
        };
        if pod.seen.uid != proven.uid {
            let text = format!("pod {namespace}/{name} is not the one that the token was made for");
            return Verdict::NotYet(refusal("pod", text));
        }
        if home != workload {
            let text = format!("pod {namespace}/{name} is of {home}, not of {workload}");
            return Verdict::Refused(refusal("workload", text));
        }
        match pod.seen.ip {
            Some(ip) if ip == at.ip() => {}
            Some(ip) => {
                let text = format!("pod {namespace}/{name} is at {ip}, not at {}", at.ip());
                return Verdict::Refused(refusal("pod", text));
            }
            // The kubelet tells the address late; the first report after that is compared.
            None => {}
        }
        if self
            .workloads
            .get(home)
            .is_none_or(|state| state.object.is_none())
        {
            return Verdict::NotYet(refusal("workload", format!("{workload} is not known")));
        }
        Verdict::Fine
    }

    /// A queue's stream begins; gives its number.
    pub(crate) fn queue(
        &mut self,
        workload: &Workload,
        proven: &Proven,
        at: SocketAddr,
        down: mpsc::Sender<Downward>,
        now: Moment,
    ) -> u64 {
        let stream = self.next();
        self.queues += 1;
        let state = self.state(workload);
        if let Some(pod) = state.pods.get_mut(&proven.pod) {
            pod.streams += 1;
            pod.address = Some(at);
        }
        let queue = QueueStream {
            pod: proven.pod.clone(),
            uid: proven.uid.clone(),
            down,
            told: None,
            begun: false,
        };
        state.queues.insert(stream, queue);
        self.freshen(workload, now);
        self.pending.pace.insert(workload.clone());
        stream
    }

    pub(crate) fn queue_gone(&mut self, workload: &Workload, stream: u64, now: Moment) {
        let Some(state) = self.workloads.get_mut(workload) else {
            return;
        };
        let Some(queue) = state.queues.remove(&stream) else {
            return;
        };
        self.queues -= 1;
        let mut old = None;
        if let Some(pod) = state
            .pods
            .get_mut(&queue.pod)
            .filter(|pod| pod.seen.uid == queue.uid)
        {
            old = Some(pod.standing(now));
            pod.streams = pod.streams.saturating_sub(1);
        }
        self.tell_standing(workload, &queue.pod, old, now);
        self.pending.feed.insert(workload.clone());
        self.sweep(workload);
    }

    /// Takes a report, and names its replica. True if its pod is something else to the scale now.
    pub(crate) fn report(
        &mut self,
        workload: &Workload,
        stream: u64,
        report: &mut ReplicaReport,
        now: Moment,
    ) -> Result<bool, Refusal> {
        self.counts.reports += 1;
        let gone = |what: &str| refusal("pod", format!("{what} is gone"));
        let state = self
            .workloads
            .get_mut(workload)
            .ok_or_else(|| gone("the workload"))?;
        let queue = state
            .queues
            .get_mut(&stream)
            .ok_or_else(|| gone("the stream"))?;
        let pod = state
            .pods
            .get_mut(&queue.pod)
            .filter(|pod| pod.seen.uid == queue.uid);
        let pod = pod.ok_or_else(|| gone("the pod"))?;
        if let (Some(ip), Some(at)) = (pod.seen.ip, pod.address)
            && ip != at.ip()
        {
            let text = format!("pod {} is at {ip}, not at {}", queue.pod, at.ip());
            return Err(refusal("pod", text));
        }
        // A queue that has started again counts from 0; a stream that has only been renewed goes on.
        if let Some(sequence) = report.report.sequence {
            let again = !queue.begun && pod.newest.is_some_and(|newest| sequence <= newest);
            pod.lives += u32::from(again);
            pod.newest = Some(if again {
                sequence
            } else {
                sequence.max(pod.newest.unwrap_or(0))
            });
        }
        queue.begun = true;
        report.report.replica = match pod.lives {
            0 => queue.pod.clone(),
            lives => format!("{}#{lives}", queue.pod),
        };
        let old = pod.standing(now);
        let seconds = report.report.seconds;
        let in_flight = report.report.request_seconds + report.report.waiting_seconds;
        pod.heard = Some(Heard {
            at: now,
            ready: report.ready,
            draining: report.draining,
            in_flight: if seconds > 0.0 {
                in_flight / seconds
            } else {
                0.0
            },
        });
        state.heard = true;
        let changed = pod.standing(now) != old;
        if changed {
            let name = queue.pod.clone();
            self.tell_standing(workload, &name, Some(old), now);
            self.pending.feed.insert(workload.clone());
            self.pending.status.insert(workload.clone());
        }
        Ok(changed)
    }

    /// A gateway's stream begins; gives its number.
    pub(crate) fn gateway(&mut self, down: mpsc::Sender<Downward>) -> u64 {
        let stream = self.next();
        let gateway = GatewayStream {
            down,
            held: BTreeMap::new(),
            told: BTreeMap::new(),
        };
        self.gateways.insert(stream, gateway);
        stream
    }

    /// Takes what one gateway holds of a workload, and gives what all of them hold; `None`: nobody knows the workload.
    pub(crate) fn holding(
        &mut self,
        stream: u64,
        workload: &Workload,
        held: u64,
        now: Moment,
    ) -> Option<u64> {
        self.counts.holdings += 1;
        let is_known = self
            .workloads
            .get(workload)
            .is_some_and(|state| state.object.is_some());
        let Some(gateway) = self.gateways.get_mut(&stream).filter(|_| is_known) else {
            self.counts.unknown_workloads += 1;
            return None;
        };
        if held == 0 {
            gateway.held.remove(workload);
        } else {
            gateway.held.insert(workload.clone(), held);
        }
        if !gateway.told.contains_key(workload) {
            gateway.told.insert(workload.clone(), None);
            self.pending.pace.insert(workload.clone());
        }
        let sum = self.held(workload);
        let state = self.state(workload);
        let woken = state.held == 0 && sum > 0;
        state.held = sum;
        if woken {
            self.freshen(workload, now);
        }
        Some(sum)
    }

    /// A gateway's stream has ended: what it held is gone. Gives what the others hold of each workload that it held.
    pub(crate) fn gateway_gone(&mut self, stream: u64) -> Vec<(Workload, u64)> {
        let Some(gateway) = self.gateways.remove(&stream) else {
            return Vec::new();
        };
        let mut left = Vec::new();
        for workload in gateway.held.into_keys() {
            let sum = self.held(&workload);
            if let Some(state) = self.workloads.get_mut(&workload) {
                state.held = sum;
            }
            left.push((workload, sum));
        }
        left
    }

    /// Tells all gateways whether a pod takes requests, if that has changed.
    pub(super) fn tell_standing(
        &mut self,
        workload: &Workload,
        name: &str,
        old: Option<Standing>,
        now: Moment,
    ) {
        let pod = self
            .workloads
            .get(workload)
            .and_then(|state| state.pods.get(name));
        let Some((new, address)) = pod.and_then(|pod| Some((pod.standing(now), pod.address?)))
        else {
            return;
        };
        let was_ready = old == Some(Standing::Ready);
        let is_ready = new == Standing::Ready;
        if was_ready != is_ready {
            self.tell_replica(workload, name, address, is_ready);
        }
    }

    pub(super) fn tell_replica(
        &mut self,
        workload: &Workload,
        pod: &str,
        address: SocketAddr,
        ready: bool,
    ) {
        for gateway in self.gateways.values() {
            let replica = Downward::from(Replica {
                workload: workload.clone(),
                pod: pod.to_owned(),
                address,
                ready,
            });
            // A gateway that is behind learns it from its own watch.
            if gateway.down.try_send(replica).is_err() {
                self.counts.down_dropped += 1;
            }
        }
    }

    fn held(&self, workload: &Workload) -> u64 {
        let each = self.gateways.values();
        each.filter_map(|gateway| gateway.held.get(workload))
            .fold(0, |sum, held| sum.saturating_add(*held))
    }

    const fn next(&mut self) -> u64 {
        self.next_stream += 1;
        self.next_stream
    }
}
