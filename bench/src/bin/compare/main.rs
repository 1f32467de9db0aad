// SPDX-License-Identifier: Apache-2.0
//! The same work through nothing, nginx, haproxy and our hop, in one run and on loopback: CPU per request, requests
//! per second, added latency, resident memory, each beside nginx.
//!
//!     cargo build --profile dist -p cheerful-bench && target/dist/compare
//!
//! Wants nginx, haproxy, wrk, h2load (Debian: nginx-light haproxy wrk nghttp2-client) and two processor cores: the proxy
//! has one, load and upstream share the other. `--rounds 3 --seconds 4 --connections 1,16,64,256` are the defaults.
#![allow(clippy::print_stdout, reason = "a command that prints its result")]

mod load;
mod peers;
mod table;

use std::{env, time::Duration};

use anyhow::{Context, bail};

use load::{Measured, Protocol};
use peers::Peers;

/// What is measured.
struct Plan {
    rounds: usize,
    seconds: u64,
    connections: Vec<usize>,
}

/// The bodies that the upstream gives: a path and what to call it.
const BODIES: [(&str, &str); 2] = [("/small", "100 B"), ("/large", "10 KB")];

fn main() -> anyhow::Result<()> {
    let plan = plan()?;
    for protocol in [Protocol::Http1, Protocol::H2c] {
        for (path, body) in BODIES {
            // Fresh processes for each group, connections going up: memory is that of at most so many connections.
            let mut peers = Peers::start()?;
            for connections in &plan.connections {
                let rounds = rounds(&plan, &mut peers, protocol, path, *connections)?;
                print!("{}", table::render(protocol, body, *connections, &rounds));
            }
        }
    }
    Ok(())
}

/// One row for each round: a measurement for each peer, taken one after the other.
fn rounds(
    plan: &Plan,
    peers: &mut Peers,
    protocol: Protocol,
    path: &str,
    connections: usize,
) -> anyhow::Result<Vec<Vec<Measured>>> {
    (0..plan.rounds)
        .map(|_| {
            peers
                .all()
                .iter()
                .map(|peer| {
                    load::measure(
                        peer,
                        protocol,
                        path,
                        connections,
                        Duration::from_secs(plan.seconds),
                    )
                    .with_context(|| format!("{} with {connections} connections", peer.name))
                })
                .collect()
        })
        .collect()
}

fn plan() -> anyhow::Result<Plan> {
    let mut plan = Plan {
        rounds: 3,
        seconds: 4,
        connections: vec![1, 16, 64, 256],
    };
    let mut given = env::args().skip(1);
    while let Some(flag) = given.next() {
        let value = given
            .next()
            .with_context(|| format!("{flag} wants a value"))?;
        let number = |text: &str| {
            text.parse()
                .with_context(|| format!("{flag} {text}: a whole number"))
        };
        match flag.as_str() {
            "--rounds" => plan.rounds = number(&value)?,
            "--seconds" => {
                plan.seconds = value
                    .parse()
                    .with_context(|| format!("{flag} {value}: a whole number"))?
            }
            "--connections" => {
                plan.connections = value.split(',').map(number).collect::<Result<_, _>>()?
            }
            _ => bail!("unknown flag {flag}: --rounds N, --seconds N, --connections N,N"),
        }
    }
    Ok(plan)
}
