// SPDX-License-Identifier: Apache-2.0
//! The sums against a reference, under threads.
#![allow(clippy::unwrap_used, reason = "test code")]
use std::{
    sync::atomic::{AtomicBool, Ordering::SeqCst},
    thread,
    time::{Duration, Instant},
};

use cheerful_proxy::Accounting;

#[test]
fn request_seconds_are_exact_to_one_part_in_a_million() {
    const THREADS: u32 = 8;
    let accounting = Accounting::new();
    // The reference lies within what is timed just inside and just outside of each request. Requests that are
    // long beside the time between two readings of a clock make that bracket narrow enough.
    let (inner, outer) = thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|number| {
                let accounting = &accounting;
                scope.spawn(move || {
                    let (mut inner, mut outer) = (Duration::ZERO, Duration::ZERO);
                    for _ in 0..10 {
                        let before = clock();
                        let guard = accounting.enter();
                        let inside = clock();
                        thread::sleep(Duration::from_millis(u64::from(50 + number * 7)));
                        inner += inside.elapsed();
                        drop(guard);
                        outer += before.elapsed();
                    }
                    (inner, outer)
                })
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .fold((Duration::ZERO, Duration::ZERO), |sum, (inner, outer)| {
                (sum.0 + inner, sum.1 + outer)
            })
    });
    let counts = accounting.counts();
    assert_eq!((counts.begun, counts.ended, counts.in_flight), (80, 80, 0));
    let sum = u128::from(counts.request_micros);
    let slack = inner.as_micros() / 1_000_000 + 1;
    assert!(sum + slack >= inner.as_micros(), "{sum} is under {inner:?}");
    assert!(sum <= outer.as_micros() + slack, "{sum} is over {outer:?}");
}

/// Ends the writers also when an assertion fails.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, SeqCst);
    }
}

#[test]
fn each_reading_is_new_and_consistent_however_fast_edges_follow() {
    let accounting = Accounting::new();
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let stopping = Stop(&stop);
        for _ in 0..4 {
            scope.spawn(|| {
                while !stop.load(SeqCst) {
                    let one = accounting.enter();
                    let two = accounting.enter();
                    drop(one);
                    drop(two);
                }
            });
        }
        let mut last = accounting.counts();
        for _ in 0..50 {
            thread::sleep(Duration::from_millis(2));
            let counts = accounting.counts();
            assert!(
                counts.at_micros > last.at_micros,
                "{last:?} then {counts:?}"
            );
            let micros = counts.at_micros - last.at_micros;
            let seconds = counts.request_micros.wrapping_sub(last.request_micros);
            // Never more than 8 at once: a torn reading would be off by the time since the process began.
            assert!(counts.in_flight <= 8, "{counts:?}");
            assert!(seconds <= 8 * (micros + 1), "{last:?} then {counts:?}");
            assert_eq!(counts.begun - counts.ended, counts.in_flight);
            last = counts;
        }
        drop(stopping);
    });
    assert_eq!(accounting.in_flight(), 0);
}

#[test]
fn what_is_still_in_flight_counts_up_to_now() {
    let accounting = Accounting::new();
    let guards: Vec<_> = (0..3).map(|_| accounting.enter()).collect();
    let first = accounting.counts();
    thread::sleep(Duration::from_millis(50));
    let second = accounting.counts();
    let micros = second.at_micros - first.at_micros;
    let seconds = second.request_micros - first.request_micros;
    assert!(seconds.abs_diff(3 * micros) <= 4, "{first:?} {second:?}");
    drop(guards);
    accounting.refuse();
    let last = accounting.counts();
    assert_eq!(
        (last.in_flight, last.begun, last.ended, last.refused),
        (0, 3, 3, 1)
    );
    assert_eq!(last.latency.iter().sum::<u64>(), 3);
}

#[expect(
    clippy::disallowed_methods,
    reason = "the reference is a clock of its own"
)]
fn clock() -> Instant {
    Instant::now()
}
