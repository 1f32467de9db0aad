// SPDX-License-Identifier: Apache-2.0
//! `replay`: decides again what a recording saw.
use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, BufRead, BufReader, BufWriter, Write},
    path::{Path, PathBuf},
    time::Duration,
};

use cheerful_autoscaler::{Difference, ReplayError, ReplaySummary, replay};
use cheerful_scaling::Scaling;

use crate::exit::{Failure, complain};

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct ReplayArgs {
    /// The recording; - is stdin
    file: PathBuf,
    /// Decide with the settings of this manifest's revisions, found by name
    #[arg(long, value_name = "MANIFEST")]
    settings: Option<PathBuf>,
}

/// Prints a decision for each line that asks for one.
///
/// # Errors
/// 2: the recording or the manifest cannot be used. 1: a decision differs from the one that was recorded.
pub(crate) fn run(args: &ReplayArgs) -> Result<(), Failure> {
    let settings = args.settings.as_deref().map(settings).transpose()?;
    let source: Box<dyn BufRead> = if args.file == Path::new("-") {
        Box::new(BufReader::new(io::stdin()))
    } else {
        let file = File::open(&args.file).map_err(|error| {
            Failure::bad_input(format_args!("{}: {error}", args.file.display()))
        })?;
        Box::new(BufReader::new(file))
    };
    let mut out = BufWriter::new(io::stdout().lock());
    let replayed = replay(source, settings.as_ref(), &mut out);
    out.flush().map_err(|error| Failure::output(&error))?;
    let summary = replayed.map_err(|error| match error {
        ReplayError::Write(error) => Failure::output(&error),
        error => Failure::bad_input(format_args!("{}: {error}", args.file.display())),
    })?;
    judge(&summary, settings.is_some())
}

/// What a person should know of the replay. With other settings other decisions are what was asked for.
fn judge(summary: &ReplaySummary, other_settings: bool) -> Result<(), Failure> {
    if summary.lost > 0 {
        complain(&format!(
            "{} lines were lost when this was recorded",
            summary.lost
        ));
    }
    if summary.cut_off {
        complain("the last line is cut off: the recording ended in the middle of it");
    }
    if summary.reports_refused > 0 {
        complain(&format!(
            "{} reports were refused, as when they came",
            summary.reports_refused
        ));
    }
    if summary.different == 0 {
        return Ok(());
    }
    let first = summary
        .first_difference
        .as_ref()
        .map(in_words)
        .unwrap_or_default();
    let sentence = format!(
        "{} of {} decisions differ from the recorded ones{first}",
        summary.different, summary.decisions
    );
    if other_settings {
        complain(&sentence);
        return Ok(());
    }
    Err(Failure::later(sentence))
}

fn in_words(difference: &Difference) -> String {
    let Difference {
        line,
        revision,
        field,
        recorded,
        replayed,
    } = difference;
    let whose = revision
        .as_ref()
        .map(|name| format!(" of {name}"))
        .unwrap_or_default();
    format!("; the first in line {line}: {field}{whose} was {recorded} and is {replayed}")
}

fn settings(manifest: &Path) -> Result<BTreeMap<String, Scaling>, Failure> {
    let revisions = cheerful_manifest::load_file(manifest).map_err(Failure::bad_input)?;
    revisions
        .iter()
        .map(|revision| {
            // On one machine the gateway always stands in the path.
            let scaling = revision.scaling(Duration::ZERO).map_err(|wrong| {
                let wrong: Vec<String> = wrong
                    .iter()
                    .map(|one| format!("{}: {}: expected {}", one.field, one.value, one.expected))
                    .collect();
                Failure::bad_input(wrong.join("\n"))
            })?;
            Ok((revision.name().to_owned(), scaling))
        })
        .collect()
}
