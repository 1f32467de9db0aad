// SPDX-License-Identifier: Apache-2.0
use std::{collections::BTreeSet, io, net::SocketAddr, path::Path, sync::Arc, time::Duration};

use tokio::{
    task::JoinSet,
    time::{sleep, timeout},
};

use super::{
    Lookup,
    backoff::{Backoff, random},
    shared::Shared,
    stream,
};

/// Autoscalers that are spoken to; more addresses than that are left out.
const MOST: usize = 16;
/// For the name system to answer.
const LOOKUP_LIMIT: Duration = Duration::from_secs(5);
/// Between two looks, however often streams end.
const LEAST_PAUSE: Duration = Duration::from_millis(500);

/// Looks up the name and reads the token again and again, and keeps a stream to each address.
pub(super) async fn direct(shared: Arc<Shared>, lookup: Lookup) {
    let mut streams: JoinSet<SocketAddr> = JoinSet::new();
    let mut running = BTreeSet::new();
    let mut backoff = Backoff::default();
    loop {
        match token(shared.config.token_file.as_deref()).await {
            Ok(token) => {
                shared.token.send_if_modified(|last| {
                    let changed = *last != token;
                    *last = token;
                    changed
                });
            }
            Err(error) => tracing::warn!(%error, "the token cannot be read; the last one stays"),
        }
        let pause = match addresses(&lookup).await {
            Ok(listed) => {
                for address in &listed {
                    if running.insert(*address) {
                        start(&mut streams, *address, Arc::clone(&shared));
                    }
                }
                shared.listed.send_replace(listed);
                backoff.reset();
                shared.config.refresh
            }
            Err(error) => {
                let name = &shared.config.autoscaler;
                tracing::warn!(%error, name, "the autoscaler's name cannot be looked up");
                backoff.next(random()).min(shared.config.refresh)
            }
        };
        rest(pause, &shared, &mut streams, &mut running).await;
    }
}

/// Until it is time to look again: at once when a stream ends, but not too often.
async fn rest(
    pause: Duration,
    shared: &Shared,
    streams: &mut JoinSet<SocketAddr>,
    running: &mut BTreeSet<SocketAddr>,
) {
    let least = LEAST_PAUSE.min(pause);
    sleep(least).await;
    let mut rest = std::pin::pin!(sleep(pause.saturating_sub(least)));
    loop {
        tokio::select! {
            () = rest.as_mut() => return,
            () = shared.look_again.notified() => return,
            Some(ended) = streams.join_next() => match ended {
                // Its address is no longer listed.
                Ok(address) => { running.remove(&address); }
                Err(error) => tracing::error!(%error, "a stream's task failed"),
            }
        }
    }
}

fn start(streams: &mut JoinSet<SocketAddr>, address: SocketAddr, shared: Arc<Shared>) {
    streams.spawn(stream::keep_up(address, shared));
}

async fn addresses(lookup: &Lookup) -> io::Result<BTreeSet<SocketAddr>> {
    let found = timeout(LOOKUP_LIMIT, lookup()).await??;
    if found.is_empty() {
        return Err(io::Error::new(io::ErrorKind::NotFound, "it has no address"));
    }
    let all: BTreeSet<_> = found.into_iter().collect();
    if all.len() > MOST {
        tracing::warn!(
            addresses = all.len(),
            most = MOST,
            "some autoscalers are left out"
        );
    }
    Ok(all.into_iter().take(MOST).collect())
}

/// Empty when there is no file.
pub(super) async fn token(file: Option<&Path>) -> io::Result<String> {
    let Some(file) = file else {
        return Ok(String::new());
    };
    let token = tokio::fs::read_to_string(file).await?;
    Ok(token.trim().to_owned())
}
