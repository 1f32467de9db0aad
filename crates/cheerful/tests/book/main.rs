// SPDX-License-Identifier: Apache-2.0
//! What the documentation says to type works, and what it links to is there. What a fence's second word means:
//!
//! - `sh`, `console`: run, page by page, in a shell of its own. `console` has lines that begin with `$ `, and what is then
//!   printed: `...` stands for any lines, or for the rest of one, and figures may be others.
//! - `sh stays`: a `cheerful run` that goes on while the rest of the page is run, or until the next of its kind.
//! - `yaml NAME`: a file of that name, for what follows.
//! - `sh cluster`, `sh root`, `sh source`: needs a cluster, a machine of one's own, or a toolchain. Each `cheerful` in it has
//!   subcommands and options that there are, and each path of a program is there.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail")]
mod links;
mod page;
mod session;
mod words;

use std::path::{Path, PathBuf};

use page::{Block, Kind};

#[test]
fn what_can_be_run_here_works() {
    let mut ran = 0;
    for path in pages() {
        let blocks = blocks(&path);
        if blocks
            .iter()
            .any(|block| matches!(block.kind, Kind::Run | Kind::Stays))
        {
            session::play(&path, &blocks);
            ran += 1;
        }
    }
    assert!(ran > 2, "only {ran} pages have commands");
}

#[test]
fn what_cannot_be_run_here_is_understood() {
    let mut faults = Vec::new();
    for path in pages() {
        for block in blocks(&path) {
            if block.kind == Kind::Elsewhere {
                words::check(&block, &mut faults);
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn every_link_leads_somewhere() {
    let mut faults = Vec::new();
    for path in pages() {
        links::check(&path, &mut faults);
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

fn blocks(path: &Path) -> Vec<Block> {
    let text = std::fs::read_to_string(path).unwrap();
    page::blocks(path, &text).unwrap_or_else(|fault| panic!("{fault}"))
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()
        .unwrap()
}

/// Every page of the project.
fn pages() -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            let (path, name) = (entry.path(), entry.file_name());
            let kind = entry.file_type().unwrap();
            if kind.is_dir() && name != "target" && name != ".git" && name != "node_modules" {
                folders.push(path);
            } else if kind.is_file() && path.extension().is_some_and(|end| end == "md") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}
