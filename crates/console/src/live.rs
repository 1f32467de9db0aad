// SPDX-License-Identifier: Apache-2.0
use std::{
    convert::Infallible,
    sync::{Arc, atomic::Ordering},
};

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
                Err(RecvError::Lagged(missed)) => {
                    console
                        .counts()
                        .messages_missed
                        .fetch_add(missed, Ordering::Relaxed);
                    console.greeting().to_event()
                }
                Err(RecvError::Closed) => return None,
            }
        };
        Some((Ok(event), (console, messages, false)))
    });
    Sse::new(events).keep_alive(KeepAlive::default())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use cheerful_autoscaler::{Autoscaler, AutoscalerConfig, Platform, ScaleError};
    use http_body_util::BodyExt as _;

    use super::*;
    use crate::{
        ConsoleCounts,
        console::{MESSAGES, PAGES, watch},
        pasts::tests::view,
    };

    struct Nowhere;

    impl Platform for Nowhere {
        async fn scale(&self, _: &str, _: u32) -> Result<(), ScaleError> {
            Ok(())
        }
    }

    fn console() -> (Console, Arc<ConsoleCounts>) {
        let config = AutoscalerConfig {
            tick: Duration::from_secs(2),
            record: None,
        };
        let (autoscaler, _task) = Autoscaler::start(config, Arc::new(Nowhere)).unwrap();
        let counts = Arc::new(ConsoleCounts::default());
        let console = Console::new(autoscaler, 0, false, Arc::clone(&counts));
        (console, counts)
    }

    fn dropped(counts: &ConsoleCounts) -> Vec<(&'static str, u64)> {
        let counts = counts.by_word().into_iter();
        counts.filter(|(_, count)| *count > 0).collect()
    }

    #[tokio::test]
    async fn one_page_too_many_is_refused_and_counted() {
        let (console, counts) = console();
        let mut open = Vec::new();
        for _ in 0..PAGES {
            let answer = watch(axum::extract::State(console.clone())).await;
            assert_eq!(answer.status(), 200);
            open.push(answer);
        }
        let refused = watch(axum::extract::State(console.clone())).await;
        assert_eq!(refused.status(), 503);
        assert_eq!(dropped(&counts), [("page", 1)]);
        open.pop();
        let answer = watch(axum::extract::State(console)).await;
        assert_eq!(answer.status(), 200);
    }

    #[tokio::test]
    async fn a_page_that_is_too_slow_is_told_all_anew() {
        let (console, counts) = console();
        let mut body = watch(axum::extract::State(console.clone()))
            .await
            .into_body();
        let mut next = async || {
            let frame = body.frame().await.unwrap().unwrap();
            String::from_utf8(frame.into_data().unwrap().to_vec()).unwrap()
        };
        assert!(next().await.starts_with("event: hello"));
        let more = 5;
        for count in 0..u32::try_from(MESSAGES).unwrap() + more {
            console.take(&[view("a", count)], u64::from(1000 + count));
        }
        let anew = next().await;
        assert!(anew.starts_with("event: hello"), "{anew}");
        assert!(anew.contains(r#""ready":68"#), "{anew}");
        assert!(next().await.starts_with("event: rows"));
        assert_eq!(dropped(&counts), [("message", u64::from(more))]);
    }
}
