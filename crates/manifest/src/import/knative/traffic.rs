// SPDX-License-Identifier: Apache-2.0
use crate::import::{
    Fields, NoteKind,
    amount::{json, text, whole},
    fields::no_counterpart,
};

/// Which revision gets the requests: here the one there is.
pub(super) fn one(fields: &mut Fields) {
    let mut shares = fields.items(&["spec", "traffic"]);
    if shares.len() > 1 {
        let why = no_counterpart("all requests go to the newest version");
        fields.note_on(NoteKind::Lost, "spec.traffic", &why);
        return;
    }
    if let Some(mut share) = shares.pop() {
        share.leave_out(&["latestRevision"]);
        if let Some(percent) = share.read(&["percent"], whole)
            && percent.it != 100
        {
            let why = no_counterpart("all requests go to the newest version");
            share.note(NoteKind::Lost, &percent, &why);
        }
        if let Some(name) = share.read(&["revisionName"], text) {
            let why = no_counterpart("the revision is the one that this template says");
            share.note(NoteKind::Lost, &name, &why);
        }
        if let Some(tag) = share.read(&["tag"], json) {
            let why = no_counterpart("there is one address for each Revision");
            share.note(NoteKind::Lost, &tag, &why);
        }
        fields.join(share);
    }
}
