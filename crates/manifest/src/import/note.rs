// SPDX-License-Identifier: Apache-2.0
use std::fmt;

use crate::Problem;

/// What became of a field that is not as it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportNote {
    /// How much of it is left.
    pub kind: NoteKind,
    /// The name of what was read.
    pub name: String,
    /// The field, its value and its line in what was read, and what became of it. The field is empty where it is about the
    /// whole.
    pub about: Problem,
}

/// How much is left of what a field asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoteKind {
    /// Nothing of it is lost, but a person should know or do something.
    Told,
    /// The nearest there is.
    Changed,
    /// It has no counterpart.
    Lost,
}

impl fmt::Display for ImportNote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.about.line {
            write!(f, "line {line}: ")?;
        }
        write!(f, "{}", self.about)
    }
}

/// The notes as comments at the head of what was made of a document.
pub(super) fn comment(kind: &str, name: &str, notes: &[ImportNote]) -> String {
    // A name that was not fit to be one was refused, and nothing is written.
    let mut text = format!("# Made of the {kind} {name} by `cheerful import`.\n");
    for (heading, of) in [
        ("", NoteKind::Told),
        ("# Not quite as it was:\n", NoteKind::Changed),
        ("# Without a counterpart:\n", NoteKind::Lost),
    ] {
        let mut some = notes.iter().filter(|note| note.kind == of).peekable();
        if some.peek().is_some() {
            text.push_str(heading);
        }
        for note in some {
            let bullet = if heading.is_empty() { "" } else { "- " };
            text.push_str(&format!("# {bullet}{note}\n"));
        }
    }
    text
}
