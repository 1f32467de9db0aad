// SPDX-License-Identifier: Apache-2.0
use crate::{
    Problem,
    import::{ImportNote, NoteKind},
    node::{Node, Step, Value, written},
};

/// The fields of a document that nobody has taken yet. What is left at the end has no counterpart, so that no field is
/// forgotten by mistake.
#[derive(Debug)]
pub(super) struct Fields {
    /// Where it stands in the document; empty: it is the document.
    path: Vec<Step>,
    node: Node,
    /// Lines of the source before the document.
    lines_before: u64,
    notes: Vec<ImportNote>,
    problems: Vec<Problem>,
}

/// A field that was there.
#[derive(Clone, Debug)]
pub(super) struct Read<T> {
    pub(super) it: T,
    about: Problem,
}

impl Fields {
    pub(super) const fn new(node: Node, lines_before: u64) -> Self {
        Self {
            path: Vec::new(),
            node,
            lines_before,
            notes: Vec::new(),
            problems: Vec::new(),
        }
    }

    /// Takes a field and reads it; `None` if it is not there, is empty, or is not what it should be, which is then told.
    pub(super) fn read<T>(
        &mut self,
        path: &[&str],
        read: impl FnOnce(&Node) -> Result<T, String>,
    ) -> Option<Read<T>> {
        let (steps, node) = self.take(path)?;
        let mut about = self.about(&steps, &node);
        match read(&node) {
            Ok(it) => Some(Read { it, about }),
            Err(expected) => {
                about.message = expected;
                self.problems.push(about);
                None
            }
        }
    }

    /// As [`Fields::read`], where it is enough to know the value.
    pub(super) fn value<T>(
        &mut self,
        path: &[&str],
        read: impl FnOnce(&Node) -> Result<T, String>,
    ) -> Option<T> {
        self.read(path, read).map(|read| read.it)
    }

    /// Takes fields that say nothing that would have to be carried over.
    pub(super) fn leave_out(&mut self, path: &[&str]) {
        self.take(path);
    }

    /// Takes a map as fields of their own; give it back by [`Fields::join`].
    pub(super) fn part(&mut self, path: &[&str]) -> Self {
        match self.take(path) {
            Some((steps, node)) => self.within(steps, node),
            None => self.within(self.path.clone(), Node::nothing()),
        }
    }

    /// Takes a list, each item as fields of its own; give each back by [`Fields::join`].
    pub(super) fn items(&mut self, path: &[&str]) -> Vec<Self> {
        let Some((steps, node)) = self.take(path) else {
            return Vec::new();
        };
        let about = self.about(&steps, &node);
        let Value::List(items) = node.value else {
            self.problems.push(Problem {
                message: "should be a list".to_owned(),
                ..about
            });
            return Vec::new();
        };
        let items = items.into_iter().flatten().enumerate();
        items
            .map(|(index, item)| {
                let mut steps = steps.clone();
                steps.push(Step::Item(index));
                self.within(steps, item)
            })
            .collect()
    }

    /// What was told about a part, and what nobody took of it.
    pub(super) fn join(&mut self, part: Self) {
        let (notes, problems) = part.rest();
        self.notes.extend(notes);
        self.problems.extend(problems);
    }

    /// Whether nobody has taken a field, written as `spec.metrics[0]`.
    pub(super) fn has(&self, field: &str) -> bool {
        self.node.field(field).is_some()
    }

    /// Names of the fields at a path that nobody has taken.
    pub(super) fn names(&self, path: &[&str]) -> Vec<String> {
        match self.node.at(&keys(path)).map(|node| &node.value) {
            Some(Value::Map(fields)) => fields.iter().map(|(name, _)| name.clone()).collect(),
            _ => Vec::new(),
        }
    }

    pub(super) fn note<T>(&mut self, kind: NoteKind, read: &Read<T>, message: &str) {
        let about = Problem {
            message: message.to_owned(),
            ..read.about.clone()
        };
        self.push_note(kind, about);
    }

    /// About a field that is not there, or with an empty path about the whole.
    pub(super) fn note_on(&mut self, kind: NoteKind, field: &str, message: &str) {
        let about = Problem {
            field: field.to_owned(),
            value: None,
            message: message.to_owned(),
            line: None,
        };
        self.push_note(kind, about);
    }

    /// Takes what is there and says why it has no counterpart.
    pub(super) fn lose(&mut self, path: &[&str], why: &str) {
        if let Some(read) = self.read(path, |_| Ok(())) {
            self.note(NoteKind::Lost, &read, &no_counterpart(why));
        }
    }

    /// A field without which nothing can be made.
    pub(super) fn wrong(&mut self, field: &str, expected: &str) {
        let line = self.node.line_near(field);
        self.problems.push(Problem {
            field: field.to_owned(),
            value: self.node.field(field).map(Node::shown),
            message: expected.to_owned(),
            line: line.map(|line| line + self.lines_before),
        });
    }

    /// The notes and the problems, in the order of their lines; each field that is left has no counterpart.
    pub(super) fn rest(mut self) -> (Vec<ImportNote>, Vec<Problem>) {
        let node = std::mem::replace(&mut self.node, Node::nothing());
        let mut path = self.path.clone();
        self.lose_all(&mut path, &node);
        self.notes.sort_by_key(|note| note.about.line);
        (self.notes, self.problems)
    }

    fn lose_all(&mut self, path: &mut Vec<Step>, node: &Node) {
        let inner: Vec<(Step, &Node)> = match &node.value {
            Value::Null => return,
            Value::Map(fields) => (fields.iter())
                .map(|(name, field)| (Step::Key(name.clone()), field))
                .collect(),
            Value::List(items) => (items.iter().enumerate())
                .filter_map(|(index, item)| Some((Step::Item(index), item.as_ref()?)))
                .collect(),
            Value::Scalar(_) => {
                let about = Problem {
                    message: "has no counterpart".to_owned(),
                    ..self.about(path, node)
                };
                return self.push_note(NoteKind::Lost, about);
            }
        };
        for (step, node) in inner {
            path.push(step);
            self.lose_all(path, node);
            path.pop();
        }
    }

    fn push_note(&mut self, kind: NoteKind, about: Problem) {
        self.notes.push(ImportNote {
            kind,
            name: String::new(),
            about,
        });
    }

    fn within(&self, path: Vec<Step>, node: Node) -> Self {
        Self {
            path,
            ..Self::new(node, self.lines_before)
        }
    }

    fn take(&mut self, path: &[&str]) -> Option<(Vec<Step>, Node)> {
        let steps = keys(path);
        let node = self.node.take_out(&steps)?;
        if matches!(node.value, Value::Null) {
            return None;
        }
        Some(([self.path.clone(), steps].concat(), node))
    }

    fn about(&self, path: &[Step], node: &Node) -> Problem {
        Problem {
            field: written(path),
            value: Some(node.shown()),
            message: String::new(),
            line: (node.line > 0).then(|| node.line + self.lines_before),
        }
    }
}

fn keys(path: &[&str]) -> Vec<Step> {
    let key = |name: &&str| Step::Key((*name).to_owned());
    path.iter().map(key).collect()
}

pub(super) fn no_counterpart(why: &str) -> String {
    format!("has no counterpart: {why}")
}
