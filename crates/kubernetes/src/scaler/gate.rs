// SPDX-License-Identifier: Apache-2.0
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use cheerful_scaling::Moment;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, oneshot},
    time::{Instant, sleep},
};

use super::bucket::TokenBucket;

/// Lets writes go one by one as the [`TokenBucket`] allows, and so many at once: those from zero first, then in order of
/// their coming. One that is given up leaves the line.
#[derive(Debug)]
pub(crate) struct Gate {
    inner: Mutex<Inner>,
    room: Arc<Semaphore>,
    origin: Instant,
}

#[derive(Debug)]
struct Inner {
    bucket: TokenBucket,
    urgent: VecDeque<oneshot::Sender<Leave>>,
    others: VecDeque<oneshot::Sender<Leave>>,
}

/// Leave to write, until it is dropped.
pub(crate) type Leave = OwnedSemaphorePermit;

impl Gate {
    /// Writes under way. Each has a connection of its own to the API server, and a hundred handshakes at once take both
    /// sides longer than the writes themselves.
    const AT_ONCE: usize = 16;

    pub(crate) fn new(per_second: f64, burst: f64) -> Self {
        Self {
            inner: Mutex::new(Inner {
                bucket: TokenBucket::new(per_second, burst, Moment::ZERO),
                urgent: VecDeque::new(),
                others: VecDeque::new(),
            }),
            room: Arc::new(Semaphore::new(Self::AT_ONCE)),
            origin: Instant::now(),
        }
    }

    /// Waits for leave to write. The line is as long as there are writes wanted: one for each workload.
    pub(crate) async fn pass(&self, urgent: bool) -> Option<Leave> {
        let mut leave = match self.stand(urgent) {
            Ok(leave) => return Some(leave),
            Err(line) => line,
        };
        // Each who waits opens the gate for whoever is first.
        loop {
            tokio::select! {
                biased;
                leave = &mut leave => return leave.ok(),
                Some(room) = self.room() => self.open(room),
                else => return None,
            }
        }
    }

    /// Once the bucket may give and there is room for one more. `None`: never again, which does not happen.
    async fn room(&self) -> Option<Leave> {
        let wait = self.inner().bucket.wait();
        sleep(wait).await;
        Arc::clone(&self.room).acquire_owned().await.ok()
    }

    /// Leave at once, or a place in the line.
    fn stand(&self, urgent: bool) -> Result<Leave, oneshot::Receiver<Leave>> {
        let now = self.now();
        let mut inner = self.inner();
        let first = inner.urgent.is_empty() && (urgent || inner.others.is_empty());
        if first
            && let Ok(leave) = Arc::clone(&self.room).try_acquire_owned()
            && inner.bucket.take(now)
        {
            return Ok(leave);
        }
        let (sender, line) = oneshot::channel();
        if urgent {
            inner.urgent.push_back(sender);
        } else {
            inner.others.push_back(sender);
        }
        Err(line)
    }

    fn open(&self, room: Leave) {
        let now = self.now();
        let mut inner = self.inner();
        inner.urgent.retain(|waiting| !waiting.is_closed());
        inner.others.retain(|waiting| !waiting.is_closed());
        if (inner.urgent.is_empty() && inner.others.is_empty()) || !inner.bucket.take(now) {
            return;
        }
        let next = inner.urgent.pop_front();
        if let Some(next) = next.or_else(|| inner.others.pop_front()) {
            // It was not closed a moment ago, under this very lock.
            next.send(room).ok();
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
    use std::{
        sync::atomic::{AtomicUsize, Ordering::Relaxed},
        time::Duration,
    };

    use tokio::task::JoinSet;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn no_more_than_fit_go_at_once_and_all_go() {
        let gate = Arc::new(Gate::new(1e3, 200.0));
        let under_way = Arc::new(AtomicUsize::new(0));
        let mut tasks = JoinSet::new();
        for number in 0..100 {
            let (gate, under_way) = (Arc::clone(&gate), Arc::clone(&under_way));
            tasks.spawn(async move {
                let leave = gate.pass(number % 2 == 0).await;
                let most = under_way.fetch_add(1, Relaxed) + 1;
                sleep(Duration::from_millis(10)).await;
                under_way.fetch_sub(1, Relaxed);
                drop(leave);
                most
            });
        }
        let start = Instant::now();
        let most = tasks.join_all().await.into_iter().max();
        assert_eq!(most, Some(Gate::AT_ONCE));
        assert!(start.elapsed() < Duration::from_millis(200));
    }

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
