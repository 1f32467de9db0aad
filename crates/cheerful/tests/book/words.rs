// SPDX-License-Identifier: Apache-2.0
use std::process::{Command, Stdio};

use crate::page::Block;

/// What ends the words of one command.
const ENDS: [&str; 8] = ["|", "||", "&&", ";", ">", ">>", "<", "&"];

/// Looks whether what cannot be run here could be: each `cheerful` is taken by the real command line, and each program of
/// this project is there.
pub(crate) fn check(block: &Block, faults: &mut Vec<String>) {
    let place = &block.place;
    for typed in block.typed() {
        for line in typed.command.replace("\\\n", " ").lines() {
            // Comments end a line.
            let Some(words) = shlex::split(line) else {
                faults.push(format!("{place}: a quote without an end: {line}"));
                continue;
            };
            for command in words.split(|word| ENDS.contains(&word.as_str())) {
                check_command(place, command, faults);
            }
        }
    }
}

fn check_command(place: &str, command: &[String], faults: &mut Vec<String>) {
    let Some((program, arguments)) = command.split_first() else {
        return;
    };
    match program.as_str() {
        "cheerful" => takes(place, arguments, faults),
        "cargo" => {
            // `cargo run -- ...` is cheerful, but for another package.
            let mut parts = arguments.splitn(2, |word| word == "--");
            let before = parts.next().unwrap_or_default();
            let is_ours = before.first().is_some_and(|word| word == "run")
                && !before.iter().any(|word| word == "-p");
            if let (true, Some(arguments)) = (is_ours, parts.next()) {
                takes(place, arguments, faults);
            }
        }
        program if is_of_this_project(program) && !crate::root().join(program).is_file() => {
            faults.push(format!("{place}: there is no {program}"));
        }
        _ => {}
    }
}

fn is_of_this_project(program: &str) -> bool {
    ["packaging/", "cluster/", ".ci/"]
        .iter()
        .any(|folder| program.starts_with(folder))
}

/// With `--help` at the end nothing is done, and what is before it is looked at all the same.
fn takes(place: &str, arguments: &[String], faults: &mut Vec<String>) {
    let arguments: Vec<&String> = arguments.iter().take_while(|word| *word != "--").collect();
    let output = Command::new(env!("CARGO_BIN_EXE_cheerful"))
        .args(&arguments)
        .arg("--help")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    if !output.status.success() {
        let told = String::from_utf8_lossy(&output.stderr);
        faults.push(format!("{place}: cheerful {arguments:?}: {told}"));
    }
}
