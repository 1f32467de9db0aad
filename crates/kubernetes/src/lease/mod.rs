// SPDX-License-Identifier: Apache-2.0
//! Who leads: one of several processes that do the same work, by a Lease.
//!
//! [`evaluate`] is the rule and [`Lease`] the shell. No wall clock counts: a record has ended when it was seen unchanged
//! for its whole duration, and a leader that could not renew steps down before that, both by their own monotonic clock.
mod config;
mod evaluate;
mod record;
mod shell;

pub use config::LeaseConfig;
pub use evaluate::{Action, evaluate};
pub use record::{Record, Seen};
pub use shell::{Leadership, Lease};
