// SPDX-License-Identifier: Apache-2.0
//! EndpointSlices and the autoscalers' news in, revisions, routes and replicas of a [`cheerful_gateway::Gateway`] out.
//!
//! [`Directory`] is the pure machine: who is where. [`Front`] is its shell: the watch, the news, the gateway's own
//! events, and what is held on its way up.
mod claims;
mod directory;
mod door;
mod known;
mod links;
mod replica;
mod shell;
mod slice;
mod watch;

pub use directory::{Action, Counts, Directory, Event};
pub use links::{Autoscalers, Links, LinksMetrics};
pub use shell::{Front, FrontConfig, FrontMetrics};
pub use slice::{Content, Place, SliceView};
