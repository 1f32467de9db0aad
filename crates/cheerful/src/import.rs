// SPDX-License-Identifier: Apache-2.0
//! `import`: manifests of other autoscalers as ours.
use std::path::PathBuf;

use cheerful_manifest::{ImportOptions, NoteKind, import};

use crate::{
    exit::{Failure, complain, print},
    source,
};

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct ImportArgs {
    /// Manifests of Knative, KEDA or of HPAs; - reads them from stdin
    #[arg(value_name = "FILE")]
    file: PathBuf,

    /// Leave what scales the workload now: decide and explain beside it
    #[arg(long)]
    keep_owner: bool,

    /// Exit code 0 even where a field has no counterpart
    #[arg(long)]
    partial: bool,
}

/// Exit code where all could be read and written, and something that was asked for has no counterpart.
const LOST: u8 = 3;

/// Prints our manifest; what became of fields that are not as they were goes to stderr too.
///
/// # Errors
/// What a person has to know.
pub(crate) fn run(args: &ImportArgs) -> Result<(), Failure> {
    let name = args.file.display().to_string();
    let text = source::read(&args.file)
        .map_err(|error| Failure::bad_input(format_args!("{name}: {error}")))?;
    let options = ImportOptions {
        keep_owner: args.keep_owner,
    };
    let done = import(&text, &name, options).map_err(Failure::bad_input)?;
    for note in &done.notes {
        complain(&format!("cheerful: {name}: {}: {note}", note.name));
    }
    print(&done.yaml)?;
    if !done.has_lost() || args.partial {
        return Ok(());
    }
    let lost = |note: &&cheerful_manifest::ImportNote| note.kind == NoteKind::Lost;
    let count = done.notes.iter().filter(lost).count();
    let (fields, have) = if count == 1 {
        ("field", "has")
    } else {
        ("fields", "have")
    };
    Err(Failure {
        exit_code: LOST,
        message: format!("{name}: {count} {fields} {have} no counterpart; --partial takes it so"),
    })
}
