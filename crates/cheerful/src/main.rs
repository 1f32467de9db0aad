// SPDX-License-Identifier: Apache-2.0
//! The command line: one subcommand per role.
mod api;
mod asked;
mod cli;
mod cluster;
mod demo;
mod exit;
mod explain;
mod generated;
mod import;
mod instance;
mod logs;
mod otlp;
mod replay;
mod run;
mod sample;
mod signals;
mod simulate;
mod site;
mod source;
mod top;
mod version;
mod words;

fn main() -> std::process::ExitCode {
    cli::main()
}
