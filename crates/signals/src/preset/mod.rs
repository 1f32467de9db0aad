// SPDX-License-Identifier: Apache-2.0
//! Which metrics of a known program say what.
mod parts;
mod programs;
mod stub_status;

pub use parts::{Preset, PresetBuilder};
pub use programs::{Custom, caddy, custom, envoy, haproxy, nginx_exporter, queue, traefik, vllm};
pub use stub_status::stub_status;
