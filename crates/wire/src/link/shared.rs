// SPDX-License-Identifier: Apache-2.0
use std::{
    collections::BTreeSet,
    net::SocketAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use tokio::{
    sync::{
        Notify,
        mpsc::{self, error::TrySendError},
        watch,
    },
    time::Instant,
};

use super::{LinkConfig, Transport};
use crate::{Downward, Pace, TlsError, Upward, tls::ClientTls};

/// Messages that wait for one stream.
const LINE: usize = 64;

/// What the streams of a link share.
pub(super) struct Shared {
    pub(super) config: LinkConfig,
    pub(super) tls: Option<ClientTls>,
    pub(super) counted: Counted,
    /// The addresses that the name has now.
    pub(super) listed: watch::Sender<BTreeSet<SocketAddr>>,
    /// The token as it was last read.
    pub(super) token: watch::Sender<String>,
    /// A stream has ended: perhaps the name has other addresses.
    pub(super) look_again: Notify,
    lines: Mutex<Vec<Line>>,
    down: mpsc::Sender<Downward>,
    /// The burst threshold that a queue was told last.
    threshold: Mutex<Option<f64>>,
}

#[derive(Default)]
pub(super) struct Counted {
    pub(super) connects: AtomicU64,
    pub(super) failures: AtomicU64,
    pub(super) refused: AtomicU64,
    pub(super) sent: AtomicU64,
    pub(super) dropped: AtomicU64,
    pub(super) down_dropped: AtomicU64,
}

/// A message, and since when it waits.
pub(super) type Waiting = (Instant, Upward);

struct Line {
    address: SocketAddr,
    sender: mpsc::Sender<Waiting>,
}

impl Shared {
    pub(super) fn new(config: LinkConfig, down: mpsc::Sender<Downward>) -> Result<Self, TlsError> {
        let tls = match (&config.server_name, &config.ca_file) {
            (None, _) => None,
            (Some(name), Some(file)) => {
                let http_2 = config.transport == Transport::Grpc;
                Some(ClientTls::new(name, file, http_2)?)
            }
            (Some(_), None) => {
                return Err(TlsError::Pem {
                    what: "the certificates to trust",
                    why: "with TLS a file of them must be named".to_owned(),
                });
            }
        };
        Ok(Self {
            config,
            tls,
            counted: Counted::default(),
            listed: watch::Sender::default(),
            token: watch::Sender::default(),
            look_again: Notify::default(),
            lines: Mutex::default(),
            down,
            threshold: Mutex::default(),
        })
    }

    /// To all streams that are up.
    pub(super) fn send(&self, message: Upward) {
        let now = Instant::now();
        for line in lock(&self.lines).iter() {
            if let Err(TrySendError::Full(_)) = line.sender.try_send((now, message.clone())) {
                count(&self.counted.dropped);
            }
        }
    }

    pub(super) fn connected(&self) -> u64 {
        lock(&self.lines).len() as u64
    }

    /// The line of a stream that has come up; it goes when the place is dropped.
    pub(super) fn line(
        self: &Arc<Self>,
        address: SocketAddr,
    ) -> (mpsc::Receiver<Waiting>, LinePlace) {
        let (sender, receiver) = mpsc::channel(LINE);
        lock(&self.lines).push(Line { address, sender });
        let shared = Arc::clone(self);
        (receiver, LinePlace { shared, address })
    }

    /// Gives a message to the one who started the link.
    pub(super) fn tell(&self, message: Downward) {
        if let Downward::Pace(pace) = &message
            && pace.workload.is_none()
        {
            *lock(&self.threshold) = pace.burst_threshold;
        }
        if let Err(TrySendError::Full(_)) = self.down.try_send(message) {
            count(&self.counted.down_dropped);
        }
    }

    /// A stream has come up, and reports are wanted at this interval.
    pub(super) fn tell_welcome(&self, interval: std::time::Duration) {
        let burst_threshold = *lock(&self.threshold);
        self.tell(Downward::from(Pace {
            workload: None,
            interval,
            burst_threshold,
        }));
    }
}

/// A stream's place among those that are up.
pub(super) struct LinePlace {
    shared: Arc<Shared>,
    address: SocketAddr,
}

impl Drop for LinePlace {
    fn drop(&mut self) {
        lock(&self.shared.lines).retain(|line| line.address != self.address);
    }
}

pub(super) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Relaxed);
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
