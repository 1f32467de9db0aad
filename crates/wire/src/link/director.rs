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

/// A look at the name for so many at the token, at most, while nothing changes: thousands of queues ask the name system.
const MOST_ROUNDS: u32 = 6;

/// Looks up the name and reads the token again and again, and keeps a stream to each address.
pub(super) async fn direct(shared: Arc<Shared>, lookup: Lookup) {
    let mut streams: JoinSet<SocketAddr> = JoinSet::new();
    let mut running = BTreeSet::new();
    let mut backoff = Backoff::default();
    let mut rounds = Rounds::default();
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
        let mut pause = shared.config.refresh;
        if rounds.is_due() {
            match addresses(&lookup).await {
                Ok(listed) => {
                    for address in &listed {
                        if running.insert(*address) {
                            start(&mut streams, *address, Arc::clone(&shared));
                        }
                    }
                    let all_up = shared.connected() >= listed.len() as u64;
                    rounds.looked(!all_up || *shared.listed.borrow() != listed);
                    shared.listed.send_replace(listed);
                    backoff.reset();
                }
                Err(error) => {
                    let name = &shared.config.autoscaler;
                    tracing::warn!(%error, name, "the autoscaler's name cannot be looked up");
                    pause = backoff.next(random()).min(pause);
                }
            }
        }
        if rest(pause, &shared, &mut streams, &mut running).await {
            rounds = Rounds::default();
        }
    }
}

/// When the name is looked up: at each round at first, after a change and while a stream is not up; then at every second,
/// fourth, sixth.
#[derive(Debug, Default)]
struct Rounds {
    between: u32,
    left: u32,
}

impl Rounds {
    /// A round has come.
    fn is_due(&mut self) -> bool {
        self.left = self.left.saturating_sub(1);
        self.left == 0
    }

    fn looked(&mut self, changed: bool) {
        self.between = if changed || self.between == 0 {
            1
        } else {
            (self.between * 2).min(MOST_ROUNDS)
        };
        self.left = self.between;
    }
}

/// Until it is time for another round: at once when a stream ends, but not too often. Says whether one has ended.
async fn rest(
    pause: Duration,
    shared: &Shared,
    streams: &mut JoinSet<SocketAddr>,
    running: &mut BTreeSet<SocketAddr>,
) -> bool {
    let least = LEAST_PAUSE.min(pause);
    sleep(least).await;
    let mut rest = std::pin::pin!(sleep(pause.saturating_sub(least)));
    loop {
        tokio::select! {
            () = rest.as_mut() => return false,
            () = shared.look_again.notified() => return true,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_is_looked_up_less_often_while_nothing_changes() {
        let mut rounds = Rounds::default();
        let mut looks = Vec::new();
        for round in 0..24 {
            if rounds.is_due() {
                looks.push(round);
                rounds.looked(round == 0);
            }
        }
        assert_eq!(looks, [0, 1, 3, 7, 13, 19]);
        rounds.looked(true);
        assert!(rounds.is_due());
    }
}
