// SPDX-License-Identifier: Apache-2.0
//! `cheerful run`: the gateway, the autoscaler and the processes of this machine, wired together.
mod args;
mod control;
mod keeping;
pub(crate) mod listen;
mod memory;
mod options;
mod output;
mod revisions;
pub(crate) mod serve;
mod systemd;
mod tls;
mod watch;
mod wire;

pub(crate) use args::RunArgs;
pub(crate) use options::{Admin, Beside, RunOptions, Source, TlsFiles};
pub(crate) use wire::run;
