// SPDX-License-Identifier: Apache-2.0
use std::{
    num::NonZero,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use super::progress::Progress;

/// Does a piece of work for each of some things, on as many threads as there are cores, and gives the results in the
/// order of the things. The first thing that fails ends the others soon, and its error is the result.
pub(super) fn each<T: Sync, R: Send, E: Send>(
    things: &[T],
    progress: &Progress,
    work: impl Fn(&T) -> Result<R, E> + Sync,
) -> Result<Vec<R>, E> {
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    let next = AtomicUsize::new(0);
    let results: Mutex<Vec<(usize, R)>> = Mutex::new(Vec::with_capacity(things.len()));
    let failure = Mutex::new(None);
    thread::scope(|scope| {
        for _ in 0..cores.min(things.len()) {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(thing) = things.get(index) else {
                        return;
                    };
                    match work(thing) {
                        Ok(result) => {
                            progress.finish_one();
                            let mut results =
                                results.lock().unwrap_or_else(PoisonError::into_inner);
                            results.push((index, result));
                        }
                        Err(error) => {
                            progress.stop();
                            failure
                                .lock()
                                .unwrap_or_else(PoisonError::into_inner)
                                .get_or_insert(error);
                            return;
                        }
                    }
                }
            });
        }
    });
    if let Some(error) = failure.into_inner().unwrap_or_else(PoisonError::into_inner) {
        return Err(error);
    }
    let mut results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    results.sort_by_key(|(index, _)| *index);
    Ok(results.into_iter().map(|(_, result)| result).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_the_order_of_the_things() {
        let progress = Progress::default();
        let doubled: Result<Vec<u32>, ()> = each(&[3, 1, 2], &progress, |n| Ok(n * 2));
        assert_eq!(doubled, Ok(vec![6, 2, 4]));
    }

    #[test]
    fn what_fails_ends_all() {
        let progress = Progress::default();
        let result: Result<Vec<u32>, String> = each(&[3, 1, 2], &progress, |n| {
            if *n == 1 { Err(format!("{n}")) } else { Ok(*n) }
        });
        assert_eq!(result, Err("1".to_owned()));
        assert!(progress.is_stopped());
    }
}
