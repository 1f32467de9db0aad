// SPDX-License-Identifier: Apache-2.0
//! The show: `cheerful run` with a small service under a load that goes calm, ten times as high, calm, silent, and
//! one more request. Nothing in it is special: it is the same program, manifest and local API that everybody uses.
mod load;
mod server;
mod show;
mod table;

use std::{path::PathBuf, time::Duration};

use crate::{
    exit::Failure,
    signals::{Asked, Signals},
};

/// The flags of `cheerful demo`.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct DemoArgs {
    /// Shorter phases, for tests
    #[arg(long, hide = true)]
    short: bool,
}

/// How long what takes in the show.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    stable_window: Duration,
    panic_window: Duration,
    idle_delay: Duration,
    calm: Duration,
    burst: Duration,
    calm_again: Duration,
}

impl Pace {
    /// The windows that a person gets without settings are 60 s and 6 s; the delay is learned.
    const FULL: Self = Self {
        stable_window: Duration::from_secs(12),
        panic_window: Duration::from_secs(2),
        idle_delay: Duration::from_secs(5),
        calm: Duration::from_secs(10),
        burst: Duration::from_secs(10),
        calm_again: Duration::from_secs(20),
    };
    const SHORT: Self = Self {
        stable_window: Duration::from_secs(3),
        panic_window: Duration::from_secs(1),
        idle_delay: Duration::from_secs(1),
        calm: Duration::from_secs(3),
        burst: Duration::from_secs(4),
        calm_again: Duration::from_secs(3),
    };
}

/// The name of the revision that is shown.
const REVISION: &str = "hello";
/// Requests a second while it is calm; the burst has ten times as many.
const CALM_RATE: f64 = 18.0;
const BURST_RATE: f64 = 10.0 * CALM_RATE;
/// The burst begins with ten times the requests that are in flight while it is calm, all at once: a step.
const BURST_AT_ONCE: u32 = 36;
/// How long the service works on a request.
const LATENCY: &str = "200ms";
/// Requests in flight per replica to aim for; the service works on twice as many at a time.
const TARGET: u32 = 5;
const CONCURRENCY: u32 = 10;
/// How long the service takes until it listens.
const START_UP: &str = "300ms";
const MOST_REPLICAS: u32 = 12;

/// Shows it on stdout.
///
/// # Errors
/// Something of what the show is about was not to be seen, or a request failed.
pub(crate) fn run(args: &DemoArgs) -> Result<(), Failure> {
    let pace = if args.short { Pace::SHORT } else { Pace::FULL };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::later(format_args!("the demo cannot start: {error}")))?;
    runtime.block_on(async {
        let program = own_program()?;
        let mut signals = Signals::new()
            .map_err(|error| Failure::later(format_args!("signals cannot be heard: {error}")))?;
        let mut server = tokio::select! {
            server = server::Server::start(&program, &pace) => server?,
            asked = signals.next() => return Err(stopped_by(asked)),
        };
        let shown = tokio::select! {
            shown = show::show(&server, &pace) => shown,
            asked = signals.next() => Err(stopped_by(asked)),
        };
        // Whatever was seen, nothing is left behind; who asks again does not wait for it.
        tokio::select! {
            stopped = server.stop() => {
                let seen = shown?;
                stopped?;
                table::print(&seen)
            }
            asked = signals.next() => Err(stopped_by(asked)),
        }
    })
}

fn stopped_by(asked: Asked) -> Failure {
    Failure {
        exit_code: asked.exit_code(),
        message: "stopped".to_owned(),
    }
}

fn own_program() -> Result<PathBuf, Failure> {
    std::env::current_exe().map_err(|error| {
        Failure::later(format_args!(
            "the demo does not find its own program: {error}"
        ))
    })
}
