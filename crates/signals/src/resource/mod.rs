// SPDX-License-Identifier: Apache-2.0
//! CPU and memory of replicas that are processes of this machine, and what a mean over replicas is when some are unknown.
//!
//! A replica is all of its processes: its process group, and all that descend from them. One that is alone in a control
//! group (version 2) other than ours is measured by that, which misses nothing.
mod cgroup;
mod local;
mod mean;
mod process;
mod rate;

pub use local::{Local, Resource, memory_of};
pub use mean::mean;
