// SPDX-License-Identifier: Apache-2.0
//! The revisions of this machine: made, changed in place, replaced by a new version without losing a request, removed.
//!
//! [`Rollout`] is the pure machine; [`Site`] is the task that owns it and carries out what it says.
mod action;
mod door;
mod feed;
mod hold;
mod listen;
mod name;
mod platform;
mod revision;
mod rollout;
mod shell;
mod sources;
mod spec;
#[cfg(test)]
pub(crate) mod specimen;
mod statsd;
mod versions;

pub(crate) use action::{Action, Event};
pub(crate) use door::Door;
pub(crate) use feed::Feed;
pub(crate) use name::revision_of;
pub(crate) use rollout::Rollout;
pub(crate) use shell::{Ended, Hand, Parts, Site};
pub(crate) use sources::Sources;
pub(crate) use spec::{Signals, Spec};
pub(crate) use statsd::{Statsd, StatsdCounts};
pub(crate) use versions::Versions;
