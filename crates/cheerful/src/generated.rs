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
    for (name, command) in pages(command) {
        let path = folder.join(name);
        std::fs::write(&path, page(command)?).map_err(|error| failed(&path, error))?;
    }
    Ok(())
}

/// The page of a command, and those of all below it: `cheerful-manifests-install.1`.
fn pages(command: clap::Command) -> Vec<(PathBuf, clap::Command)> {
    let mut pages = Vec::new();
    let mut left = vec![("cheerful".to_owned(), command)];
    while let Some((name, command)) = left.pop() {
        let below = command
            .get_subcommands()
            .filter(|sub| !sub.is_hide_set() && sub.get_name() != "help");
        left.extend(below.map(|sub| (format!("{name}-{}", sub.get_name()), sub.clone())));
        pages.push((PathBuf::from(format!("{name}.1")), command));
    }
    pages
}

fn page(command: clap::Command) -> Result<String, Failure> {
    let mut text = Vec::new();
    Man::new(command)
        .manual("cheerful")
        .render(&mut text)
        .map_err(|error| Failure::later(format_args!("a manual page cannot be made: {error}")))?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_command_has_a_page_with_its_options() {
        let mut command = Cli::command();
        command.build();
        let pages = pages(command);
        let text = |name: &str| {
            let found = pages.iter().find(|(path, _)| path.as_os_str() == name);
            page(found.unwrap().1.clone()).unwrap()
        };
        assert!(text("cheerful.1").contains("explain"));
        assert!(text("cheerful-explain.1").contains("03:12"));
        assert!(text("cheerful-manifests-install.1").contains("image"));
        assert!(
            pages
                .iter()
                .all(|(path, _)| path.as_os_str() != "cheerful-warden.1")
        );
    }
}
