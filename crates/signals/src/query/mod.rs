// SPDX-License-Identifier: Apache-2.0
//! What a Prometheus server answers to a query of PromQL: one number, or why there is none.
mod answer;
mod ask;
mod server;

pub use answer::{MAX_ANSWER_BYTES, value};
pub use ask::{Access, Query};
pub use server::{NotAServer, Server};
