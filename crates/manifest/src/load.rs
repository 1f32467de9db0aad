// SPDX-License-Identifier: Apache-2.0
use std::{
    collections::{BTreeMap, btree_map::Entry},
    fs::File,
    io::{self, Read},
    path::Path,
};

use crate::{
    DocumentProblem, KIND, ManifestErrors, Problem, Revision, Route, check,
    documents::{Document, documents},
    node::shown,
    problem::MAX_TOLD,
    reader::read,
    yaml::parse,
};

/// Most bytes in one source: 128 MiB.
pub const MAX_SOURCE_BYTES: usize = 128 * 1024 * 1024;

/// Most bytes in one document: 1 MiB.
pub const MAX_DOCUMENT_BYTES: usize = 1024 * 1024;

/// Most documents in one source.
pub const MAX_DOCUMENTS: usize = 20_000;

/// Reads a file of revisions; see [`load`].
///
/// # Errors
/// Why the file cannot be read, or everything that is wrong in it.
pub fn load_file(path: &Path) -> Result<Vec<Revision>, ManifestErrors> {
    let source_name = path.display().to_string();
    let mut text = String::new();
    let read = File::open(path).and_then(|file| {
        file.take(MAX_SOURCE_BYTES as u64 + 1)
            .read_to_string(&mut text)?;
        Ok(())
    });
    match read {
        Ok(()) => load(&text, &source_name),
        Err(error) if error.kind() == io::ErrorKind::InvalidData => Err(ManifestErrors::whole(
            &source_name,
            "is no text in UTF-8".to_owned(),
        )),
        Err(error) => Err(ManifestErrors::whole(
            &source_name,
            format!("cannot be read: {error}"),
        )),
    }
}

/// Reads revisions from YAML of one or more documents, or from JSON, and checks them. `source_name` is what a
/// person calls the text: the file's path.
///
/// # Errors
/// Everything that is wrong, in all documents, with at most 200 problems told and the others counted.
pub fn load(text: &str, source_name: &str) -> Result<Vec<Revision>, ManifestErrors> {
    if text.len() > MAX_SOURCE_BYTES {
        return Err(ManifestErrors::whole(
            source_name,
            format!(
                "is {} bytes long, should be at most {MAX_SOURCE_BYTES}",
                text.len()
            ),
        ));
    }
    let mut loading = Loading {
        errors: ManifestErrors {
            source_name: source_name.to_owned(),
            problems: Vec::new(),
            more: 0,
        },
        names: BTreeMap::new(),
        routes: BTreeMap::new(),
    };
    let mut revisions = Vec::new();
    for (index, document) in documents(text).enumerate() {
        if index == MAX_DOCUMENTS {
            let message = format!("has more than {MAX_DOCUMENTS} documents");
            loading.tell(
                0,
                None,
                Problem {
                    line: Some(document.first_line),
                    ..whole(message)
                },
            );
            break;
        }
        if let Some(revision) = loading.document(index + 1, &document) {
            revisions.push(revision);
        }
    }
    if revisions.is_empty() && loading.errors.problems.is_empty() {
        loading.tell(
            0,
            None,
            whole("has no document, should have at least one Revision".to_owned()),
        );
    }
    if loading.errors.problems.is_empty() {
        Ok(revisions)
    } else {
        Err(loading.errors)
    }
}

fn whole(message: String) -> Problem {
    Problem {
        field: String::new(),
        value: None,
        message,
        line: None,
    }
}

/// What is known of the documents so far.
#[derive(Debug)]
struct Loading {
    errors: ManifestErrors,
    /// The line of each name.
    names: BTreeMap<String, u64>,
    /// The revision and line of each route.
    routes: BTreeMap<Route, (String, u64)>,
}

impl Loading {
    fn tell(&mut self, document: usize, name: Option<&str>, problem: Problem) {
        if self.errors.problems.len() < MAX_TOLD {
            let name = name.filter(|name| !name.is_empty()).map(str::to_owned);
            self.errors.problems.push(DocumentProblem {
                document,
                name,
                problem,
            });
        } else {
            self.errors.more += 1;
        }
    }

