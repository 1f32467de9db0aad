// SPDX-License-Identifier: Apache-2.0
use std::{collections::VecDeque, time::Duration};

use tokio::time::Instant;

/// Revisions that have shown a burst, each once, in the order in which they are due to be looked at: a short while
/// after the event, so that what is told then is an average over some time.
#[derive(Debug, Default)]
pub struct Bursts(VecDeque<(Instant, String)>);

impl Bursts {
    /// From the moment a burst shows to the look; the same for all.
    pub const DELAY: Duration = cheerful_queue::BURST_DELAY;

    /// A burst has shown. One that waits already is looked at when it is due.
    pub fn add(&mut self, revision: String) {
        if self.0.iter().all(|(_, known)| *known != revision) {
            self.0.push_back((Instant::now() + Self::DELAY, revision));
        }
    }

    /// Ends with the next one that is due; never while there is none. May be dropped and called again.
    pub async fn due(&mut self) -> String {
        if let Some((due, _)) = self.0.front() {
            tokio::time::sleep_until(*due).await;
            if let Some((_, revision)) = self.0.pop_front() {
                return revision;
            }
        }
        std::future::pending().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_burst_is_kept_once_and_told_when_it_is_due() {
        let mut bursts = Bursts::default();
        let start = Instant::now();
        bursts.add("a".to_owned());
        tokio::time::sleep(Bursts::DELAY / 2).await;
        bursts.add("b".to_owned());
        bursts.add("a".to_owned());
        assert_eq!(bursts.due().await, "a");
        assert_eq!(start.elapsed(), Bursts::DELAY);
        assert_eq!(bursts.due().await, "b");
        let none = tokio::time::timeout(Duration::from_secs(9), bursts.due());
        none.await.unwrap_err();
    }
}
