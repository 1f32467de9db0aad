// SPDX-License-Identifier: Apache-2.0
//! What an autoscaler costs that many queues report to: 10,000 revisions, 20,000 queues, each a stream of its own over
//! loopback with a report each second.
//!
//!     cargo run --release -p cheerful-bench --bin streams [-- --websocket] [--plain] [--revisions N] [--seconds N]
//!
//! The server runs in a process of its own on one thread, as in a cluster: the streams and the decisions of every
//! revision. Its processor time and memory are read from the kernel.
#![allow(clippy::print_stdout, reason = "a command that prints its result")]
mod process;
mod queues;
mod server;

use std::{process::ExitCode, time::Duration};

use anyhow::Context;
use cheerful_wire::Transport;

/// What is asked for.
#[derive(Clone, Debug)]
struct Plan {
    transport: Transport,
    tls: bool,
    revisions: usize,
    seconds: u64,
}

/// Of each revision.
const REPLICAS: usize = 2;
/// Each replica's requests in flight, and what is aimed for: two replicas are just right.
const CONCURRENCY: f64 = 6.0;
const TARGET: f64 = 10.0;
const TICK: Duration = Duration::from_secs(2);
/// The name in the server's certificate.
const NAME: &str = "autoscaler.bench";

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
    let number = |flag: &str, otherwise: u64| -> anyhow::Result<u64> {
        let at = arguments.iter().position(|argument| argument == flag);
        let value = at.map(|at| arguments.get(at + 1).map_or("", String::as_str));
        value.map_or(Ok(otherwise), |value| {
            value.parse().with_context(|| format!("{flag} {value:?}"))
        })
    };
    let plan = Plan {
        transport: if has("--websocket") {
            Transport::WebSocket
        } else {
            Transport::Grpc
        },
        tls: !has("--plain"),
        revisions: number("--revisions", 10_000)? as usize,
        seconds: number("--seconds", 30)?,
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    if has("server") {
        runtime.block_on(server::run(&plan))
    } else {
        runtime.block_on(queues::run(plan))
    }
}
