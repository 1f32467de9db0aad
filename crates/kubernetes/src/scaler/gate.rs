// SPDX-License-Identifier: Apache-2.0
use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
};

use cheerful_scaling::Moment;
use tokio::{
    sync::oneshot,
    time::{Instant, sleep},
};

use super::bucket::TokenBucket;

/// Lets writes go one by one as the [`TokenBucket`] allows: those from zero first, then in order of their coming. One
/// that is given up leaves the line.
#[derive(Debug)]
pub(crate) struct Gate {
    inner: Mutex<Inner>,
    origin: Instant,
}

#[derive(Debug)]
struct Inner {
    bucket: TokenBucket,
    urgent: VecDeque<oneshot::Sender<()>>,
    others: VecDeque<oneshot::Sender<()>>,
}

impl Gate {
    pub(crate) fn new(per_second: f64, burst: f64) -> Self {
        Self {
            inner: Mutex::new(Inner {
                bucket: TokenBucket::new(per_second, burst, Moment::ZERO),
                urgent: VecDeque::new(),
                others: VecDeque::new(),
            }),
            origin: Instant::now(),
        }
    }

    /// Waits for leave to write. The line is as long as there are writes under way: one for each workload.
    pub(crate) async fn pass(&self, urgent: bool) {
        let Some(mut leave) = self.stand(urgent) else {
            return;
        };
        // Each who waits opens the gate for whoever is first.
        loop {
            let wait = self.inner().bucket.wait();
            tokio::select! {
                biased;
                _ = &mut leave => return,
                () = sleep(wait) => self.open(),
            }
        }
    }

    /// `None`: go at once.
    fn stand(&self, urgent: bool) -> Option<oneshot::Receiver<()>> {
        let now = self.now();
        let mut inner = self.inner();
        let first = inner.urgent.is_empty() && (urgent || inner.others.is_empty());
        if first && inner.bucket.take(now) {
            return None;
        }
        let (sender, leave) = oneshot::channel();
        if urgent {
            inner.urgent.push_back(sender);
        } else {
            inner.others.push_back(sender);
        }
        Some(leave)
    }

    fn open(&self) {
        let now = self.now();
        let mut inner = self.inner();
        loop {
            inner.urgent.retain(|waiting| !waiting.is_closed());
            inner.others.retain(|waiting| !waiting.is_closed());
            if (inner.urgent.is_empty() && inner.others.is_empty()) || !inner.bucket.take(now) {
                return;
            }
            let next = inner.urgent.pop_front();
            if let Some(next) = next.or_else(|| inner.others.pop_front()) {
                // It was not closed a moment ago, under this very lock.
                next.send(()).ok();
            }
        }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Moment {
        Moment::ZERO.plus(self.origin.elapsed())
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::Duration};

    use tokio::task::JoinSet;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn those_from_zero_go_first_and_one_given_up_costs_nothing() {
        let gate = Arc::new(Gate::new(10.0, 1.0));
        gate.pass(false).await;
        let (order, mut went) = tokio::sync::mpsc::channel(9);
        let mut tasks = JoinSet::new();
        for (name, urgent) in [("b", false), ("given up", false), ("c", false), ("a", true)] {
            let (gate, order) = (Arc::clone(&gate), order.clone());
            let task = tasks.spawn(async move {
                gate.pass(urgent).await;
                order.send(name).await.unwrap();
            });
            tokio::task::yield_now().await;
            if name == "given up" {
                task.abort();
            }
        }
        drop(order);
        let start = Instant::now();
        let mut seen = Vec::new();
        while let Some(name) = went.recv().await {
            seen.push(name);
        }
        assert_eq!(seen, ["a", "b", "c"]);
        assert!(start.elapsed() >= Duration::from_millis(290));
        assert!(start.elapsed() <= Duration::from_millis(450));
    }
}
