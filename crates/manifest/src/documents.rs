// SPDX-License-Identifier: Apache-2.0
use crate::Problem;

/// One document of a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Document<'a> {
    pub(crate) text: &'a str,
    /// The line of the source in which it begins, from 1.
    pub(crate) first_line: u64,
}

impl Document<'_> {
    /// A line of the document as a line of the source.
    pub(crate) const fn line(&self, line: u64) -> u64 {
        self.first_line.saturating_add(line.saturating_sub(1))
    }

    /// A problem with its line in the document, with its line in the source.
    pub(crate) fn placed(&self, problem: Problem) -> Problem {
        let line = problem.line.map_or(self.first_line, |line| self.line(line));
        Problem {
            line: Some(line),
            ..problem
        }
    }
}

/// Takes a source apart at its `---` lines, which in YAML part documents wherever they stand, even within a
/// block of text. So a fault in one document does not hide the others. Documents of nothing but white space,
/// comments and directives are left out.
pub(crate) fn documents(text: &str) -> impl Iterator<Item = Document<'_>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut lines = text.split_inclusive('\n').peekable();
    let mut rest = text;
    let mut next_line = 1;
    std::iter::from_fn(move || {
        let first = lines.next()?;
        let (mut bytes, first_line) = (first.len(), next_line);
        next_line += 1;
        while let Some(line) = lines.next_if(|line| !begins_document(line)) {
            bytes += line.len();
            next_line += 1;
        }
        let (document, after) = rest.split_at(bytes);
        rest = after;
        Some(Document {
            text: document,
            first_line,
        })
    })
    .filter(|document| document.text.lines().any(says_something))
}

fn begins_document(line: &str) -> bool {
    line.strip_prefix("---")
        .is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t', '\r', '\n']))
}

fn says_something(line: &str) -> bool {
    let content = if begins_document(line) {
        line.trim_start_matches('-')
    } else {
        line
    }
    .trim();
    !content.is_empty() && content != "..." && !content.starts_with('#') && !line.starts_with('%')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(text: &str) -> Vec<(u64, &str)> {
        documents(text)
            .map(|document| (document.first_line, document.text))
            .collect()
    }

    #[test]
    fn documents_part_at_their_markers() {
        assert_eq!(
            parts("a: 1\n---\nb: 2\n"),
            [(1, "a: 1\n"), (2, "---\nb: 2\n")]
        );
        assert_eq!(
            parts("---\r\na: 1\r\n--- # two\r\nb: 2"),
            [(1, "---\r\na: 1\r\n"), (3, "--- # two\r\nb: 2")]
        );
        assert_eq!(parts("a: |\n  x\n----\nb: ---\n").len(), 1);
    }

    #[test]
    fn empty_documents_are_left_out() {
        assert_eq!(parts(""), []);
        assert_eq!(
            parts("# only words\n---\n\n---\n...\n%YAML 1.2\n--- # end\n"),
            []
        );
        assert_eq!(parts("\u{feff}--- {a: 1}"), [(1, "--- {a: 1}")]);
    }
}
