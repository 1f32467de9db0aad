// SPDX-License-Identifier: Apache-2.0
use std::{
    collections::{BTreeMap, btree_map::Entry},
    fs::File,
    io::{self, Read},
    path::Path,
};

use crate::{
    Autoscaler, DocumentProblem, KIND, ManifestErrors, Metadata, Platform, Problem, Revision,
    Route,
    check::Check,
    documents::{Document, documents},
    node::{Node, Value, shown},
    problem::MAX_TOLD,
    reader::read,
    scalar::Scalar,
    yaml::parse,
};

/// Most bytes in one source: 128 MiB.
pub const MAX_SOURCE_BYTES: usize = 128 * 1024 * 1024;

/// Most bytes in one document: 1 MiB.
pub const MAX_DOCUMENT_BYTES: usize = 1024 * 1024;

/// Most documents in one source.
pub const MAX_DOCUMENTS: usize = 20_000;

/// What a manifest for a cluster has of ours.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ClusterManifest {
    /// In the order of the source.
    pub revisions: Vec<Revision>,
    /// In the order of the source.
    pub autoscalers: Vec<Autoscaler>,
    /// How many documents are of other kinds: Deployments, Services and whatever else the API server knows.
    pub others: usize,
}

/// Reads a file of revisions for one machine; see [`load`].
///
/// # Errors
/// Why the file cannot be read, or everything that is wrong in it.
pub fn load_file(path: &Path) -> Result<Vec<Revision>, ManifestErrors> {
    load(&text_of(path)?, &path.display().to_string())
}

/// Reads a file for a cluster; see [`load_cluster`].
///
/// # Errors
/// Why the file cannot be read, or everything that is wrong in it.
pub fn load_cluster_file(path: &Path) -> Result<ClusterManifest, ManifestErrors> {
    load_cluster(&text_of(path)?, &path.display().to_string())
}

/// Reads revisions for one machine from YAML of one or more documents, or from JSON, and checks them. `source_name` is
/// what a person calls the text: the file's path.
///
/// # Errors
/// Everything that is wrong, in all documents, with at most 200 problems told and the others counted.
pub fn load(text: &str, source_name: &str) -> Result<Vec<Revision>, ManifestErrors> {
    load_for(Platform::OneMachine, text, source_name).map(|manifest| manifest.revisions)
}

/// As [`load`], for a cluster: revisions and autoscalers. Documents of other API groups are only counted. The API server
/// knows more of a pod's template than is checked here.
///
/// # Errors
/// As [`load`].
pub fn load_cluster(text: &str, source_name: &str) -> Result<ClusterManifest, ManifestErrors> {
    load_for(Platform::Cluster, text, source_name)
}

fn text_of(path: &Path) -> Result<String, ManifestErrors> {
    let mut text = String::new();
    let read = File::open(path).and_then(|file| {
        file.take(MAX_SOURCE_BYTES as u64 + 1)
            .read_to_string(&mut text)?;
        Ok(())
    });
    let whole = |message| ManifestErrors::whole(&path.display().to_string(), message);
    match read {
        Ok(()) => Ok(text),
        Err(error) if error.kind() == io::ErrorKind::InvalidData => {
            Err(whole("is no text in UTF-8".to_owned()))
        }
        Err(error) => Err(whole(format!("cannot be read: {error}"))),
    }
}

