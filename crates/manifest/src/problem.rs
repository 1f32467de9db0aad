// SPDX-License-Identifier: Apache-2.0
use std::fmt::{self, Write};

/// How many problems are told at most; the rest is counted.
pub(crate) const MAX_TOLD: usize = 200;

/// One thing that is wrong: which field, what is there, what would be right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The field by its path: `spec.scaling.min`, `spec.routes[0].host`. Empty: the whole document.
    pub field: String,
    /// The value that is there, cut to 100 characters, as it would be written; `None` where there is none
    /// or the field itself is the fault.
    pub value: Option<String>,
    /// What would be right: `should be a list`.
    pub message: String,
    /// The line in the source, from 1, where it is known.
    pub line: Option<u64>,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (field, message) = (Plain(&self.field), Plain(&self.message));
        match &self.value {
            _ if self.field.is_empty() => write!(f, "{message}"),
            None => write!(f, "{field}: {message}"),
            Some(value) => write!(f, "{field} is {}: {message}", Plain(value)),
        }
    }
}

/// A text from outside in one line, without anything that would upset a terminal, cut to 500 characters.
struct Plain<'a>(&'a str);

impl fmt::Display for Plain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for character in self.0.chars().take(500) {
            f.write_char(if character.is_control() {
                '\u{fffd}'
            } else {
                character
            })?;
        }
        Ok(())
    }
}

/// A [`Problem`] and the document that it stands in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DocumentProblem {
    /// Which document of the source, from 1; 0: the source as a whole.
    pub document: usize,
    /// The name of the revision, where it is known.
    pub name: Option<String>,
    /// What is wrong.
    pub problem: Problem,
}

/// Everything that is wrong in a manifest, one problem a line. Nothing of the manifest may be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct ManifestErrors {
    /// The name of the source, as a person knows it: a file's path.
    pub source_name: String,
    /// What is wrong, in the order of the source. Never empty, and 200 at most.
    pub problems: Vec<DocumentProblem>,
    /// How many problems there were beyond those.
    pub more: usize,
}

impl ManifestErrors {
    /// As many as are told, and the rest counted; `None` if nothing is wrong.
    pub(crate) fn of(source_name: &str, mut problems: Vec<DocumentProblem>) -> Option<Self> {
        let more = problems.len().saturating_sub(MAX_TOLD);
        problems.truncate(MAX_TOLD);
        (!problems.is_empty()).then(|| Self {
            source_name: source_name.to_owned(),
            problems,
            more,
        })
    }

    /// One problem with the source as a whole.
    pub(crate) fn whole(source_name: &str, message: String) -> Self {
        let problem = Problem {
            field: String::new(),
            value: None,
            message,
            line: None,
        };
        Self {
            source_name: source_name.to_owned(),
            problems: vec![DocumentProblem {
                document: 0,
                name: None,
                problem,
            }],
            more: 0,
        }
    }
}

impl fmt::Display for ManifestErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, at) in self.problems.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            f.write_str(&self.source_name)?;
            if let Some(line) = at.problem.line {
                write!(f, ":{line}")?;
            }
            match (&at.name, at.document) {
                (Some(name), _) => write!(f, ": {}", Plain(name))?,
                (None, 0) => {}
                (None, document) => write!(f, ": document {document}")?,
            }
            write!(f, ": {}", at.problem)?;
        }
        if self.more > 0 {
            write!(f, "\n{}: and {} more", self.source_name, self.more)?;
        }
        Ok(())
    }
}
