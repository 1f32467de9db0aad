// SPDX-License-Identifier: Apache-2.0
use std::{convert::Infallible, sync::Arc};

use axum::response::sse::{Event, KeepAlive, Sse};
use cheerful_autoscaler::DecisionLine;
use futures_util::{Stream, stream};
use serde::Serialize;
use tokio::sync::broadcast::{Receiver, error::RecvError};

use crate::{Console, pasts::Changes, row::Row};

/// One server-sent event, written once for all pages.
#[derive(Debug)]
pub(crate) struct Message {
    event: &'static str,
    data: String,
}

impl Message {
    pub(crate) fn new(event: &'static str, data: &impl Serialize) -> Self {
        match serde_json::to_string(data) {
            Ok(data) => Self { event, data },
            Err(error) => Self {
                event: "trouble",
                data: error.to_string(),
            },
        }
    }

    /// What is another than a second ago.
    pub(crate) fn changes(second: u64, changes: &Changes) -> Self {
        #[derive(Serialize)]
        struct Told<'a> {
            at: u64,
            rows: &'a [Row],
            gone: Vec<&'a str>,
        }
        let Changes { rows, gone } = changes;
        Self::new(
            "rows",
            &Told {
                at: second,
                rows,
                gone: gone.iter().map(|name| &**name).collect(),
            },
        )
    }

    pub(crate) fn decision(revision: &str, decision: &DecisionLine) -> Self {
        #[derive(Serialize)]
        struct Told<'a> {
            revision: &'a str,
            #[serde(flatten)]
            decision: &'a DecisionLine,
        }
        Self::new("decision", &Told { revision, decision })
    }

    fn to_event(&self) -> Event {
        Event::default().event(self.event).data(&self.data)
    }
}

/// All that there is, then what changes. A page that is too slow is told all anew.
pub(crate) fn stream(
    console: Console,
    messages: Receiver<Arc<Message>>,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let begin = (console, messages, true);
    let events = stream::unfold(begin, |(console, mut messages, anew)| async move {
        let event = if anew {
            console.greeting().to_event()
        } else {
            match messages.recv().await {
                Ok(message) => message.to_event(),
                Err(RecvError::Lagged(_)) => console.greeting().to_event(),
                Err(RecvError::Closed) => return None,
            }
        };
        Some((Ok(event), (console, messages, false)))
    });
    Sse::new(events).keep_alive(KeepAlive::default())
}
