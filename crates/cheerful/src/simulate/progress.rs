// SPDX-License-Identifier: Apache-2.0
use std::{
    io::{self, IsTerminal as _, Write as _},
    sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    time::Duration,
};

/// How far the work is, and whether it is still wanted. Counted by the threads that do it, shown by the one that waits.
#[derive(Debug, Default)]
pub(super) struct Progress {
    /// Requests taken from a load so far, over all passes.
    taken: AtomicU64,
    /// Whether the load has been read once, and policies meet it.
    surveyed: AtomicBool,
    /// Policies that are done.
    done: AtomicUsize,
    stopped: AtomicBool,
}

impl Progress {
    /// Between two looks at a line that a person reads.
    pub(super) const BEAT: Duration = Duration::from_millis(200);
    /// Requests that are counted at once, so that threads do not fight for the count.
    const BATCH: u64 = 4096;

    /// The load, counted as it passes by; it ends early once [`Progress::stop`] was called.
    pub(super) fn watch<I: Iterator>(&self, load: I) -> impl Iterator<Item = I::Item> {
        let mut number = 0_u64;
        load.take_while(move |_| {
            number += 1;
            if !number.is_multiple_of(Self::BATCH) {
                return true;
            }
            self.taken.fetch_add(Self::BATCH, Ordering::Relaxed);
            !self.is_stopped()
        })
    }
    /// The load is known from now on.
    pub(super) fn survey_ends(&self) {
        self.surveyed.store(true, Ordering::Relaxed);
        self.taken.store(0, Ordering::Relaxed);
    }
    /// One policy more is done.
    pub(super) fn finish_one(&self) {
        self.done.fetch_add(1, Ordering::Relaxed);
    }
    /// The result is not wanted any more.
    pub(super) fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }
    /// Whether [`Progress::stop`] was called.
    pub(super) fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }
    /// As a person reads it: `reading, 0.4 million requests so far`, `3 of 7 policies, 12.4 million requests so far`.
    pub(super) fn in_words(&self, policies: usize) -> String {
        let taken = self.taken.load(Ordering::Relaxed);
        let done = self.done.load(Ordering::Relaxed);
        let millions = taken as f64 / 1e6;
        let what = if self.surveyed.load(Ordering::Relaxed) {
            format!("{done} of {policies} policies")
        } else {
            "reading".to_owned()
        };
        format!("{what}, {millions:.1} million requests so far")
    }
}

/// One line on stderr that is written over; on a terminal only.
#[derive(Debug)]
pub(super) struct Line {
    shown: bool,
    terminal: bool,
}

impl Line {
    pub(super) fn new() -> Self {
        Self {
            shown: false,
            terminal: io::stderr().is_terminal(),
        }
    }
    pub(super) fn show(&mut self, text: &str) {
        if self.terminal {
            self.shown = true;
            write!(io::stderr().lock(), "\r\u{1b}[K{text}").ok();
        }
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        if self.shown {
            write!(io::stderr().lock(), "\r\u{1b}[K").ok();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_load_that_is_not_wanted_any_more_ends() {
        let progress = Progress::default();
        let mut taken = 0;
        for number in progress.watch(0..1_000_000_u32) {
            if number == 10_000 {
                progress.stop();
            }
            taken += 1;
        }
        assert!((10_000..20_000).contains(&taken), "{taken}");
        assert_eq!(progress.in_words(7), "reading, 0.0 million requests so far");
        progress.survey_ends();
        progress.finish_one();
        assert_eq!(
            progress.in_words(7),
            "1 of 7 policies, 0.0 million requests so far"
        );
    }
}
