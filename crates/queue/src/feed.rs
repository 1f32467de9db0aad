// SPDX-License-Identifier: Apache-2.0
use std::{future::pending, sync::Arc, time::Duration};

use cheerful_scaling::Report;
use cheerful_wire::{Downward, Link, Pace, ReplicaReport, Upward};
use tokio::{
    sync::{mpsc, watch},
    task::yield_now,
    time::{Instant, sleep_until},
};

use crate::{Reporter, door::Door, state::State};

/// Where reports go. Sending never waits, and what cannot be sent is lost: the next one covers a new interval.
pub trait Reports: Send + Sync {
    /// Sends one.
    fn send(&self, report: ReplicaReport);

    /// Ways to autoscalers that have come up so far: a new one is told at once how it stands.
    fn opened(&self) -> u64 {
        0
    }
}

impl Reports for Link {
    fn send(&self, report: ReplicaReport) {
        Self::send(self, Upward::Report(report));
    }

    fn opened(&self) -> u64 {
        self.metrics().connects_total
    }
}

impl<R: Reports> Reports for Arc<R> {
    fn send(&self, report: ReplicaReport) {
        (**self).send(report);
    }

    fn opened(&self) -> u64 {
        (**self).opened()
    }
}

/// Reports: first when the app answers, then as often as the autoscaler says, at once on a burst and on each change.
pub(crate) struct Feed<R> {
    reports: R,
    door: Arc<Door>,
    reporter: Reporter,
    interval: Duration,
    next: Instant,
    burst_due: Option<Instant>,
    state: State,
    /// [`Reports::opened`] when it was last looked at.
    opened: u64,
}

/// Between two reports until the autoscaler says another interval.
const INTERVAL: Duration = Duration::from_secs(1);

/// What the autoscaler may say.
const LEAST: Duration = Duration::from_millis(100);
const MOST: Duration = Duration::from_secs(60);

/// While the app has not answered yet there is nothing to tell but that somebody is here.
const STARTING: Duration = Duration::from_secs(10);

/// From the moment a burst shows to its report, so that the report is an average over some time.
pub const BURST_DELAY: Duration = Duration::from_millis(20);

impl<R: Reports> Feed<R> {
    pub(crate) fn new(reports: R, door: Arc<Door>, first: u64) -> Self {
        Self {
            reports,
            reporter: Reporter::counting_from(first, &door),
            door,
            interval: INTERVAL,
            next: Instant::now() + STARTING,
            burst_due: None,
            state: State::default(),
            opened: 0,
        }
    }

    /// Runs until dropped.
    pub(crate) async fn run(
        &mut self,
        mut states: watch::Receiver<State>,
        mut down: mpsc::Receiver<Downward>,
    ) {
        let door = Arc::clone(&self.door);
        let mut open = true;
        states.mark_changed();
        loop {
            let burst_due = self.burst_due;
            tokio::select! {
                message = down.recv(), if open => match message {
                    Some(Downward::Pace(pace)) => {
                        self.take(&pace);
                        self.greet().await;
                    }
                    // What concerns gateways is not sent here.
                    Some(Downward::Replica(_)) => {}
                    None => open = false,
                },
                // The sender lives as long as the sidecar.
                Ok(()) = states.changed() => {
                    let state = states.borrow_and_update().clone();
                    self.changed(state).await;
                }
                () = door.burst(), if self.state.has_answered => {
                    self.burst_due
                        .get_or_insert_with(|| Instant::now() + BURST_DELAY);
                }
                () = until(burst_due) => {
                    self.burst_due = None;
                    self.report(true);
                }
                () = sleep_until(self.next) => self.regular().await,
            }
        }
    }

    fn take(&mut self, pace: &Pace) {
        self.door.set_burst_threshold(pace.burst_threshold);
        let interval = pace.interval.clamp(LEAST, MOST);
        if interval != self.interval {
            self.interval = interval;
            if self.state.has_answered {
                self.next = self.next.min(Instant::now() + interval);
            }
        }
    }

    /// The first that a new stream brings is its pace. Whoever has just come has not heard that the app answers.
    async fn greet(&mut self) {
        let opened = self.reports.opened();
        if opened != self.opened {
            self.opened = opened;
            self.regular().await;
        }
    }

    async fn changed(&mut self, state: State) {
        let before = std::mem::replace(&mut self.state, state);
        let state = &self.state;
        if (before.answering, before.draining) == (state.answering, state.draining) {
            return;
        }
        if !state.has_answered {
            self.presence().await;
        } else if before.has_answered {
            self.report(false);
        } else {
            // The first: what was before is no time of a replica.
            self.presence().await;
            self.next = Instant::now() + self.interval;
        }
    }

    async fn regular(&mut self) {
        if self.state.has_answered {
            self.report(false);
            self.next = Instant::now() + self.interval;
        } else {
            self.presence().await;
            self.next = Instant::now() + STARTING;
        }
    }

    /// Says how it stands and covers no more than a moment.
    async fn presence(&mut self) {
        self.reporter.restart(&self.door);
        while !self.report(false) {
            // Less than a microsecond has passed.
            yield_now().await;
        }
    }

    /// The last one.
    pub(crate) fn last(&mut self) {
        self.report(false);
    }

    fn report(&mut self, burst: bool) -> bool {
        let report = self.reporter.report(&self.door, burst);
        self.door.reported(burst);
        let reported = report.is_some();
        if let Some(report) = report {
            self.send(report);
        }
        reported
    }

    fn send(&self, report: Report) {
        self.reports.send(ReplicaReport {
            report,
            ready: self.state.answering && !self.state.draining,
            draining: self.state.draining,
        });
    }
}

async fn until(due: Option<Instant>) {
    match due {
        Some(due) => sleep_until(due).await,
        None => pending().await,
    }
}
