// SPDX-License-Identifier: Apache-2.0
//! What other autoscalers are told, as ours is told it: their manifests in, ours out, and every field that has no counterpart
//! named.
mod amount;
mod behaviour;
mod draft;
mod fields;
mod hpa;
mod knative;
mod metrics;
mod note;
mod route;
mod scaled_object;
mod sources;
mod triggers;

pub use note::{ImportNote, NoteKind};

use crate::{DocumentProblem, ManifestErrors, load_cluster};
use draft::Draft;
use fields::Fields;
use sources::{Source, Sources};

/// What an import is told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ImportOptions {
    /// What scales the workload now stays: the Autoscaler decides, explains and writes nothing.
    pub keep_owner: bool,
}

/// Manifests that were read, as ours.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Imported {
    /// Our manifest: [`crate::load_cluster`] takes it. The notes are comments in it.
    pub yaml: String,
    /// What became of the fields that are not as they were.
    pub notes: Vec<ImportNote>,
}

impl Imported {
    /// Whether something that was asked for is asked for no longer.
    #[must_use]
    pub fn has_lost(&self) -> bool {
        self.notes.iter().any(|note| note.kind == NoteKind::Lost)
    }
}

/// Turns manifests of Knative, KEDA and of HPAs into ours. `source_name` is what a person calls the text: the file's path.
///
/// # Errors
/// Everything that cannot be read, or that would become what our own loader refuses. The bounds are those of
/// [`crate::load`].
pub fn import(
    text: &str,
    source_name: &str,
    options: ImportOptions,
) -> Result<Imported, ManifestErrors> {
    let mut sources = Sources::read(text, source_name)?;
    let mut done = Imported::default();
    let mut wrong = Vec::new();
    let mut made = 0;
    while let Some(mut source) = sources.next() {
        let draft = match source.kind.as_str() {
            "Service" | "Configuration" | "Revision" => {
                knative::draft(&mut source.fields, &source.kind)
            }
            "HTTPScaledObject" => route::scaled_by_http(&mut source.fields, &mut sources),
            "InterceptorRoute" => {
                let field = "spec.target.service";
                let expected = "is a Service and no workload: give the ScaledObject that has it as a trigger with it";
                source.fields.wrong(field, expected);
                None
            }
            "ScaledObject" => scaled_object::draft(&mut source.fields, &mut sources),
            "HorizontalPodAutoscaler" => hpa::draft(&mut source.fields),
            _ => continue,
        };
        made += 1;
        finish(source, draft, options, &mut done, &mut wrong);
    }
    if made == 0 && wrong.is_empty() {
        let message = "has nothing to import: should have a Service, Configuration or Revision of Knative, an HTTPScaledObject, InterceptorRoute or ScaledObject of KEDA, or a HorizontalPodAutoscaler";
        return Err(ManifestErrors::whole(source_name, message.to_owned()));
    }
    if let Some(errors) = ManifestErrors::of(source_name, wrong) {
        return Err(errors);
    }
    load_cluster(
        &done.yaml,
        &format!("{source_name}, as it would be written"),
    )?;
    Ok(done)
}

/// Writes what was made of a document.
fn finish(
    source: Source,
    draft: Option<Draft>,
    options: ImportOptions,
    done: &mut Imported,
    wrong: &mut Vec<DocumentProblem>,
) {
    let Source {
        mut fields,
        kind,
        number,
        name,
        ..
    } = source;
    let written = draft.map(|draft| draft.write(&mut fields, options.keep_owner));
    let (mut notes, problems) = fields.rest();
    wrong.extend(problems.into_iter().map(|problem| DocumentProblem {
        document: number,
        name: Some(name.clone()).filter(|name| !name.is_empty()),
        problem,
    }));
    let Some(written) = written else {
        return;
    };
    for note in &mut notes {
        note.name.clone_from(&name);
    }
    done.yaml.push_str("---\n");
    done.yaml.push_str(&note::comment(&kind, &name, &notes));
    done.yaml.push_str(&written);
    done.notes.extend(notes);
}
