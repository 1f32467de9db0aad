// SPDX-License-Identifier: Apache-2.0
//! The queue for workloads that somebody else owns: added to their manifest, which stays as it is otherwise.
mod ordered;
mod workload;

use std::collections::BTreeMap;

use cheerful_manifest::{QueueSpec, Timeouts};
use serde_json::{Value, json};

use crate::names;
use ordered::Ordered;
use workload::Workloads;

/// What `inject` is told.
#[derive(Clone, Debug, PartialEq)]
pub struct InjectOptions {
    /// The queue's image.
    pub image: String,
    /// `host:port` to which queues report.
    pub autoscaler: String,
    /// The Autoscaler's name; `None`: that of each workload.
    pub name: Option<String>,
    /// Where the app listens; `None`: the first port of the first container.
    pub app_port: Option<u16>,
    /// Most requests in flight in one replica; `None`: no limit.
    pub limit: Option<u32>,
    /// Whether Services that lead to the app are changed to lead to the queue.
    pub services: bool,
}

/// A manifest with queues.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Injected {
    /// The manifest: what was not changed is as it was, to the letter.
    pub yaml: String,
    /// What a person should know.
    pub notes: Vec<String>,
}

/// A manifest to which a queue cannot be added.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("document {document}: {message}")]
pub struct InjectError {
    /// Counted from 1.
    pub document: usize,
    /// Which field, and what would be right.
    pub message: String,
}

/// Most documents of a manifest.
const MAX_DOCUMENTS: usize = 1_000;

/// Adds the queue to each workload of a manifest. Comments are kept where nothing was changed.
///
/// # Errors
/// The first document that cannot be read or has something in the queue's place.
pub fn inject(manifest: &str, options: &InjectOptions) -> Result<Injected, InjectError> {
    let texts = documents(manifest);
    let wrong = |index: usize, message: String| InjectError {
        document: index + 1,
        message,
    };
    if texts.len() > MAX_DOCUMENTS {
        let message = format!("should be at most {MAX_DOCUMENTS} documents");
        return Err(wrong(MAX_DOCUMENTS, message));
    }
    let mut parsed = Vec::new();
    for (index, text) in texts.iter().enumerate() {
        let read = Ordered::read(text).map_err(|message| wrong(index, message))?;
        let value = read.value();
        parsed.push((read, value));
    }
    let mut workloads = Workloads::default();
    let mut changed = BTreeMap::new();
    let mut done = Injected::default();
    for (index, (_, value)) in parsed.iter().enumerate() {
        match workloads.add_queue(value, options) {
            Err(message) => return Err(wrong(index, message)),
            Ok(workload::Outcome::Changed(new)) => {
                changed.insert(index, new);
            }
            Ok(workload::Outcome::Note(note)) => done.notes.push(note),
            Ok(workload::Outcome::Other) => {}
        }
    }
    if changed.is_empty() {
        done.notes.push("nothing was added: no Deployment, StatefulSet or other workload without a queue is there".to_owned());
    }
    for (index, (_, value)) in parsed.iter().enumerate() {
        let Some((new, note)) = workloads.lead_to_queue(value) else {
            continue;
        };
        if options.services {
            changed.insert(index, new);
        } else {
            done.notes.push(note);
        }
    }
    for (index, ((mut read, _), text)) in parsed.into_iter().zip(&texts).enumerate() {
        if index > 0 {
            done.yaml.push_str("---\n");
        }
        let Some(new) = changed.get(&index) else {
            done.yaml.push_str(text);
            continue;
        };
        if text.lines().any(|line| line.trim_start().starts_with('#')) {
            done.notes
                .push(format!("document {}: its comments are not kept", index + 1));
        }
        read.take(new);
        let written = read.write().map_err(|message| wrong(index, message))?;
        done.yaml.push_str(&written);
    }
    Ok(done)
}

/// The documents' texts, without the lines between them.
fn documents(manifest: &str) -> Vec<String> {
    let mut texts = Vec::new();
    let mut text = String::new();
    for line in manifest.lines() {
        if line.trim_end() == "---" || line.starts_with("--- #") {
            texts.push(std::mem::take(&mut text));
        } else {
            text.push_str(line);
            text.push('\n');
        }
    }
    texts.push(text);
    // A manifest may begin with a separator.
    if texts.len() > 1 && texts.first().is_some_and(|text| text.trim().is_empty()) {
        texts.remove(0);
    }
    texts
}

/// What the queue is told beside the options: nothing of it can be set here.
fn defaults() -> (QueueSpec, Timeouts) {
    (QueueSpec::default(), Timeouts::default())
}

/// Marks the pods as those of an Autoscaler.
fn label(template: &mut Value, autoscaler: &str) {
    template["metadata"]["labels"][names::AUTOSCALER_LABEL] = json!(autoscaler);
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
