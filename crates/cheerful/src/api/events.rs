// SPDX-License-Identifier: Apache-2.0
use std::convert::Infallible;

use axum::response::sse::{Event, KeepAlive, Sse};
use cheerful_autoscaler::DecisionLine;
use futures_util::{Stream, stream};
use tokio::sync::broadcast::{Receiver, error::RecvError};

use super::view::DecisionEvent;

/// Decisions as server-sent events, one `decision` each. A reader that is too slow loses the oldest and is told how
/// many in a comment. A comment every 15 s shows that the connection lives.
pub(crate) fn stream(
    decisions: Receiver<(String, DecisionLine)>,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let events = stream::unfold(decisions, |mut decisions| async move {
        let event = match decisions.recv().await {
            Ok((revision, decision)) => Event::default()
                .event("decision")
                .json_data(DecisionEvent { revision, decision })
                .unwrap_or_else(|error| Event::default().comment(format!("not told: {error}"))),
            Err(RecvError::Lagged(lost)) => Event::default().comment(format!("{lost} were lost")),
            Err(RecvError::Closed) => return None,
        };
        Some((Ok(event), decisions))
    });
    Sse::new(events).keep_alive(KeepAlive::default())
}
