// SPDX-License-Identifier: Apache-2.0
use std::{
    collections::BTreeSet,
    mem,
    sync::{Arc, atomic::Ordering},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use cheerful_autoscaler::Autoscaler;
use tokio::{
    sync::broadcast::error::RecvError,
    time::{Instant, sleep_until},
};

use crate::{Console, ConsoleCounts};

/// Between two looks at what is at work.
const SECOND: Duration = Duration::from_secs(1);
/// Looks at what is at work between two at all, which cost more the more revisions there are.
const LOOKS: u32 = 60;
/// A look takes at most one part in so many of the time: with very many revisions at work it is taken less often.
const SHARE: u32 = 50;

impl Console {
    /// Begins to show what an autoscaler does; the future runs until that has ended.
    /// `allows_actions`: whether the page offers to act. `counts`: where what there is no room for is counted.
    pub fn of(
        autoscaler: Autoscaler,
        allows_actions: bool,
        counts: Arc<ConsoleCounts>,
    ) -> (Self, impl Future<Output = ()> + Send) {
        let millis = u64::try_from(since_1970().as_millis()).unwrap_or(u64::MAX);
        let console = Self::new(autoscaler, millis, allows_actions, counts);
        (console.clone(), console.follow())
    }

    async fn follow(self) {
        let autoscaler = self.autoscaler();
        let mut decisions = autoscaler.follow();
        let mut next = Instant::now();
        let mut looks = 0;
        // What was at work or decided since the last look may be at rest now, and another than it was.
        let mut also = BTreeSet::new();
        loop {
            tokio::select! {
                decision = decisions.recv() => match decision {
                    Ok((revision, decision)) => {
                        self.decided(&revision, &decision);
                        also.insert(revision);
                    }
                    Err(RecvError::Lagged(lost)) => {
                        self.counts().decisions_unheard.fetch_add(lost, Ordering::Relaxed);
                        tracing::warn!(lost, "decisions are missing in the console");
                        looks = 0;
                    }
                    Err(RecvError::Closed) => return,
                },
                () = sleep_until(next) => {
                    let began = Instant::now();
                    let asked: Vec<String> = mem::take(&mut also).into_iter().collect();
                    let is_of_all = looks == 0;
                    let views = if is_of_all {
                        autoscaler.overview().await
                    } else {
                        autoscaler.awake(asked.clone()).await
                    };
                    let Ok(views) = views else {
                        return;
                    };
                    let now = since_1970().as_secs();
                    if is_of_all {
                        self.take(&views, now);
                    } else {
                        self.take_some(&views, &asked, now);
                        also.extend(views.into_iter().map(|view| view.revision));
                    }
                    looks = (looks + 1) % LOOKS;
                    next = began + SECOND.max(began.elapsed() * SHARE);
                }
            }
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the shell tells people the wall clock"
)]
pub(crate) fn since_1970() -> Duration {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
}
