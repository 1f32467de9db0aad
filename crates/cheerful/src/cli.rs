// SPDX-License-Identifier: Apache-2.0
use std::{path::PathBuf, process::ExitCode};

use clap::{
    Parser, Subcommand,
    builder::{PossibleValuesParser, TypedValueParser as _},
};
use clap_complete::Shell;

use crate::{
    exit::{self, Failure},
    generated, logs, sample, version,
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
    /// A small HTTP service to try things on
    #[command(
        hide = true,
        after_help = "Example: cheerful run -- cheerful sample --port {port}"
    )]
    Sample(sample::SampleArgs),
}

impl Command {
    fn run(self, log_level: Option<&str>) -> Result<(), Failure> {
        logs::start(log_level.unwrap_or("info"))?;
        match self {
            Self::Version => version::run(),
            Self::Completions { shell } => generated::completions(shell),
            Self::Man { dir } => generated::man(dir.as_deref()),
            Self::Sample(args) => sample::run(&args),
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
