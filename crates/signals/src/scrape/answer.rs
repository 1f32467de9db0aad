// SPDX-License-Identifier: Apache-2.0
use bytes::Bytes;

use crate::{
    Unread, app,
    exposition::{ProtobufReader, Sums, TextReader},
    knative::Stat,
    meter::Figures,
    preset::{Preset, stub_status},
};

use super::Plan;

/// What a replica answered.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// Its requests, and whether it is busy where it says so.
    Figures(Box<Figures>, Option<bool>),
    /// The message of Knative's sidecar.
    Knative(Bytes),
    /// A value.
    Value(f64),
}

/// Reads an answer as it comes.
#[derive(Debug)]
pub(super) enum Reader<'a> {
    Text(TextReader<'a>, &'a Plan),
    Protobuf(ProtobufReader<'a>, &'a Plan),
    /// To be kept whole, of so many bytes at most.
    Whole(Vec<u8>, usize, &'a Plan),
    /// An app's, of which nothing has come yet that tells its form.
    Undecided(&'a Plan, &'a Preset),
}

/// nginx's page has some 150 bytes.
const STUB_STATUS: usize = 4096;

impl<'a> Reader<'a> {
    /// By what is looked for and the form that the answer has.
    ///
    /// # Errors
    /// For a form that cannot be read.
    pub(super) fn new(plan: &'a Plan, content_type: &str) -> Result<Self, Unread> {
        if content_type.starts_with("text/html") {
            return Err(Unread::Malformed("it is a page of HTML".to_owned()));
        }
        let wanted = match plan {
            Plan::Page(preset) => preset.wanted(),
            Plan::Value(wanted) => wanted,
            Plan::StubStatus => return Ok(Self::Whole(Vec::new(), STUB_STATUS, plan)),
            Plan::Knative => return Ok(Self::Whole(Vec::new(), Stat::MAX_BYTES, plan)),
            Plan::App(preset) => return Ok(Self::Undecided(plan, preset)),
        };
        if content_type.starts_with("application/vnd.google.protobuf") {
            Ok(Self::Protobuf(ProtobufReader::new(wanted), plan))
        } else {
            Ok(Self::Text(TextReader::new(wanted), plan))
        }
    }

    pub(super) fn feed(&mut self, bytes: &[u8]) -> Result<(), Unread> {
        match self {
            Self::Text(reader, _) => reader.feed(bytes),
            Self::Protobuf(reader, _) => reader.feed(bytes),
            Self::Whole(kept, most, _) => {
                if kept.len() + bytes.len() > *most {
                    return Err(Unread::TooLong(*most));
                }
                kept.extend_from_slice(bytes);
                Ok(())
            }
            Self::Undecided(plan, preset) => {
                let Some(first) = bytes.iter().find(|byte| !byte.is_ascii_whitespace()) else {
                    return Ok(());
                };
                *self = if *first == b'{' {
                    Self::Whole(Vec::new(), app::LONGEST, plan)
                } else {
                    Self::Text(TextReader::new(preset.wanted()), plan)
                };
                self.feed(bytes)
            }
        }
    }

    pub(super) fn finish(self) -> Result<Answer, Unread> {
        match self {
            Self::Text(reader, plan) => of_page(plan, &reader.finish()?),
            Self::Protobuf(reader, plan) => of_page(plan, &reader.finish()?),
            Self::Whole(kept, _, Plan::StubStatus) => {
                Ok(Answer::Figures(Box::new(stub_status(&kept)?), None))
            }
            Self::Whole(kept, _, Plan::Knative) => Ok(Answer::Knative(kept.into())),
            Self::Whole(kept, ..) => {
                let answer = app::read(&kept)?;
                Ok(Answer::Figures(Box::new(answer.figures), answer.busy))
            }
            Self::Undecided(..) => Err(Unread::Malformed("it is empty".to_owned())),
        }
    }
}

fn of_page(plan: &Plan, sums: &Sums) -> Result<Answer, Unread> {
    match plan {
        Plan::Page(preset) => Ok(Answer::Figures(Box::new(preset.figures(sums)?), None)),
        Plan::App(preset) => {
            let figures = preset.figures(sums)?;
            Ok(Answer::Figures(Box::new(figures), preset.busy(sums)))
        }
        Plan::Value(wanted) => sums.get(0).map(Answer::Value).ok_or_else(|| {
            let name = wanted.get(0).map(|want| want.name.clone());
            Unread::Absent(name.unwrap_or_default())
        }),
        Plan::StubStatus | Plan::Knative => Err(Unread::Malformed("it is a page".to_owned())),
    }
}
