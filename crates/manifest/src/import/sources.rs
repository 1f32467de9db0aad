// SPDX-License-Identifier: Apache-2.0
use std::collections::VecDeque;

use super::{Fields, amount::text};
use crate::{
    DocumentProblem, ManifestErrors,
    documents::documents,
    load::{MAX_DOCUMENT_BYTES, MAX_DOCUMENTS, MAX_SOURCE_BYTES},
    node::{Node, Step, Value},
    yaml::parse,
};

/// The API groups whose objects are read; anything else is left where it is.
const GROUPS: [&str; 5] = [
    "serving.knative.dev/",
    "http.keda.sh/",
    "keda.sh/",
    "autoscaling/",
    "apps/",
];

/// What is read only where another object names it.
const NAMED_BY_OTHERS: [&str; 2] = ["Deployment", "InterceptorRoute"];

/// The objects of a source that nobody has taken yet, in their order.
#[derive(Debug, Default)]
pub(super) struct Sources {
    scaling: VecDeque<Source>,
    named: Vec<Source>,
}

/// An object.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) fields: Fields,
    pub(super) kind: String,
    pub(super) namespace: Option<String>,
    pub(super) name: String,
    /// Of the document, from 1.
    pub(super) number: usize,
}

impl Sources {
    /// Takes a source apart: documents, and the items of Lists, as `kubectl get -o yaml` writes them.
    pub(super) fn read(source: &str, source_name: &str) -> Result<Self, ManifestErrors> {
        let whole = |message: String| ManifestErrors::whole(source_name, message);
        if source.len() > MAX_SOURCE_BYTES {
            return Err(whole(format!(
                "is {} bytes long, should be at most {MAX_SOURCE_BYTES}",
                source.len()
            )));
        }
        let mut sources = Self::default();
        let mut wrong = Vec::new();
        for (index, document) in documents(source).enumerate() {
            if index == MAX_DOCUMENTS {
                return Err(whole(format!("has more than {MAX_DOCUMENTS} documents")));
            }
            let number = index + 1;
            if document.text.len() > MAX_DOCUMENT_BYTES {
                let message = format!(
                    "document {number} is {} bytes long, should be at most {MAX_DOCUMENT_BYTES}",
                    document.text.len()
                );
                return Err(whole(message));
            }
            let lines_before = document.first_line - 1;
            match parse(document.text) {
                Ok(node) => sources.add(node, number, lines_before),
                Err(problem) => wrong.push(DocumentProblem {
                    document: number,
                    name: None,
                    problem: document.placed(problem),
                }),
            }
        }
        match ManifestErrors::of(source_name, wrong) {
            Some(errors) => Err(errors),
            None => Ok(sources),
        }
    }

    fn add(&mut self, mut node: Node, number: usize, lines_before: u64) {
        let at = |node: &Node, field: &str| node.field(field).and_then(|node| text(node).ok());
        let (kind, version) = (at(&node, "kind"), at(&node, "apiVersion"));
        if kind.as_deref() == Some("List") {
            let items = node.take_out(&[Step::Key("items".to_owned())]);
            if let Some(Value::List(items)) = items.map(|items| items.value) {
                for item in items.into_iter().flatten() {
                    self.add(item, number, lines_before);
                }
            }
            return;
        }
        let known = |version: &String| GROUPS.iter().any(|group| version.starts_with(group));
        let (Some(kind), Some(_)) = (kind, version.filter(known)) else {
            return;
        };
        let (namespace, name) = (at(&node, "metadata.namespace"), at(&node, "metadata.name"));
        let mut fields = Fields::new(node, lines_before);
        leave_out_the_servers(&mut fields);
        let named = NAMED_BY_OTHERS.contains(&kind.as_str());
        let source = Source {
            fields,
            kind,
            namespace,
            name: name.unwrap_or_default(),
            number,
        };
        if named {
            self.named.push(source);
        } else {
            self.scaling.push_back(source);
        }
    }

    /// The next object that says how something scales. Routes that none of those named come last.
    pub(super) fn next(&mut self) -> Option<Source> {
        self.scaling.pop_front().or_else(|| {
            let route = |source: &Source| source.kind == "InterceptorRoute";
            Some(self.named.remove(self.named.iter().position(route)?))
        })
    }

    /// Takes an object that another one names.
    pub(super) fn take(
        &mut self,
        kind: &str,
        namespace: Option<&String>,
        name: &str,
    ) -> Option<Source> {
        let fits = |source: &Source| {
            source.kind == kind && source.name == name && source.namespace.as_ref() == namespace
        };
        Some(self.named.remove(self.named.iter().position(fits)?))
    }
}

/// What the API server and `kubectl` write by themselves.
fn leave_out_the_servers(fields: &mut Fields) {
    for name in ["apiVersion", "kind", "status"] {
        fields.leave_out(&[name]);
    }
    for name in [
        "creationTimestamp",
        "deletionGracePeriodSeconds",
        "deletionTimestamp",
        "finalizers",
        "generation",
        "managedFields",
        "ownerReferences",
        "resourceVersion",
        "selfLink",
        "uid",
    ] {
        fields.leave_out(&["metadata", name]);
    }
    for name in [
        "kubectl.kubernetes.io/last-applied-configuration",
        "serving.knative.dev/creator",
        "serving.knative.dev/lastModifier",
        "deployment.kubernetes.io/revision",
    ] {
        fields.leave_out(&["metadata", "annotations", name]);
    }
}
