// SPDX-License-Identifier: Apache-2.0
//! The roles in a cluster, and the commands that make manifests for one. Each is arguments and wiring; what they do is
//! in the rooms `kubernetes`, `queue`, `gateway` and `autoscaler`.
pub(crate) mod autoscaler;
pub(crate) mod console;
pub(crate) mod controller;
pub(crate) mod gateway;
pub(crate) mod inject;
pub(crate) mod manifests;
mod pages;
pub(crate) mod queue;
pub(crate) mod uninstall;
