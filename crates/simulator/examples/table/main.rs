// SPDX-License-Identifier: Apache-2.0
//! How good the policy must be, and how good it is: the table of `docs/policies.md`, from the traces.
//!
//! `cargo run --release -p cheerful-simulator --example table` prints all of it; `... --example table -- llm sparse` the
//! cases whose names hold one of these words; `--write FOLDER` also writes the page and the plots of each case.
#![allow(clippy::print_stdout, reason = "this is what it is for")]
mod llm;
mod row;
mod sparse;
mod traces;
mod worldcup;
mod zero;

use std::{fs, path::PathBuf, process::ExitCode};

use row::{Case, Row};

/// Every case of the table, in its order.
const CASES: [Case; 7] = [
    Case {
        name: "llm-code-10s",
        run: llm::code_10_s,
    },
    Case {
        name: "llm-code-2s",
        run: llm::code_2_s,
    },
    Case {
        name: "llm-conv-2s",
        run: llm::conv_2_s,
    },
    Case {
        name: "llm-conv-10s",
        run: llm::conv_10_s,
    },
    Case {
        name: "sparse",
        run: sparse::sparse,
    },
    Case {
        name: "worldcup",
        run: worldcup::worldcup,
    },
    Case {
        name: "from-zero",
        run: zero::from_zero,
    },
];

fn main() -> ExitCode {
    match print(std::env::args().skip(1)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            println!("{why}");
            ExitCode::from(2)
        }
    }
}

fn print(mut arguments: impl Iterator<Item = String>) -> Result<(), String> {
    let mut words = Vec::new();
    let mut folder = None;
    while let Some(argument) = arguments.next() {
        if argument == "--write" {
            folder = Some(PathBuf::from(arguments.next().ok_or("--write FOLDER")?));
        } else {
            words.push(argument);
        }
    }
    let asked =
        |case: &&Case| words.is_empty() || words.iter().any(|word| case.name.contains(word));
    let mut table = Row::HEAD.to_owned();
    for case in CASES.iter().filter(asked) {
        println!("## {}\n", case.name);
        match (case.run)() {
            Ok(row) => {
                println!("{}", row.details);
                table.push_str(&row.line());
                if let Some(folder) = &folder {
                    write(folder, case.name, &row)
                        .map_err(|error| format!("{}: {error}", folder.display()))?;
                }
            }
            Err(why) => {
                println!("skipped: {why}\n");
                table.push_str(&Row::skipped(case.name, &why));
            }
        }
    }
    println!("{table}");
    if let Some(folder) = &folder {
        fs::write(folder.join("table.md"), &table).map_err(|error| error.to_string())?;
    }
    Ok(())
}

fn write(
    folder: &std::path::Path,
    name: &str,
    row: &Row,
) -> Result<(), Box<dyn std::error::Error>> {
    fs::create_dir_all(folder)?;
    if let Some(comparison) = &row.comparison {
        fs::write(
            folder.join(format!("{name}.html")),
            cheerful_simulator::report::html(comparison)?,
        )?;
    }
    Ok(())
}
