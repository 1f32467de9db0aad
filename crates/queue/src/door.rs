// SPDX-License-Identifier: Apache-2.0
use std::{
    future::{Future, poll_fn},
    pin::pin,
    sync::{
        Arc,
        atomic::{
            AtomicBool, AtomicU64,
            Ordering::{AcqRel, Acquire, Relaxed, Release},
        },
    },
    task::Poll,
    time::Duration,
};

use cheerful_proxy::{
    Accounting, Answer, Attempt, Choose, Failure, InFlight, Line, Place, TimeLimits, Turn, Upstream,
};
use http::{StatusCode, request::Parts};
use tokio::{sync::Notify, time::timeout};

use crate::Counted;

/// The way to the app: its limit and line, and what is counted of the requests that come.
#[derive(Debug)]
pub(crate) struct Door {
    pod: String,
    upstream: Arc<Upstream>,
    line: Option<Line>,
    time_limits: TimeLimits,
    in_flight: Arc<Accounting>,
    waiting: Arc<Accounting>,
    /// The app has answered its probe once: before, nothing is passed on.
    opened: AtomicBool,
    arrived: AtomicU64,
    upgraded: AtomicU64,
    refused_early: AtomicU64,
    refused_full: AtomicU64,
    refused_late: AtomicU64,
    failures: AtomicU64,
    burst: Burst,
    /// Told when the app did not take a request.
    pub(crate) doubt: Notify,
}

/// What was counted of the requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct DoorMetrics {
    pub in_flight: u64,
    pub waiting: u64,
    pub requests_total: u64,
    /// Came before the app had ever answered its probe.
    pub refused_starting_total: u64,
    /// Found the line full.
    pub refused_full_total: u64,
    /// Waited in the line for as long as a request may take.
    pub refused_late_total: u64,
    /// Tries that the app did not answer; a request may have several.
    pub failed_tries_total: u64,
}

/// A client that was refused is asked to come back after so long.
const RETRY_AFTER: Duration = Duration::from_secs(1);

impl Door {
    pub(crate) fn new(
        pod: String,
        upstream: Arc<Upstream>,
        line: Option<Line>,
        time_limits: TimeLimits,
    ) -> Arc<Self> {
        Arc::new(Self {
            pod,
            upstream,
            line,
            time_limits,
            in_flight: Accounting::new(),
            waiting: Accounting::new(),
            opened: AtomicBool::new(false),
            arrived: AtomicU64::new(0),
            upgraded: AtomicU64::new(0),
            refused_early: AtomicU64::new(0),
            refused_full: AtomicU64::new(0),
            refused_late: AtomicU64::new(0),
            failures: AtomicU64::new(0),
            burst: Burst::default(),
            doubt: Notify::new(),
        })
    }

    /// The app has answered.
    pub(crate) fn open(&self) {
        self.opened.store(true, Release);
    }

    /// Requests in flight and waiting.
    pub(crate) fn inside(&self) -> u64 {
        self.in_flight.in_flight() + self.waiting.in_flight()
    }

    /// Those of them that have become upgraded connections.
    pub(crate) fn upgraded(&self) -> u64 {
        self.upgraded.load(Relaxed)
    }

    /// Requests that have come so far.
    pub(crate) fn arrived(&self) -> u64 {
        self.arrived.load(Relaxed)
    }

    /// From how many requests inside on a burst shows.
    pub(crate) fn set_burst_threshold(&self, requests: Option<f64>) {
        self.burst.set_threshold(requests.unwrap_or(f64::INFINITY));
    }

    /// Ends when a burst shows.
    pub(crate) async fn burst(&self) {
        self.burst.shown.notified().await;
    }

    /// The requests inside were reported, because of a burst or not: the next burst may show.
    pub(crate) fn reported(&self, because_of_burst: bool) {
        if !because_of_burst || !self.burst.is_over(self.inside()) {
            self.burst.armed.store(true, Release);
        }
    }

    /// By how long they took, in the buckets of `cheerful_scaling::Latency`, and their sum in seconds.
    pub(crate) fn durations(&self) -> (Vec<u64>, f64) {
        let counts = self.in_flight.counts();
        #[expect(
            clippy::cast_precision_loss,
            reason = "below 2^53 for 285 years of microseconds"
        )]
        let seconds = counts.request_micros as f64 / 1e6;
        (counts.latency, seconds)
    }

    pub(crate) fn metrics(&self) -> DoorMetrics {
        DoorMetrics {
            in_flight: self.in_flight.in_flight(),
            waiting: self.waiting.in_flight(),
            requests_total: self.arrived(),
            refused_starting_total: self.refused_early.load(Relaxed),
            refused_full_total: self.refused_full.load(Relaxed),
            refused_late_total: self.refused_late.load(Relaxed),
            failed_tries_total: self.failures.load(Relaxed),
        }
    }

    /// 503.
    fn refuse(&self, counter: &AtomicU64, text: &'static str) -> Answer {
        counter.fetch_add(1, Relaxed);
        self.in_flight.refuse();
        Answer {
            status: StatusCode::SERVICE_UNAVAILABLE,
            retry_after: Some(RETRY_AFTER),
            text: text.into(),
        }
    }

    /// 504.
    fn late(&self) -> Answer {
        Answer {
            status: StatusCode::GATEWAY_TIMEOUT,
            retry_after: None,
            ..self.refuse(&self.refused_late, "the service did not answer in time")
        }
    }

    async fn turn(&self) -> Result<Option<Turn>, Answer> {
        let Some(line) = &self.line else {
            return Ok(None);
        };
        let mut turn = pin!(line.enter());
        let turn = match poll_fn(|cx| Poll::Ready(turn.as_mut().poll(cx))).await {
            Poll::Ready(turn) => turn,
            Poll::Pending => {
                let _waits = self.waiting.enter();
                self.burst.look(self.inside());
                within(self.time_limits.whole, turn)
                    .await
                    .ok_or_else(|| self.late())?
            }
        };
        turn.map(Some)
            .map_err(|_| self.refuse(&self.refused_full, "too many requests wait for the service"))
    }
}

