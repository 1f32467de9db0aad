// SPDX-License-Identifier: Apache-2.0
//! A signal that is asked for from time to time.
use std::{future::Future, sync::Arc, time::Duration};

use cheerful_scaling::Reading;
use tokio::{
    sync::Semaphore,
    time::{Instant, sleep},
};

use crate::Unread;

/// Where the value of one signal comes from. It is asked again and again, never twice at a time.
pub trait Ask: Send {
    /// The value now. It takes no longer than its own limit.
    ///
    /// # Errors
    /// Why there is none.
    fn ask(&mut self) -> impl Future<Output = Result<f64, Unread>> + Send;
}

/// The longest wait for the first value: those of many revisions do not all come at once.
const FIRST: Duration = Duration::from_secs(2);

/// Whose signal it is.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs)]
pub struct Place<'a> {
    pub revision: &'a str,
    pub signal: &'a str,
}

/// Asks until dropped, once in `every`, each time up to a tenth sooner or later. `at_once` bounds how many are
/// being asked over all revisions; who waits for it is late, not left out.
pub async fn follow<A: Ask>(
    mut source: A,
    place: Place<'_>,
    every: Duration,
    at_once: Arc<Semaphore>,
    tell: impl Fn(Result<Reading, Unread>) + Send,
) {
    let mut chance = Chance::of(place);
    sleep(every.min(FIRST).mul_f64(chance.next())).await;
    loop {
        let began = Instant::now();
        // It is never closed.
        let turn = at_once.acquire().await.ok();
        let asked = Instant::now();
        let value = source.ask().await;
        drop(turn);
        tell(value.map(|value| Reading {
            signal: place.signal.to_owned(),
            age_seconds: asked.elapsed().as_secs_f64(),
            value,
        }));
        let next = began + every.mul_f64(0.9 + 0.2 * chance.next());
        sleep(next.saturating_duration_since(Instant::now())).await;
    }
}

/// Numbers from 0 to 1, another row for each place (splitmix64 over FNV-1a).
#[derive(Debug)]
struct Chance(u64);

impl Chance {
    fn of(place: Place<'_>) -> Self {
        let start = 0xcbf2_9ce4_8422_2325;
        let mix = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        let bytes = place
            .revision
            .bytes()
            .chain([0])
            .chain(place.signal.bytes());
        Self(bytes.fold(start, mix))
    }

    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        f64::from(u32::try_from((z ^ (z >> 31)) >> 32).unwrap_or(0)) / f64::from(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    fn place(revision: &str) -> Place<'_> {
        Place {
            revision,
            signal: "jobs",
        }
    }

    struct Slow(f64);

    impl Ask for Slow {
        async fn ask(&mut self) -> Result<f64, Unread> {
            sleep(Duration::from_secs(1)).await;
            self.0 += 1.0;
            match self.0 {
                2.0 => Err(Unread::Status(500)),
                value => Ok(value),
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn it_is_read_once_in_the_interval_and_told_each_time() {
        let told = Mutex::new(Vec::new());
        let start = Instant::now();
        let tell = |reading| told.lock().unwrap().push((start.elapsed(), reading));
        let every = Duration::from_secs(15);
        let follow = follow(
            Slow(0.0),
            place("cart"),
            every,
            Arc::new(Semaphore::new(1)),
            tell,
        );
        let ended = tokio::time::timeout(Duration::from_secs(100), follow).await;
        assert!(ended.is_err());
        let told = told.into_inner().unwrap();
        assert!((6..=7).contains(&told.len()), "{told:?}");
        assert!(told[0].0 <= Duration::from_secs(3));
        for pair in told.windows(2) {
            let apart = pair[1].0 - pair[0].0;
            assert!((13.4..16.6).contains(&apart.as_secs_f64()), "{apart:?}");
        }
        let first = told[0].1.clone().unwrap();
        assert_eq!((&*first.signal, first.value), ("jobs", 1.0));
        assert!((first.age_seconds - 1.0).abs() < 0.01);
        assert_eq!(told[1].1, Err(Unread::Status(500)));
    }

    #[tokio::test(start_paused = true)]
    async fn no_more_at_once_than_are_let() {
        let told = Arc::new(Mutex::new(Vec::new()));
        let start = Instant::now();
        let at_once = Arc::new(Semaphore::new(1));
        let mut all = tokio::task::JoinSet::new();
        for number in 0..8 {
            let (at_once, told) = (Arc::clone(&at_once), Arc::clone(&told));
            all.spawn(async move {
                let name = format!("r{number}");
                let tell = |_| told.lock().unwrap().push(start.elapsed());
                follow(
                    Slow(9.0),
                    place(&name),
                    Duration::from_secs(20),
                    at_once,
                    tell,
                )
                .await;
            });
        }
        sleep(Duration::from_secs(12)).await;
        all.shutdown().await;
        let told = told.lock().unwrap();
        assert_eq!(told.len(), 8);
        let second = Duration::from_millis(999);
        assert!(
            told.windows(2).all(|pair| pair[1] - pair[0] >= second),
            "{told:?}"
        );
    }
}
