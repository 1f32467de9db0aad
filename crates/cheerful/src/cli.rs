// SPDX-License-Identifier: Apache-2.0
use std::{path::PathBuf, process::ExitCode};

use clap::{
    Parser, Subcommand,
    builder::{PossibleValuesParser, TypedValueParser as _},
};
use clap_complete::Shell;

use crate::{
    cluster::{autoscaler, console, controller, gateway, inject, manifests, queue, uninstall},
    demo,
    exit::{self, Failure},
    explain, generated, import, logs, replay, run, sample, simulate, top, version,
};

/// Reads the command line and does what it says.
pub(crate) fn main() -> ExitCode {
    match Cli::try_parse() {
        Ok(cli) => exit::report(cli.command.run(cli.log_level.as_deref())),
        Err(error) => {
            // Help and the version go to stdout with 0, what is wrong to stderr with 2.
            error.print().ok();
            ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
        }
    }
}

/// Runs a service with as many replicas as the requests in flight need, down to none.
#[derive(Debug, Parser)]
#[command(
    name = "cheerful",
    version,
    max_term_width = 80,
    disable_help_subcommand = true,
    after_help = "Example: cheerful run --port 8080 -- python3 -m http.server {port}"
)]
pub(crate) struct Cli {
    /// What to log: error, warn, info, debug, trace, off
    #[arg(
        long,
        global = true,
        display_order = 900,
        value_name = "LEVEL",
        env = "CHEERFUL_LOG",
        hide_env_values = true
    )]
    log_level: Option<String>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a program, or all of a manifest, and scale it
    #[command(after_help = "Example: cheerful run --port 8080 -- python3 -m http.server {port}")]
    Run(Box<run::RunArgs>),
    /// See it work: a small service under load, in about a minute
    #[command(after_help = "Example: cheerful demo")]
    Demo(demo::DemoArgs),
    /// Why there are as many replicas as there are
    #[command(after_help = "Example: cheerful explain hello --follow")]
    Explain(explain::ExplainArgs),
    /// Watch the revisions of a running instance
    #[command(after_help = "Example: cheerful top")]
    Top(top::TopArgs),
    /// The console of a cluster, on this machine
    #[command(after_help = "Example: cheerful console --context production")]
    Console(console::ConsoleArgs),
    /// Decide again what a recording saw
    #[command(after_help = "Example: cheerful replay monday.ndjson --settings hello.yaml")]
    Replay(replay::ReplayArgs),
    /// What each policy would have made of a load
    #[command(after_help = "Example: cheerful simulate --trace access.log --start-up 2s")]
    Simulate(Box<simulate::SimulateArgs>),
    /// Print the JSON schema of a manifest, for editors
    #[command(after_help = "Example: cheerful schema > revision.schema.json")]
    Schema,
    /// Print the version and the target it was built for
    #[command(after_help = "Example: cheerful version")]
    Version,
    /// Print a shell's completions
    #[command(after_help = "Example: source <(cheerful completions bash)")]
    Completions {
        /// The shell
        #[arg(value_parser = PossibleValuesParser::new(["bash", "zsh", "fish"])
            .try_map(|shell| shell.parse::<Shell>()))]
        shell: Shell,
    },
    /// Write the manual pages
    #[command(after_help = "Example: cheerful man ~/.local/share/man/man1")]
    Man {
        /// The folder they go to; absent: the main page goes to stdout
        dir: Option<PathBuf>,
    },
    /// Print what is applied to a cluster
    #[command(after_help = "Example: cheerful manifests install | kubectl apply -f -")]
    Manifests(manifests::ManifestsArgs),
    /// Add the queue to the manifest of a workload
    #[command(after_help = "Example: cheerful inject -f shop.yaml | kubectl apply -f -")]
    Inject(inject::InjectArgs),
    /// Turn manifests of Knative, KEDA and HPAs into ours
    #[command(
        after_help = "Exit code 3: it is printed, and a field has no counterpart\nExample: kubectl get hpa shop -o yaml | cheerful import -"
    )]
    Import(import::ImportArgs),
    /// Take cheerful out of a cluster, and leave every workload running
    #[command(after_help = "Example: cheerful uninstall --dry-run")]
    Uninstall(uninstall::UninstallArgs),
    /// In a pod: stand before the app, and report
    #[command(after_help = "Started by what the controller makes; see docs/kubernetes.md")]
    Queue(Box<queue::QueueArgs>),
    /// In a cluster: hold requests while there is no replica
    #[command(after_help = "Started by what `cheerful manifests install` prints")]
    Gateway(Box<gateway::GatewayArgs>),
    /// In a cluster: decide how many replicas there are
    #[command(after_help = "Started by what `cheerful manifests install` prints")]
    Autoscaler(Box<autoscaler::AutoscalerArgs>),
    /// In a cluster: turn Revisions into Deployments and Services
    #[command(after_help = "Started by what `cheerful manifests install` prints")]
    Controller(controller::ControllerArgs),
    /// A small HTTP service to try things on
    #[command(
        hide = true,
        after_help = "Example: cheerful run -- cheerful sample --port {port}"
    )]
    Sample(sample::SampleArgs),
    /// Kills what a killed instance leaves behind; started by `run`
    #[command(hide = true)]
    Warden {
        /// The id of the run
        run: String,
    },
}

impl Command {
    fn run(self, log_level: Option<&str>) -> Result<(), Failure> {
        logs::start(log_level.unwrap_or("info"))?;
        match self {
            Self::Run(args) => run::run(args.options()?),
            Self::Demo(args) => demo::run(&args),
            Self::Explain(args) => explain::run(args),
            Self::Top(args) => top::run(args),
            Self::Console(args) => console::run(args),
            Self::Replay(args) => replay::run(&args),
            Self::Simulate(args) => simulate::run(&args),
            Self::Schema => exit::print(&cheerful_manifest::schema()),
            Self::Version => version::run(),
            Self::Completions { shell } => generated::completions(shell),
            Self::Man { dir } => generated::man(dir.as_deref()),
            Self::Manifests(args) => manifests::run(args),
            Self::Inject(args) => inject::run(args),
            Self::Import(args) => import::run(&args),
            Self::Uninstall(args) => uninstall::run(args),
            Self::Queue(args) => queue::run(&args),
            Self::Gateway(args) => gateway::run(&args),
            Self::Autoscaler(args) => autoscaler::run(*args),
            Self::Controller(args) => controller::run(args),
            Self::Sample(args) => sample::run(&args),
            Self::Warden { run } => cheerful_processes::watch_over(&run).map_err(Failure::later),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::Cli;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }
}
