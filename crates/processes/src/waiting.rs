// SPDX-License-Identifier: Apache-2.0
use std::{future::pending, net::SocketAddr, sync::Arc, time::Duration};

use tokio::{
    sync::{Semaphore, mpsc, oneshot},
    task::JoinSet,
    time::sleep,
};

use crate::{
    FrontDoor, Probe,
    entry::Live,
    lifecycle::{Wait, WaitEnd},
    news::{News, Reporter, What},
    probe::is_ready,
};

/// Probes that are under way at the same time; further ones wait their turn, first in, first out. A
/// probe takes at most a second, so that one of 500 hanging replicas holds another up by 10 s at most.
const PROBES_AT_ONCE: usize = 50;

/// Begins the waits that the machines ask for: at most one for each replica.
#[derive(Debug)]
pub(crate) struct Waits<D> {
    door: Arc<D>,
    news: mpsc::Sender<News>,
    probes: Arc<Semaphore>,
}

impl<D: FrontDoor> Waits<D> {
    pub(crate) fn new(door: Arc<D>, news: mpsc::Sender<News>) -> Self {
        Self {
            door,
            news,
            probes: Arc::new(Semaphore::new(PROBES_AT_ONCE)),
        }
    }

    pub(crate) fn begin(
        &self,
        tasks: &mut JoinSet<()>,
        (revision, number, ticket): (&Arc<str>, u64, u64),
        wait: Wait,
        probe: &Probe,
        live: &mut Live,
    ) {
        let news = self.news.clone();
        let reporter = Reporter {
            revision: Arc::clone(revision),
            number,
            news,
        };
        let waiting = match wait {
            Wait::Time(time) => tasks.spawn(async move {
                sleep(time).await;
                reporter
                    .tell(What::Waited {
                        ticket,
                        end: WaitEnd::TimeOver,
                    })
                    .await;
            }),
            Wait::Probe(after) => {
                let (probe, probes) = (probe.clone(), Arc::clone(&self.probes));
                let address = live.address();
                tasks.spawn(async move {
                    let end = probe_once(after, probe, address, &probes).await;
                    reporter.tell(What::Waited { ticket, end }).await;
                })
            }
            Wait::Drain(limit) => {
                let (recall, recalled) = oneshot::channel();
                live.recall = Some(recall);
                let (door, replica) = (Arc::clone(&self.door), Arc::clone(&live.name));
                tasks.spawn(async move {
                    let end = drain(&*door, &reporter.revision, &replica, limit, recalled).await;
                    reporter.tell(What::Waited { ticket, end }).await;
                })
            }
        };
        if let Some(old) = live.wait.replace(waiting) {
            old.abort();
        }
    }
}

async fn probe_once(
    after: Duration,
    probe: Probe,
    address: Option<SocketAddr>,
    probes: &Semaphore,
) -> WaitEnd {
    sleep(after).await;
    // It is never closed; without a permit the try would be one too many.
    let Ok(_permit) = probes.acquire().await else {
        return WaitEnd::NotAnswered;
    };
    match address {
        Some(address) if is_ready(&probe, address).await => WaitEnd::Answered,
        _ => WaitEnd::NotAnswered,
    }
}

/// When it returns the front door no longer waits: it may be told to open the replica again.
async fn drain(
    door: &impl FrontDoor,
    revision: &str,
    replica: &str,
    limit: Duration,
    recalled: oneshot::Receiver<()>,
) -> WaitEnd {
    let recalled = async {
        // A dropped sender is a wait that nobody hears any more.
        if recalled.await.is_err() {
            pending::<()>().await;
        }
    };
    tokio::select! {
        () = door.drained(revision, replica) => WaitEnd::Drained,
        () = sleep(limit) => WaitEnd::TimeOver,
        () = recalled => WaitEnd::Recalled,
    }
}
