// SPDX-License-Identifier: Apache-2.0
use std::{sync::Arc, time::Duration};

use cheerful_proxy::Answer;
use tokio::{sync::oneshot, time};

use crate::{GatewayPlace, answer, hold::Ticket, revision::Revision};

/// How a held request is told what became of it. Dropped without a word: its revision was removed.
pub(crate) type Waiter = oneshot::Sender<Word>;

/// What became of a held request. A word that nobody takes undoes itself when it is dropped.
#[derive(Debug)]
pub(crate) enum Word {
    /// It goes to a replica.
    Place(GatewayPlace),
    /// It waits in another revision's line now.
    Moved(Box<Waiting>),
    /// It gets this answer.
    Answer(Answer),
}

/// A place in a revision's line; dropping it leaves the line.
#[derive(Debug)]
pub(crate) struct Waiting {
    revision: Arc<Revision>,
    ticket: Ticket,
    receiver: oneshot::Receiver<Word>,
}

impl Waiting {
    pub(crate) const fn new(
        revision: Arc<Revision>,
        ticket: Ticket,
        receiver: oneshot::Receiver<Word>,
    ) -> Self {
        Self {
            revision,
            ticket,
            receiver,
        }
    }

    /// Waits to be released. `cold`: no replica was ready, which the place then tells.
    ///
    /// # Errors
    /// The answer to give when the time limit has passed, or when the revision is gone.
    pub(crate) async fn released(mut self, cold: bool) -> Result<GatewayPlace, Answer> {
        let since = time::Instant::now();
        let limit = limit(&self.revision);
        let word = time::timeout(limit, async {
            loop {
                match (&mut self.receiver).await {
                    Ok(Word::Moved(next)) => self = *next,
                    Ok(Word::Place(place)) => break Ok(place),
                    Ok(Word::Answer(answer)) => break Err(answer),
                    Err(_) => break Err(answer::removed()),
                }
            }
        })
        .await;
        match word {
            Ok(Ok(mut place)) => {
                if cold {
                    place.cold_start(since.elapsed());
                }
                Ok(place)
            }
            Ok(Err(answer)) => Err(answer),
            Err(_) => {
                self.revision.leave_line(self.ticket);
                self.revision
                    .count(|totals| totals.refused_hold_timeout_total += 1);
                Err(answer::hold_timeout())
            }
        }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if self.revision.leave_line(self.ticket) {
            self.revision
                .count(|totals| totals.left_while_held_total += 1);
        }
    }
}

/// Waiting is part of the whole request's time.
fn limit(revision: &Revision) -> Duration {
    let config = revision.config();
    match config.time_limits.whole {
        Duration::ZERO => config.hold.wait,
        whole => whole.min(config.hold.wait),
    }
}
