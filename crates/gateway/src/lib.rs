// SPDX-License-Identifier: Apache-2.0
//! The front door: hold while there is no replica, choose the replica, release, hand over.
//! It does not decide scale.
//!
//! [`Gateway`] finds a request's revision by host and path. The revision's front (pure) chooses a replica
//! or holds the request in a bounded line, first in first out; a place that comes free goes to the first
//! in the line. What is passed on is counted by the replica's queue, so only what is held is counted here.
mod answer;
mod bursts;
mod choose;
mod config;
mod events;
mod front;
mod gateway;
mod hold;
mod metrics;
mod place;
mod replica;
mod requester;
mod revision;
mod routes;
mod waiting;
mod waking;

pub use bursts::Bursts;
pub use choose::choose;
pub use config::RevisionConfig;
pub use events::GatewayEvent;
pub use gateway::{Collected, Gateway, RouteError, UnknownRevision};
pub use hold::HoldLimits;
pub use metrics::RevisionMetrics;
pub use place::GatewayPlace;
pub use replica::FirstAnswer;
pub use routes::Route;
pub use waking::WakingRules;
