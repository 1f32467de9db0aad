// SPDX-License-Identifier: Apache-2.0
use std::collections::{BTreeMap, VecDeque};

use cheerful_scaling::Observation;

use crate::ProcessEvent;

/// Crashes that wait for a slow reader; over it the oldest is dropped.
const WAITING_CRASHES: usize = 256;

/// Events that wait for their reader: of each revision the newest observation, and crashes.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    observed: BTreeMap<String, Observation>,
    crashed: VecDeque<ProcessEvent>,
}

impl Outbox {
    pub(crate) fn is_empty(&self) -> bool {
        self.observed.is_empty() && self.crashed.is_empty()
    }

    pub(crate) fn put(&mut self, event: ProcessEvent) {
        match event {
            ProcessEvent::Observed {
                revision,
                observation,
            } => {
                self.observed.insert(revision, observation);
            }
            crash @ ProcessEvent::Crashed { .. } => {
                if self.crashed.len() == WAITING_CRASHES {
                    tracing::warn!("a crash is not told of: its reader is too slow");
                    self.crashed.pop_front();
                }
                self.crashed.push_back(crash);
            }
        }
    }

    /// The next one: observations are what decisions wait for.
    pub(crate) fn take(&mut self) -> Option<ProcessEvent> {
        let observed = self.observed.pop_first();
        observed
            .map(|(revision, observation)| ProcessEvent::Observed {
                revision,
                observation,
            })
            .or_else(|| self.crashed.pop_front())
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_newest_observation_and_a_bounded_number_of_crashes() {
        let mut outbox = Outbox::default();
        for ready in 0..1000 {
            let observation = Observation {
                ready,
                ..Observation::default()
            };
            outbox.put(ProcessEvent::Observed {
                revision: "a".into(),
                observation,
            });
            outbox.put(ProcessEvent::Crashed {
                revision: "a".into(),
                replica: format!("a-{ready}"),
                why: String::new(),
                restart_in: None,
            });
        }
        let first = outbox.take();
        assert!(
            matches!(first, Some(ProcessEvent::Observed { observation, .. }) if observation.ready == 999)
        );
        let crashes: Vec<_> = std::iter::from_fn(|| outbox.take()).collect();
        assert_eq!(crashes.len(), WAITING_CRASHES);
        assert!(
            matches!(crashes.last(), Some(ProcessEvent::Crashed { replica, .. }) if replica == "a-999")
        );
        assert!(outbox.is_empty());
    }
}