fn load_for(
    platform: Platform,
    text: &str,
    source_name: &str,
) -> Result<ClusterManifest, ManifestErrors> {
    if text.len() > MAX_SOURCE_BYTES {
        let message = format!(
            "is {} bytes long, should be at most {MAX_SOURCE_BYTES}",
            text.len()
        );
        return Err(ManifestErrors::whole(source_name, message));
    }
    let mut loading = Loading {
        platform,
        errors: ManifestErrors {
            source_name: source_name.to_owned(),
            problems: Vec::new(),
            more: 0,
        },
        names: BTreeMap::new(),
        routes: BTreeMap::new(),
    };
    let mut manifest = ClusterManifest::default();
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
        match loading.document(index + 1, &document) {
            None => {}
            Some(Loaded::Revision(revision)) => manifest.revisions.push(*revision),
            Some(Loaded::Autoscaler(autoscaler)) => manifest.autoscalers.push(*autoscaler),
            Some(Loaded::Other) => manifest.others += 1,
        }
    }
    if manifest == ClusterManifest::default() && loading.errors.problems.is_empty() {
        let message = "has no document, should have at least one Revision".to_owned();
        loading.tell(0, None, whole(message));
    }
    if loading.errors.problems.is_empty() {
        Ok(manifest)
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

/// One document.
enum Loaded {
    Revision(Box<Revision>),
    Autoscaler(Box<Autoscaler>),
    /// Not ours, in a cluster.
    Other,
}

/// What is known of the documents so far.
#[derive(Debug)]
struct Loading {
    platform: Platform,
    errors: ManifestErrors,
    /// The line of each kind, namespace and name.
    names: BTreeMap<(&'static str, Option<String>, String), u64>,
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
    fn document(&mut self, number: usize, document: &Document<'_>) -> Option<Loaded> {
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
        let kind = text_at(&node, "kind").unwrap_or_default();
        let autoscaler = kind == Autoscaler::KIND;
        let of_others = is_of_others(&node) && !kind.is_empty() && kind != KIND;
        match self.platform {
            Platform::Cluster if is_of_others(&node) => return Some(Loaded::Other),
            Platform::Cluster if autoscaler => return self.autoscaler(number, document, &mut node),
            Platform::OneMachine if autoscaler || of_others => {
                let problem = Problem {
                    field: "kind".to_owned(),
                    value: Some(shown(kind)),
                    message: "is for a cluster; on one machine there are Revisions only".to_owned(),
                    line: node.line_near("kind"),
                };
                let name = text_at(&node, "metadata.name").map(str::to_owned);
                self.tell(number, name.as_deref(), document.placed(problem));
                return None;
            }
            _ => {}
        }
        let (revision, mut problems) = read::<Revision>(&mut node);
        if let Some(revision) = &revision {
            let check = Check::of(&node, &problems);
            let found = check.revision(revision, self.platform);
            problems.extend(found);
            let routes_are_right = revision.kind == KIND
                && !problems
                    .iter()
                    .any(|problem| problem.field.starts_with("spec.routes"));
            let line = |field: &str| node.line_near(field).unwrap_or(1);
            problems.extend(self.name_twice(
                KIND,
                &revision.metadata,
                document,
                line("metadata.name"),
            ));
            if routes_are_right {
                problems.extend(self.routes_twice(revision, document, line));
            }
        }
        let name = revision.as_ref().map(Revision::name);
        self.tell_all(number, name, document, problems)
            .then_some(Loaded::Revision(Box::new(revision?)))
    }

    fn autoscaler(
        &mut self,
        number: usize,
        document: &Document<'_>,
        node: &mut Node,
    ) -> Option<Loaded> {
        let (autoscaler, mut problems) = read::<Autoscaler>(node);
        if let Some(autoscaler) = &autoscaler {
            let found = Check::of(node, &problems).autoscaler(autoscaler);
            problems.extend(found);
            let line = node.line_near("metadata.name").unwrap_or(1);
            problems.extend(self.name_twice(
                Autoscaler::KIND,
                &autoscaler.metadata,
                document,
                line,
            ));
        }
        let name = autoscaler.as_ref().map(Autoscaler::name);
        self.tell_all(number, name, document, problems)
            .then_some(Loaded::Autoscaler(Box::new(autoscaler?)))
    }

    /// Tells what is wrong with a document, in the order of its lines; `true` if nothing is.
    fn tell_all(
        &mut self,
        number: usize,
        name: Option<&str>,
        document: &Document<'_>,
        mut problems: Vec<Problem>,
    ) -> bool {
        problems.sort_by_key(|problem| problem.line);
        let right = problems.is_empty();
        for problem in problems {
            self.tell(number, name, document.placed(problem));
        }
        right
    }

    /// Tells if another document has this name, and remembers it. `line` is that of this document.
    fn name_twice(
        &mut self,
        kind: &'static str,
        metadata: &Metadata,
        document: &Document<'_>,
        line: u64,
    ) -> Option<Problem> {
        let name = metadata.name.as_str();
        // One machine has no namespaces.
        let namespace = match self.platform {
            Platform::OneMachine => None,
            Platform::Cluster => metadata.namespace.clone(),
        };
        match self.names.entry((kind, namespace, name.to_owned())) {
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
        let one_machine = self.platform == Platform::OneMachine;
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
        // In a cluster each has host names of its own.
        if given.is_empty() && one_machine {
            route("spec.routes".to_owned(), &Route::default());
        }
        for (index, given) in given.iter().enumerate() {
            route(format!("spec.routes[{index}]"), given);
        }
        problems
    }
}

/// Of another API group than ours.
fn is_of_others(node: &Node) -> bool {
    text_at(node, "apiVersion").is_some_and(|version| !version.starts_with("cheerful.dev/"))
}

fn text_at<'a>(node: &'a Node, field: &str) -> Option<&'a str> {
    match &node.field(field)?.value {
        Value::Scalar(Scalar::Text(text)) => Some(text),
        _ => None,
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