    /// Reads one document; `None` if it is wrong.
    fn document(&mut self, number: usize, document: &Document<'_>) -> Option<Revision> {
        if document.text.len() > MAX_DOCUMENT_BYTES {
            let message = format!(
                "is {} bytes long, a document should be at most {MAX_DOCUMENT_BYTES}",
                document.text.len()
            );
            self.tell(
                number,
                None,
                Problem {
                    line: Some(document.first_line),
                    ..whole(message)
                },
            );
            return None;
        }
        let mut node = match parse(document.text) {
            Ok(node) => node,
            Err(problem) => {
                self.tell(number, None, document.placed(problem));
                return None;
            }
        };
        let (revision, mut problems) = read::<Revision>(&mut node);
        if let Some(revision) = &revision {
            problems.extend(check::problems(revision, &node, &problems));
            let routes_are_right = revision.kind == KIND
                && !problems
                    .iter()
                    .any(|problem| problem.field.starts_with("spec.routes"));
            let line = |field: &str| node.line_near(field).unwrap_or(1);
            problems.extend(self.name_twice(revision, document, line("metadata.name")));
            if routes_are_right {
                problems.extend(self.routes_twice(revision, document, line));
            }
        }
        problems.sort_by_key(|problem| problem.line);
        let right = problems.is_empty();
        for problem in problems {
            let name = revision.as_ref().map(Revision::name);
            self.tell(number, name, document.placed(problem));
        }
        revision.filter(|_| right)
    }

    /// Tells if another document has this name, and remembers it. `line` is that of this document.
    fn name_twice(
        &mut self,
        revision: &Revision,
        document: &Document<'_>,
        line: u64,
    ) -> Option<Problem> {
        let name = revision.name();
        match self.names.entry(name.to_owned()) {
            Entry::Vacant(free) => {
                free.insert(document.line(line));
                None
            }
            Entry::Occupied(taken) => (!name.is_empty()).then(|| Problem {
                field: "metadata.name".to_owned(),
                value: Some(shown(name)),
                message: format!("is taken by the document at line {}", taken.get()),
                line: Some(line),
            }),
        }
    }

    /// Tells which of the routes were given before, and remembers the others.
    fn routes_twice(
        &mut self,
        revision: &Revision,
        document: &Document<'_>,
        line: impl Fn(&str) -> u64,
    ) -> Vec<Problem> {
        let given = &revision.spec.routes;
        let mut problems = Vec::new();
        let mut route = |field: String, route: &Route| match self
            .routes
            .entry(without_needless(route))
        {
            Entry::Vacant(free) => {
                free.insert((revision.name().to_owned(), document.line(line(&field))));
            }
            Entry::Occupied(taken) => {
                let (other, at) = taken.get();
                problems.push(Problem {
                    value: Some(in_words(route)),
                    message: format!(
                        "is the route of {other} at line {at} already; give a host or pathPrefix of its own"
                    ),
                    line: Some(line(&field)),
                    field,
                });
            }
        };
        if given.is_empty() {
            route("spec.routes".to_owned(), &Route::default());
        }
        for (index, given) in given.iter().enumerate() {
            route(format!("spec.routes[{index}]"), given);
        }
        problems
    }
}

/// The prefix `/` is no condition.
fn without_needless(route: &Route) -> Route {
    Route {
        host: route.host.clone(),
        path_prefix: route.path_prefix.clone().filter(|prefix| prefix != "/"),
    }
}

fn in_words(route: &Route) -> String {
    match (&route.host, &route.path_prefix) {
        (None, None) => "all requests".to_owned(),
        (host, prefix) => shown(&format!(
            "{}{}",
            host.as_deref().unwrap_or(""),
            prefix.as_deref().unwrap_or("")
        )),
    }
}
