// SPDX-License-Identifier: Apache-2.0
//! The autoscaler in a cluster: what the watches and the streams say goes into `fleet::Fleet`, which says what the
//! autoscaler is told, what is written, and what the queues and gateways hear.
mod admission;
mod bucket;
mod certificate;
mod condition;
mod conflict;
mod cost;
mod credentials;
mod figures;
mod fleet;
mod gate;
mod key;
mod leader;
mod metrics;
mod metrics_api;
mod object;
mod pace;
mod pages;
mod path;
mod platform;
mod pod;
mod readers;
mod reception;
mod service;
mod shared;
mod signals;
mod statuses;
mod target;
mod watch;

pub use certificate::{Certificate, follow_certificate};
pub use figures::FiguresView;
pub(crate) use key::workload;
pub use metrics::ScalerMetrics;
pub(crate) use metrics_api::Quantity;
pub use pages::{LeaderError, LeaderPages};
pub use reception::{Door, Stream};
pub use service::{ClusterAutoscaler, PodLine, ScalerConfig, ScalerView};
