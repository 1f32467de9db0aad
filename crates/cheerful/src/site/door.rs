// SPDX-License-Identifier: Apache-2.0
use std::{net::SocketAddr, sync::Arc};

use cheerful_gateway::Gateway;
use cheerful_processes::{FirstAnswer, FrontDoor};

use super::Sources;

/// The gateway as the front door of the processes.
#[derive(Clone, Debug)]
pub(crate) struct Door {
    pub(crate) gateway: Arc<Gateway>,
    pub(crate) sources: Sources,
}

/// More than any replica has: one that works in the background goes last.
const BUSY: u64 = 1 << 40;

impl FrontDoor for Door {
    fn open(&self, revision: &str, replica: &str, address: SocketAddr) {
        self.sources.open(revision, replica, address);
        if let Err(unknown) = self.gateway.open(revision, replica, address) {
            // The version was removed while the replica started; the processes end it.
            tracing::debug!(replica, "{unknown}");
        }
    }
    fn take_out(&self, revision: &str, replica: &str) {
        self.gateway.take_out(revision, replica);
    }
    async fn drained(&self, revision: &str, replica: &str) {
        self.gateway.drained(revision, replica).await;
    }
    fn forget(&self, revision: &str, replica: &str) {
        self.sources.forget(revision, replica);
        self.gateway.forget(revision, replica);
    }
    fn first_answer(&self, revision: &str, replica: &str) -> Option<FirstAnswer> {
        let first = self.gateway.first_answer(revision, replica)?;
        Some(FirstAnswer {
            asked: first.asked.into_std(),
            answered: first.answered.into_std(),
        })
    }
    fn in_flight(&self, revision: &str, replica: &str) -> u64 {
        let requests = self.gateway.in_flight(revision, replica).unwrap_or(0);
        if self.sources.is_busy(revision, replica) {
            requests.saturating_add(BUSY)
        } else {
            requests
        }
    }
}
