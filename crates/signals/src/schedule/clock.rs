// SPDX-License-Identifier: Apache-2.0
use std::{
    future::Future,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use cheerful_scaling::Floor;
use tokio::time::sleep;

use super::{Schedule, next_change, on};

/// The least that schedules ask for at a moment, in seconds since 1970; its name tells until when.
#[must_use]
pub fn floor(schedules: &[Schedule], at: i64) -> Option<Floor> {
    let on = on(schedules, at)?;
    let name = &on.schedule.name;
    Some(Floor {
        replicas: on.schedule.min,
        name: match on.until_text(at) {
            Some(until) => format!("{name} {until}"),
            None => name.clone(),
        },
    })
}

/// How often the clock on the wall is looked at: it may be set forward or back.
const LOOK: Duration = Duration::from_secs(5);

/// Tells what the schedules ask for, at once and then each time that it changes, until dropped. Ends at once when there
/// is no schedule.
pub async fn follow<T, F>(schedules: &[Schedule], tell: T)
where
    T: FnMut(Option<Floor>) -> F + Send,
    F: Future<Output = ()> + Send,
{
    follow_by(schedules, wall, tell).await;
}

async fn follow_by<T, F>(schedules: &[Schedule], clock: impl Fn() -> Duration + Send, mut tell: T)
where
    T: FnMut(Option<Floor>) -> F + Send,
    F: Future<Output = ()> + Send,
{
    let mut told = None;
    loop {
        let now = clock();
        let seconds = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
        let floor = floor(schedules, seconds);
        if told.as_ref() != Some(&floor) {
            tell(floor.clone()).await;
            told = Some(floor);
        }
        if schedules.is_empty() {
            return;
        }
        let change = next_change(schedules, seconds).and_then(|at| u64::try_from(at).ok());
        let change = change.map_or(LOOK, |at| Duration::from_secs(at).saturating_sub(now));
        sleep(change.min(LOOK)).await;
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "schedules are kept by the clock on the wall, and this is the shell that reads it"
)]
fn wall() -> Duration {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Mutex,
        atomic::{AtomicI64, Ordering},
    };

    use tokio::time::Instant;

    use super::*;

    fn office() -> [Schedule; 1] {
        [Schedule {
            name: "office".to_owned(),
            cron: "0 8 * * *".parse().unwrap(),
            zone: "Europe/Berlin".parse().unwrap(),
            seconds: 36_000,
            min: 5,
        }]
    }

    #[tokio::test(start_paused = true)]
    async fn it_is_told_at_once_and_with_each_change_also_when_the_clock_is_set() {
        // 24 November 2026, 07:59:50 in Berlin.
        const START: i64 = 1_795_503_590;
        let (begin, set) = (Instant::now(), AtomicI64::new(0));
        let clock = || {
            let seconds = START + set.load(Ordering::Relaxed);
            Duration::from_secs(seconds.unsigned_abs()) + begin.elapsed()
        };
        let told = Mutex::new(Vec::new());
        let schedules = office();
        let tell = |floor: Option<Floor>| {
            let told = &told;
            let told_at = begin.elapsed().as_secs();
            async move {
                told.lock()
                    .unwrap()
                    .push((told_at, floor.map(|floor| floor.name)))
            }
        };
        let on = Some("office until 18:00 Europe/Berlin".to_owned());
        tokio::select! {
            () = follow_by(&schedules, clock, tell) => {}
            () = async {
                sleep(Duration::from_secs(100)).await;
                set.store(-3600, Ordering::Relaxed);
                sleep(Duration::from_secs(100)).await;
                set.store(3600, Ordering::Relaxed);
                sleep(Duration::from_secs(100)).await;
            } => {}
        }
        let told = told.into_inner().unwrap();
        assert_eq!((&told[0], &told[1]), (&(0, None), &(10, on.clone())));
        assert!(
            (100..=106).contains(&told[2].0) && told[2].1.is_none(),
            "{told:?}"
        );
        assert!(
            (200..=206).contains(&told[3].0) && told[3].1 == on,
            "{told:?}"
        );
        assert_eq!(told.len(), 4);
    }

    #[tokio::test]
    async fn without_a_schedule_it_is_told_once() {
        let told = Mutex::new(0);
        follow(&[], |floor| {
            let told = &told;
            async move {
                assert_eq!(floor, None);
                *told.lock().unwrap() += 1;
            }
        })
        .await;
        assert_eq!(*told.lock().unwrap(), 1);
    }
}
