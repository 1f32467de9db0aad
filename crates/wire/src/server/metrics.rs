// SPDX-License-Identifier: Apache-2.0
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

/// The words for why a stream was refused or ended, as in [`crate::Refusal::reason`]; another counts as `other`.
const REASONS: [&str; 8] = [
    "token",
    "pod",
    "workload",
    "version",
    "bad_report",
    "too_many",
    "unavailable",
    "other",
];

/// What was counted; shared with [`crate::serve`].
#[derive(Debug, Default)]
pub struct ServerMetrics {
    connections: AtomicU64,
    streams: AtomicU64,
    pub(super) accepted: AtomicU64,
    pub(super) accept_errors: AtomicU64,
    pub(super) handshakes_failed: AtomicU64,
    pub(super) welcomed: AtomicU64,
    pub(super) messages: AtomicU64,
    pub(super) unknown: AtomicU64,
    pub(super) sent: AtomicU64,
    pub(super) too_large: AtomicU64,
    pub(super) garbage: AtomicU64,
    pub(super) hello_timeouts: AtomicU64,
    pub(super) idle_timeouts: AtomicU64,
    pub(super) slow_readers: AtomicU64,
    refused: [AtomicU64; REASONS.len()],
}

/// What [`ServerMetrics`] held at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerCounts {
    /// Connections now, those in their handshake among them.
    pub connections: u64,
    /// Streams now whose first message has come.
    pub streams: u64,
    /// Connections that were accepted.
    pub accepted_total: u64,
    /// Times that the system gave no connection: no file descriptors, mostly.
    pub accept_errors_total: u64,
    /// Connections that spoke no TLS, or neither gRPC nor our WebSocket.
    pub handshakes_failed_total: u64,
    /// Streams that were let in.
    pub welcomed_total: u64,
    /// Messages taken after the first.
    pub messages_total: u64,
    /// Messages of a kind that is not known here, or empty (signs of life).
    pub unknown_total: u64,
    /// Messages sent down.
    pub sent_total: u64,
    /// Messages over the limit; each ends its stream.
    pub too_large_total: u64,
    /// Messages that cannot be read; each ends its stream.
    pub garbage_total: u64,
    /// Connections that ended because no first message came.
    pub hello_timeouts_total: u64,
    /// Streams that ended because nothing came.
    pub idle_timeouts_total: u64,
    /// Streams that ended because the other side did not read.
    pub slow_readers_total: u64,
    /// Streams refused or ended, by the word of [`crate::Refusal::reason`].
    pub refused_total: Vec<(&'static str, u64)>,
}

impl ServerMetrics {
    /// All numbers now.
    #[must_use]
    pub fn snapshot(&self) -> ServerCounts {
        let refused = REASONS.iter().zip(&self.refused);
        ServerCounts {
            connections: self.connections.load(Relaxed),
            streams: self.streams.load(Relaxed),
            accepted_total: self.accepted.load(Relaxed),
            accept_errors_total: self.accept_errors.load(Relaxed),
            handshakes_failed_total: self.handshakes_failed.load(Relaxed),
            welcomed_total: self.welcomed.load(Relaxed),
            messages_total: self.messages.load(Relaxed),
            unknown_total: self.unknown.load(Relaxed),
            sent_total: self.sent.load(Relaxed),
            too_large_total: self.too_large.load(Relaxed),
            garbage_total: self.garbage.load(Relaxed),
            hello_timeouts_total: self.hello_timeouts.load(Relaxed),
            idle_timeouts_total: self.idle_timeouts.load(Relaxed),
            slow_readers_total: self.slow_readers.load(Relaxed),
            refused_total: refused
                .map(|(reason, count)| (*reason, count.load(Relaxed)))
                .collect(),
        }
    }

    pub(super) fn refused(&self, reason: &str) {
        let known = REASONS.iter().position(|known| *known == reason);
        count(&self.refused[known.unwrap_or(REASONS.len() - 1)]);
    }

    /// A connection; `None`: there are `most` already.
    pub(super) fn connection(self: &Arc<Self>, most: usize) -> Option<Place> {
        Place::take(self, |metrics| &metrics.connections, most)
    }

    /// A stream; `None`: there are `most` already.
    pub(super) fn stream(self: &Arc<Self>, most: usize) -> Option<Place> {
        Place::take(self, |metrics| &metrics.streams, most)
    }
}

pub(super) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Relaxed);
}

/// One of so many; gives its place back when dropped.
pub(super) struct Place {
    metrics: Arc<ServerMetrics>,
    gauge: fn(&ServerMetrics) -> &AtomicU64,
}

impl Place {
    fn take(
        metrics: &Arc<ServerMetrics>,
        gauge: fn(&ServerMetrics) -> &AtomicU64,
        most: usize,
    ) -> Option<Self> {
        let more = |now: u64| (now < most as u64).then_some(now + 1);
        gauge(metrics).fetch_update(Relaxed, Relaxed, more).ok()?;
        Some(Self {
            metrics: Arc::clone(metrics),
            gauge,
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        (self.gauge)(&self.metrics).fetch_sub(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_given_back_and_an_unknown_word_counts_as_other() {
        let metrics = Arc::new(ServerMetrics::default());
        let first = metrics.stream(1);
        assert!(first.is_some() && metrics.stream(1).is_none());
        drop(first);
        assert!(metrics.stream(1).is_some());
        metrics.refused("token");
        metrics.refused("weather");
        let refused = metrics.snapshot().refused_total;
        let counted: Vec<_> = refused
            .into_iter()
            .filter(|(_, count)| *count > 0)
            .collect();
        assert_eq!(counted, [("token", 1), ("other", 1)]);
    }
}