/// `None`: the limit has passed. Zero is none.
async fn within<T>(limit: Duration, future: impl Future<Output = T>) -> Option<T> {
    if limit.is_zero() {
        return Some(future.await);
    }
    timeout(limit, future).await.ok()
}

impl Counted for Door {
    fn replica(&self) -> &str {
        &self.pod
    }
    fn inside_app(&self) -> &Accounting {
        &self.in_flight
    }
    fn before_app(&self) -> Option<&Accounting> {
        Some(&self.waiting)
    }
}

/// Lets requests in.
#[derive(Debug)]
pub(crate) struct Entrance(pub(crate) Arc<Door>);

impl Choose for Entrance {
    type Place = DoorPlace;

    async fn choose(&self, _request: &Parts, attempt: Attempt<'_>) -> Result<DoorPlace, Answer> {
        let door = &self.0;
        if attempt.number == 0 {
            door.arrived.fetch_add(1, Relaxed);
        }
        if !door.opened.load(Acquire) {
            return Err(door.refuse(&door.refused_early, "the service is starting"));
        }
        let turn = door.turn().await?;
        let in_flight = door.in_flight.enter();
        door.burst.look(door.inside());
        Ok(DoorPlace {
            _in_flight: in_flight,
            _turn: turn,
            upgraded: AtomicBool::new(false),
            door: Arc::clone(door),
        })
    }
}

/// A request inside the app. It leaves the sums first: whoever gets its turn sees it ended.
#[derive(Debug)]
pub(crate) struct DoorPlace {
    _in_flight: InFlight,
    _turn: Option<Turn>,
    upgraded: AtomicBool,
    door: Arc<Door>,
}

impl Place for DoorPlace {
    fn upstream(&self) -> &Arc<Upstream> {
        &self.door.upstream
    }

    fn time_limits(&self) -> TimeLimits {
        self.door.time_limits
    }

    fn upgraded(&self) {
        if !self.upgraded.swap(true, AcqRel) {
            self.door.upgraded.fetch_add(1, Relaxed);
        }
    }

    fn failed(&self, failure: &Failure) {
        self.door.failures.fetch_add(1, Relaxed);
        // A slow answer says nothing about whether it listens.
        if *failure != Failure::FirstByteTimeout {
            self.door.doubt.notify_one();
        }
    }
}

impl Drop for DoorPlace {
    fn drop(&mut self) {
        if *self.upgraded.get_mut() {
            self.door.upgraded.fetch_sub(1, Relaxed);
        }
    }
}

/// Shows once when the requests pass a threshold, and again only after they were reported below it.
#[derive(Debug)]
struct Burst {
    /// The bits of an `f64`.
    threshold: AtomicU64,
    armed: AtomicBool,
    shown: Notify,
}

impl Default for Burst {
    fn default() -> Self {
        Self {
            threshold: AtomicU64::new(f64::INFINITY.to_bits()),
            armed: AtomicBool::new(true),
            shown: Notify::new(),
        }
    }
}

impl Burst {
    fn set_threshold(&self, requests: f64) {
        if self.threshold.swap(requests.to_bits(), AcqRel) != requests.to_bits() {
            self.armed.store(true, Release);
        }
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "requests in flight are far below 2^53"
    )]
    fn is_over(&self, requests: u64) -> bool {
        requests as f64 > f64::from_bits(self.threshold.load(Acquire))
    }

    fn look(&self, requests: u64) {
        if self.is_over(requests) && self.armed.swap(false, AcqRel) {
            self.shown.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    async fn shows(burst: &Burst) -> bool {
        timeout(Duration::from_millis(1), burst.shown.notified())
            .await
            .is_ok()
    }

    #[tokio::test(start_paused = true)]
    async fn a_burst_shows_once_above_its_threshold() {
        let burst = Burst::default();
        burst.look(u64::MAX);
        assert!(!shows(&burst).await, "there is no threshold yet");
        burst.set_threshold(3.5);
        burst.look(3);
        assert!(!shows(&burst).await);
        burst.look(4);
        assert!(shows(&burst).await);
        burst.look(5);
        assert!(!shows(&burst).await, "it is known already");
        burst.set_threshold(4.5);
        burst.look(5);
        assert!(shows(&burst).await, "of another threshold it is not");
    }
}
