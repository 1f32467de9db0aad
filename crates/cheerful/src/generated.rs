// SPDX-License-Identifier: Apache-2.0
//! What is made from the command line's own definition: shell completions and manual pages.
use std::path::{Path, PathBuf};

use clap::CommandFactory as _;
use clap_complete::Shell;
use clap_mangen::Man;

use crate::{
    cli::Cli,
    exit::{Failure, print},
};

/// Prints a shell's completions.
pub(crate) fn completions(shell: Shell) -> Result<(), Failure> {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "cheerful", &mut text);
    print(&String::from_utf8_lossy(&text))
}

/// Writes a manual page for the program and for each subcommand into a folder, which is made when it
/// is not there; without a folder the program's own page is printed.
pub(crate) fn man(folder: Option<&Path>) -> Result<(), Failure> {
    let mut command = Cli::command();
    command.build();
    let Some(folder) = folder else {
        return print(&page(command)?);
    };
    let failed = |path: &Path, error: std::io::Error| {
        Failure::later(format_args!(
            "{}: cannot be written: {error}",
            path.display()
        ))
    };
    std::fs::create_dir_all(folder).map_err(|error| failed(folder, error))?;
    let mut pages: Vec<(PathBuf, clap::Command)> = command
        .get_subcommands()
        .filter(|sub| !sub.is_hide_set() && sub.get_name() != "help")
        .map(|sub| {
            (
                folder.join(format!("cheerful-{}.1", sub.get_name())),
                sub.clone(),
            )
        })
        .collect();
    pages.push((folder.join("cheerful.1"), command));
    for (path, command) in pages {
        std::fs::write(&path, page(command)?).map_err(|error| failed(&path, error))?;
    }
    Ok(())
}

fn page(command: clap::Command) -> Result<String, Failure> {
    let mut text = Vec::new();
    Man::new(command)
        .manual("cheerful")
        .render(&mut text)
        .map_err(|error| Failure::later(format_args!("a manual page cannot be made: {error}")))?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}
