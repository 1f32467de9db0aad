// SPDX-License-Identifier: Apache-2.0
use std::collections::{BTreeMap, VecDeque};

use cheerful_processes::ProcessEvent;
use cheerful_scaling::Observation;
use tokio::sync::mpsc;

use super::{Event, shell::Order};

/// Takes events from the processes at once, whatever the site is doing, so that neither can wait for the other.
///
/// What the site has not taken yet is kept here: of each version the newest observation, and the newest
/// [`CRASHES`] crashes. Ends when the processes or the site have ended.
pub(crate) async fn relay(mut events: mpsc::Receiver<ProcessEvent>, orders: mpsc::Sender<Order>) {
    let mut kept = Kept::default();
    loop {
        tokio::select! {
            event = events.recv() => match event {
                Some(event) => kept.take(event),
                None => break,
            },
            room = orders.reserve(), if !kept.is_empty() => match room {
                Ok(room) => if let Some(event) = kept.next() { room.send(Order::Event(event)); },
                Err(_) => break,
            },
        }
    }
}

/// Crashes that are kept while the site is busy: older ones have been logged and are only left out of a reason.
const CRASHES: usize = 256;

#[derive(Debug, Default)]
struct Kept {
    observations: BTreeMap<String, Observation>,
    crashes: VecDeque<(String, String)>,
}

impl Kept {
    fn is_empty(&self) -> bool {
        self.observations.is_empty() && self.crashes.is_empty()
    }

    fn take(&mut self, event: ProcessEvent) {
        match event {
            ProcessEvent::Observed {
                revision,
                observation,
            } => {
                self.observations.insert(revision, observation);
            }
            ProcessEvent::Crashed {
                revision,
                replica,
                why,
                restart_in,
            } => {
                let restart_in_seconds = restart_in.map(|wait| wait.as_secs_f64());
                tracing::warn!(
                    revision,
                    replica,
                    restart_in_seconds,
                    "{replica} ended: {why}"
                );
                if self.crashes.len() == CRASHES {
                    self.crashes.pop_front();
                }
                self.crashes.push_back((revision, why));
            }
        }
    }

    fn next(&mut self) -> Option<Event> {
        if let Some((version, why)) = self.crashes.pop_front() {
            return Some(Event::Crashed { version, why });
        }
        let (version, observation) = self.observations.pop_first()?;
        Some(Event::Observed {
            version,
            observation,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(ready: u32) -> ProcessEvent {
        let observation = Observation {
            ready,
            ..Observation::default()
        };
        ProcessEvent::Observed {
            revision: "a".to_owned(),
            observation,
        }
    }

    #[test]
    fn the_newest_observation_is_kept_and_crashes_are_bounded() {
        let mut kept = Kept::default();
        kept.take(seen(1));
        kept.take(seen(3));
        for number in 0..CRASHES + 5 {
            kept.take(ProcessEvent::Crashed {
                revision: "a".to_owned(),
                replica: "a-1".to_owned(),
                why: number.to_string(),
                restart_in: None,
            });
        }
        let mut crashes = Vec::new();
        while let Some(Event::Crashed { why, .. }) = kept.next() {
            crashes.push(why);
            if kept.crashes.is_empty() {
                break;
            }
        }
        assert_eq!(crashes.len(), CRASHES);
        assert_eq!(crashes[0], "5");
        assert!(matches!(
            kept.next(),
            Some(Event::Observed {
                observation: Observation { ready: 3, .. },
                ..
            })
        ));
        assert!(kept.is_empty());
    }

    #[tokio::test]
    async fn the_processes_never_wait_for_a_busy_site() {
        let (to_relay, events) = mpsc::channel(1);
        let (orders, mut inbox) = mpsc::channel(1);
        let mut tasks = tokio::task::JoinSet::new();
        tasks.spawn(relay(events, orders));
        for ready in 0..100 {
            to_relay.send(seen(ready)).await.unwrap();
        }
        drop(to_relay);
        // The site was busy all the time; it sees the first and then the newest that arrived before the end.
        assert!(inbox.recv().await.is_some());
        tasks.join_next().await.unwrap().unwrap();
    }
}
