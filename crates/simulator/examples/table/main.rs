// SPDX-License-Identifier: Apache-2.0
//! How good the policy must be, and how good it is: the table of `docs/policies.md`, from the traces.
//!
//! `cargo run --release -p cheerful-simulator --example table` prints all of it; `... --example table -- llm sparse` the
//! cases whose names hold one of these words. `--write docs` also puts it into that page, with plots, and
//! `--html FOLDER` writes a page for each case, on which one can look closer.
#![allow(clippy::print_stdout, reason = "this is what it is for")]
mod apps;
mod constant;
mod held_out;
mod learned;
mod llm;
mod plot;
mod row;
mod sparse;
mod traces;
mod watched;
mod worldcup;
mod zero;

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use row::{Case, Row};

/// Every case of the table, in its order.
const CASES: [Case; 10] = [
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
        name: "learned-target",
        run: learned::learned,
    },
    Case {
        name: "constant",
        run: constant::constant,
    },
    Case {
        name: "from-zero",
        run: zero::from_zero,
    },
    Case {
        name: "held-out",
        run: held_out::held_out,
    },
];

fn main() -> ExitCode {
    let asked = Asked::read(std::env::args().skip(1));
    match asked.map_err(Into::into).and_then(|asked| print(&asked)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            println!("{why}");
            ExitCode::from(2)
        }
    }
}

struct Asked {
    /// Cases whose names hold one of these; all of them where there is none.
    words: Vec<String>,
    /// Where `policies.md` is that keeps the table, and `policies/` with the plots.
    write: Option<PathBuf>,
    /// Where the pages go.
    html: Option<PathBuf>,
}

impl Asked {
    fn read(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let (mut words, mut write, mut html) = (Vec::new(), None, None);
        while let Some(argument) = arguments.next() {
            let folder = match argument.as_str() {
                "--write" => &mut write,
                "--html" => &mut html,
                _ => {
                    words.push(argument);
                    continue;
                }
            };
            let given = arguments.next();
            *folder = Some(PathBuf::from(
                given.ok_or_else(|| format!("{argument} FOLDER"))?,
            ));
        }
        if write.is_some() && !words.is_empty() {
            return Err("--write keeps the whole table: name no cases".to_owned());
        }
        Ok(Self { words, write, html })
    }
    fn includes(&self, case: &Case) -> bool {
        self.words.is_empty() || self.words.iter().any(|word| case.name.contains(word))
    }
}

fn print(asked: &Asked) -> Result<(), Box<dyn std::error::Error>> {
    let mut table = Row::HEAD.to_owned();
    let mut details = String::new();
    for case in CASES.iter().filter(|case| asked.includes(case)) {
        println!("## {}\n", case.name);
        match (case.run)() {
            Ok(row) => {
                println!("{}", row.details);
                table.push_str(&row.line());
                details.push_str(&format!("\n**{}**\n\n```\n{}```\n", row.case, row.details));
                if let Some(folder) = &asked.write {
                    details.push_str(&plots(&folder.join("policies"), case.name, &row)?);
                }
                if let (Some(folder), Some(comparison)) = (&asked.html, &row.comparison) {
                    fs::create_dir_all(folder)?;
                    let page = cheerful_simulator::report::html(comparison)?;
                    fs::write(folder.join(format!("{}.html", case.name)), page)?;
                }
            }
            Err(why) => {
                println!("skipped: {why}\n");
                table.push_str(&Row::skipped(case.name, &why));
            }
        }
    }
    println!("{table}");
    if let Some(folder) = &asked.write {
        keep(&folder.join("policies.md"), &format!("{table}{details}"))?;
    }
    Ok(())
}

/// Puts what was measured between the two marks of the page.
fn keep(page: &Path, measured: &str) -> Result<(), Box<dyn std::error::Error>> {
    const MARKS: [&str; 2] = ["<!-- measured: begin -->\n", "<!-- measured: end -->\n"];
    let text = fs::read_to_string(page)?;
    let parts = text
        .split_once(MARKS[0])
        .and_then(|(above, rest)| Some((above, rest.split_once(MARKS[1])?.1)));
    let (above, below) = parts.ok_or_else(|| format!("{}: no marks", page.display()))?;
    fs::write(
        page,
        format!("{above}{}\n{measured}\n{}{below}", MARKS[0], MARKS[1]),
    )?;
    Ok(())
}

/// Draws the plots of a case, and gives the lines that show them.
fn plots(folder: &Path, name: &str, row: &Row) -> Result<String, Box<dyn std::error::Error>> {
    let Some(comparison) = row.comparison.as_ref().filter(|_| name.starts_with("llm")) else {
        return Ok(String::new());
    };
    fs::create_dir_all(folder)?;
    let mut lines = String::from("\n");
    for (kind, what, plot) in [
        (
            "frontier",
            "cost against waiting",
            plot::frontier(comparison)?,
        ),
        (
            "replicas",
            "replicas over time",
            plot::replicas(comparison, &["auto", "knative"])?,
        ),
    ] {
        let file = format!("{name}-{kind}.svg");
        fs::write(folder.join(&file), plot)?;
        lines.push_str(&format!("![{}: {what}](policies/{file})\n", row.case));
    }
    Ok(lines)
}
