// SPDX-License-Identifier: Apache-2.0
//! The command line: one subcommand per role.
mod cli;
mod exit;
mod generated;
#[allow(dead_code, reason = "explain and top come next")]
mod instance;
mod logs;
mod sample;
mod version;

fn main() -> std::process::ExitCode {
    cli::main()
}
