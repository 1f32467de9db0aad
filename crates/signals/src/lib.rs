// SPDX-License-Identifier: Apache-2.0
//! Every way by which a load can become known but our own queue's reports. All of them end in a [`Told`]: a decision
//! cannot tell where it came from.
pub mod app;
pub mod asking;
pub mod client;
pub mod exposition;
pub mod knative;
pub mod meter;
pub mod preset;
pub mod query;
pub mod resource;
pub mod schedule;
pub mod scrape;
pub mod statsd;
mod tls;
mod told;

pub use told::{Told, Unread};
