// SPDX-License-Identifier: Apache-2.0
use std::{future::Future, net::SocketAddr, time::Instant};

/// What this room asks of whoever sends requests to its replicas (on one machine: the gateway).
pub trait FrontDoor: Send + Sync + 'static {
    /// A replica answers: requests may go there.
    fn open(&self, revision: &str, replica: &str, address: SocketAddr);
    /// No new requests to a replica.
    fn take_out(&self, revision: &str, replica: &str);
    /// Ends when nothing is in flight in a replica that was taken out.
    fn drained(&self, revision: &str, replica: &str) -> impl Future<Output = ()> + Send;
    /// A replica has died.
    fn forget(&self, revision: &str, replica: &str);
    /// Requests in flight in a replica: the idle one goes first.
    fn in_flight(&self, revision: &str, replica: &str) -> u64;
    /// The first request that a replica answered since it was opened with its present address, if it is known and did.
    fn first_answer(&self, revision: &str, replica: &str) -> Option<FirstAnswer>;
}

/// The first request that a replica answered, whatever the status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FirstAnswer {
    /// When the request was passed to it.
    pub asked: Instant,
    /// When its answer began.
    pub answered: Instant,
}
