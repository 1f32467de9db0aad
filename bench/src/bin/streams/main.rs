// SPDX-License-Identifier: Apache-2.0
//! What an autoscaler costs that many queues report to: 10,000 revisions, 20,000 queues, each a stream of its own over
//! loopback with a report each second; then all queues come back at once after the autoscaler was restarted.
//!
//!     cargo run --release -p cheerful-bench --bin streams [-- --websocket] [--plain] [--revisions N] [--seconds N]
//!
//! The autoscaler runs in a process of its own, as in a cluster: the streams and the decisions of every revision. Its
//! processor time and memory are read from the kernel. The queues run in other processes, so that the limit of open
//! files of a process is the autoscaler's alone.
#![allow(clippy::print_stdout, reason = "a command that prints its result")]
mod child;
mod lines;
mod measure;
mod process;
mod queues;
mod server;
mod ticks;

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    process::ExitCode,
    time::Duration,
};

use anyhow::Context;
use cheerful_wire::Transport;

/// What is asked for.
#[derive(Clone, Debug)]
struct Plan {
    transport: Transport,
    tls: bool,
    revisions: usize,
    seconds: u64,
    /// Where the server's certificate is left for the queues.
    folder: PathBuf,
    /// Where the server listens, and the queues connect to; port 0: where there is room.
    address: SocketAddr,
    /// Of the queues of one process, the first, and how many.
    first: usize,
    count: usize,
}

/// Of each revision.
const REPLICAS: usize = 2;
/// Each replica's requests in flight, and what is aimed for: two replicas are just right.
const CONCURRENCY: f64 = 6.0;
const TARGET: f64 = 10.0;
const TICK: Duration = Duration::from_secs(2);
/// The name in the server's certificate.
const NAME: &str = "autoscaler.bench";
/// The certificate's file, in the folder.
const CA_FILE: &str = "ca.crt";

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let has = |flag: &str| arguments.iter().any(|argument| argument == flag);
    let text = |flag: &str| {
        let at = arguments.iter().position(|argument| argument == flag);
        at.map(|at| arguments.get(at + 1).map_or("", String::as_str))
    };
    let number = |flag: &str, otherwise: u64| -> anyhow::Result<u64> {
        text(flag).map_or(Ok(otherwise), |value| {
            value.parse().with_context(|| format!("{flag} {value:?}"))
        })
    };
    let address = text("--address").map(str::parse).transpose()?;
    let plan = Plan {
        transport: if has("--websocket") {
            Transport::WebSocket
        } else {
            Transport::Grpc
        },
        tls: !has("--plain"),
        revisions: number("--revisions", 10_000)? as usize,
        seconds: number("--seconds", 30)?,
        folder: text("--folder").map(PathBuf::from).unwrap_or_default(),
        address: address.unwrap_or_else(|| (Ipv4Addr::LOCALHOST, 0).into()),
        first: number("--first", 0)? as usize,
        count: number("--count", 0)? as usize,
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    match arguments.first().map(String::as_str) {
        Some("server") => runtime.block_on(server::run(&plan)),
        Some("queues") => runtime.block_on(queues::run(&plan)),
        _ => runtime.block_on(measure::run(plan)),
    }
}
