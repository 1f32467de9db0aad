// SPDX-License-Identifier: Apache-2.0
use std::{net::SocketAddr, sync::Arc};

use cheerful_gateway::Gateway;
use cheerful_processes::FrontDoor;

/// The gateway as the front door of the processes.
#[derive(Clone, Debug)]
pub(crate) struct Door(pub(crate) Arc<Gateway>);

impl FrontDoor for Door {
    fn open(&self, revision: &str, replica: &str, address: SocketAddr) {
        if let Err(unknown) = self.0.open(revision, replica, address) {
            // The version was removed while the replica started; the processes end it.
            tracing::debug!(replica, "{unknown}");
        }
    }
    fn take_out(&self, revision: &str, replica: &str) {
        self.0.take_out(revision, replica);
    }
    async fn drained(&self, revision: &str, replica: &str) {
        self.0.drained(revision, replica).await;
    }
    fn forget(&self, revision: &str, replica: &str) {
        self.0.forget(revision, replica);
    }
    fn in_flight(&self, revision: &str, replica: &str) -> u64 {
        self.0.in_flight(revision, replica).unwrap_or(0)
    }
}
