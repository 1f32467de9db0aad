// SPDX-License-Identifier: Apache-2.0
//! `simulate`: what each policy would have made of a load, before anybody has to trust one.
mod args;
mod contest;
mod plan;
mod progress;
mod writing;

use std::{sync::Arc, thread};

use cheerful_simulator::report;
use tokio::sync::oneshot;

pub(crate) use self::args::SimulateArgs;
use self::{
    plan::Plan,
    progress::{Line, Progress},
};
use crate::{
    exit::{self, Failure},
    signals::Signals,
};

/// Prints the table and writes the files that were asked for.
///
/// # Errors
/// 2: the load, the manifest or a place to write to cannot be used, and nothing was begun. 1: reading or writing
/// failed later. 128 and its number: a signal ended it, and nothing was written.
pub(crate) fn run(args: &SimulateArgs) -> Result<(), Failure> {
    for path in args.outputs() {
        writing::check(path)?;
    }
    let comparison = wait_for(Plan::new(args)?)?;
    let failed =
        |error| Failure::later(format_args!("the result cannot be put into words: {error}"));
    if let Some(path) = &args.html {
        writing::write(path, &report::html(&comparison).map_err(failed)?)?;
    }
    if let Some(path) = &args.csv {
        writing::write(path, &report::csv(&comparison))?;
    }
    if let Some(path) = &args.json {
        writing::write(path, &comparison.json().map_err(failed)?)?;
    }
    if args.is_stdout_taken() {
        return Ok(());
    }
    exit::print(&report::text(&comparison))
}

/// Lets the plan be worked off beside, shows how far it is, and ends it when a signal asks to.
fn wait_for(plan: Plan) -> Result<report::Comparison, Failure> {
    let cannot = |error| Failure::later(format_args!("the simulation cannot start: {error}"));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(cannot)?;
    let progress = Arc::new(Progress::default());
    let policies = plan.policies();
    runtime.block_on(async {
        let mut signals = Signals::new().map_err(cannot)?;
        let (sender, mut result) = oneshot::channel();
        let theirs = Arc::clone(&progress);
        // Ends with its work, or soon after `stop`.
        let worker = thread::spawn(move || sender.send(plan.work(&theirs)).is_ok());
        let mut line = Line::new();
        let ended = loop {
            tokio::select! {
                done = &mut result => {
                    break done.unwrap_or_else(|_| Err(Failure::later("the simulation ended in the middle of its work")));
                }
                asked = signals.next() => {
                    progress.stop();
                    break Err(Failure {
                        exit_code: asked.exit_code(),
                        message: "stopped: nothing was written".to_owned(),
                    });
                }
                () = tokio::time::sleep(Progress::BEAT) => line.show(&progress.in_words(policies)),
            }
        };
        drop(line);
        worker.join().ok();
        ended
    })
}
