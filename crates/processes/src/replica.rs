// SPDX-License-Identifier: Apache-2.0
//! What the shell keeps of a revision beside its [`Lifecycle`]: names, processes, waits.
use std::{collections::BTreeMap, sync::Arc};

use tokio::{
    sync::{oneshot, watch},
    task::AbortHandle,
};

use crate::{
    ProcessRevision, ReplicaView,
    child::Order,
    lifecycle::{Lifecycle, Number},
};
use cheerful_scaling::Moment;

/// A revision whose processes run here.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) spec: Arc<ProcessRevision>,
    pub(crate) lifecycle: Lifecycle,
    pub(crate) replicas: BTreeMap<Number, Live>,
    /// Who waits for its end. Not empty: it goes when its last replica has gone.
    pub(crate) removed: Vec<oneshot::Sender<()>>,
}

/// One replica of it.
#[derive(Debug)]
pub(crate) struct Live {
    pub(crate) name: Arc<str>,
    /// Orders to its present process.
    pub(crate) orders: watch::Sender<Order>,
    /// Counts its processes: news of an earlier one is no news.
    pub(crate) process: u64,
    pub(crate) pid: Option<u32>,
    pub(crate) port: u16,
    /// The wait that counts.
    pub(crate) wait: Option<AbortHandle>,
    /// Calls the present drain wait off.
    pub(crate) recall: Option<oneshot::Sender<()>>,
}

impl Running {
    pub(crate) fn new(spec: Arc<ProcessRevision>) -> Self {
        let lifecycle = Lifecycle::new(spec.drain, spec.grace);
        Self {
            spec,
            lifecycle,
            replicas: BTreeMap::new(),
            removed: Vec::new(),
        }
    }

    pub(crate) fn number_of(&self, replica: &str) -> Option<Number> {
        let found = self
            .replicas
            .iter()
            .find(|(_, live)| &*live.name == replica);
        found.map(|(number, _)| *number)
    }

    pub(crate) fn views(&self, now: Moment) -> Vec<ReplicaView> {
        let view = |(number, replica): (Number, &crate::lifecycle::Replica)| {
            let live = self.replicas.get(&number)?;
            Some(ReplicaView {
                replica: live.name.to_string(),
                pid: live.pid,
                port: live.port,
                state: replica.state.name().to_owned(),
                age_seconds: now.since(replica.born).as_secs_f64(),
                restarts: replica.restarts,
            })
        };
        self.lifecycle.replicas().filter_map(view).collect()
    }
}

impl Live {
    pub(crate) fn new(name: Arc<str>) -> Self {
        let orders = watch::Sender::new(Order::Run);
        Self {
            name,
            orders,
            process: 0,
            pid: None,
            port: 0,
            wait: None,
            recall: None,
        }
    }

    /// An order never becomes milder.
    pub(crate) fn order(&self, order: Order) {
        self.orders.send_if_modified(|present| {
            let harder = order > *present;
            if harder {
                *present = order;
            }
            harder
        });
    }
}
