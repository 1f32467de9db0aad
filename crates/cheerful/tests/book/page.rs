// SPDX-License-Identifier: Apache-2.0
use std::path::Path;

/// A block of code of a page that something is done with.
#[derive(Debug)]
pub(crate) struct Block {
    /// `docs/first-service.md:12`.
    pub(crate) place: String,
    pub(crate) kind: Kind,
    /// `console`: with what is printed.
    pub(crate) with_output: bool,
    pub(crate) lines: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Run,
    Stays,
    /// Not run here.
    Elsewhere,
    /// A file of that name.
    File(String),
}

/// The blocks of a page, and its indented lines that are commands.
///
/// # Errors
/// A fence has a second word that means nothing.
pub(crate) fn blocks(path: &Path, text: &str) -> Result<Vec<Block>, String> {
    let name = path.strip_prefix(crate::root()).unwrap_or(path).display();
    let mut found = Vec::new();
    let mut lines = text.lines().enumerate();
    let mut after_empty = true;
    while let Some((index, line)) = lines.next() {
        let place = format!("{name}:{}", index + 1);
        let trimmed = line.trim_start();
        let indent = line.len() - trimmed.len();
        if let Some(info) = trimmed.strip_prefix("```") {
            let inside = lines.by_ref().map(|(_, line)| line);
            let inside: Vec<String> = inside
                .take_while(|line| line.trim() != "```")
                .map(|line| line.get(indent..).unwrap_or_default().to_owned())
                .collect();
            let words: Vec<&str> = info.split_whitespace().collect();
            let kind = match words.as_slice() {
                ["sh" | "console"] => Kind::Run,
                ["sh" | "console", "cluster" | "root" | "source"] => Kind::Elsewhere,
                ["sh", "stays"] => Kind::Stays,
                ["yaml", file] => Kind::File((*file).to_owned()),
                ["sh" | "console" | "bash", ..] => {
                    return Err(format!(
                        "{place}: the fence {info:?} means nothing; see tests/book"
                    ));
                }
                _ => continue,
            };
            found.push(Block {
                place,
                kind,
                with_output: words.first() == Some(&"console"),
                lines: inside,
            });
        } else if indent >= 4 && after_empty && is_command(trimmed) {
            found.push(Block {
                place,
                kind: Kind::Elsewhere,
                with_output: false,
                lines: vec![trimmed.to_owned()],
            });
            // Its next line may be one too.
            continue;
        }
        after_empty = trimmed.is_empty();
    }
    Ok(found)
}

fn is_command(line: &str) -> bool {
    let first = line.split_whitespace().next().unwrap_or_default();
    ["cheerful", "cargo"].contains(&first) || first.starts_with("packaging/")
}

/// A command of a `console` block, and what is then printed.
pub(crate) struct Typed<'a> {
    pub(crate) command: String,
    pub(crate) printed: Vec<&'a str>,
}

impl Block {
    /// The commands: of a block without output all of it is one.
    pub(crate) fn typed(&self) -> Vec<Typed<'_>> {
        if !self.with_output {
            return vec![Typed {
                command: self.lines.join("\n"),
                printed: Vec::new(),
            }];
        }
        let mut typed: Vec<Typed<'_>> = Vec::new();
        for line in &self.lines {
            match (line.strip_prefix("$ "), typed.last_mut()) {
                (Some(command), _) => typed.push(Typed {
                    command: command.to_owned(),
                    printed: Vec::new(),
                }),
                (None, Some(last)) if last.command.ends_with('\\') => {
                    last.command += "\n";
                    last.command += line;
                }
                (None, Some(last)) => last.printed.push(line),
                (None, None) => panic!("{}: begins without a command", self.place),
            }
        }
        typed
    }
}
