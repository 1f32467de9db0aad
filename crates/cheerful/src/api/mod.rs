// SPDX-License-Identifier: Apache-2.0
//! The local API: what `explain`, `top` and a Prometheus server ask a running instance, and the client of it.
mod acts;
mod client;
mod cluster;
mod events;
pub(crate) mod metrics;
mod person;
pub(crate) mod rows;
mod serve;
mod server;
mod socket;
mod sources;
mod view;

#[cfg(test)]
mod tests;

pub(crate) use acts::{Act, Acts, refuse_others};
pub(crate) use client::{Client, ClientError, Events};
pub(crate) use cluster::{cluster_metrics, cluster_samples};
pub(crate) use events::stream as event_stream;
pub(crate) use serve::serve;
pub(crate) use server::{Api, Readiness};
pub(crate) use socket::ApiSocket;
pub(crate) use view::{DecisionEvent, ReplicaLine, RevisionDetail, StartLine};
