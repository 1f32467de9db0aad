// SPDX-License-Identifier: Apache-2.0
use cheerful_scaling::Moment;

use super::{Figures, figures::Counters};

/// Whether what is read under one name comes from one process.
#[derive(Clone, Debug, Default)]
pub(super) struct Identity {
    /// The highest counters before the last time that they went back, and when that was.
    before: Option<(Counters, Option<f64>, Moment)>,
}

/// What a read is to the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Same {
    /// Of the same process.
    One,
    /// The process has begun anew.
    Anew,
    /// Two processes answer under this name.
    Mixed,
}

/// How long a process that went away is remembered.
const REMEMBERED_SECONDS: f64 = 60.0;

impl Identity {
    pub(super) fn judge(&mut self, last: &Figures, new: &Figures, now: Moment) -> Same {
        if let Some((counters, began, at)) = self.before {
            if now.since(at).as_secs_f64() > REMEMBERED_SECONDS {
                self.before = None;
            } else if is_again(counters, began, last, new) {
                // The counters of a process that ended do not come back.
                self.before = Some((last.counters(), last.began, now));
                return Same::Mixed;
            }
        }
        let anew = match (last.began, new.began) {
            (Some(last), Some(new)) if differ(last, new) => true,
            _ => back(last.counters(), new.counters()),
        };
        if anew {
            self.before = Some((last.counters(), last.began, now));
            return Same::Anew;
        }
        Same::One
    }
}

/// Whether `new` goes on where the one before `last` had ended.
fn is_again(before: Counters, began: Option<f64>, last: &Figures, new: &Figures) -> bool {
    if let (Some(before), Some(last), Some(new)) = (began, last.began, new.began) {
        return differ(last, new) && !differ(before, new);
    }
    let counters = new.counters();
    // A jump over all that the process before had counted: a new one begins at 0 and needs its time for that.
    let jumped = before
        .iter()
        .zip(last.counters())
        .zip(counters)
        .any(|((before, last), new)| {
            matches!((before, last, new), (Some(before), Some(last), Some(new))
            if last < *before && new >= *before)
        });
    jumped && !back(before, counters)
}

/// Whether any counter went back.
fn back(last: Counters, new: Counters) -> bool {
    last.iter()
        .zip(new)
        .any(|pair| matches!(pair, (Some(last), Some(new)) if new < *last))
}

/// Times of a process that are rounded differently are the same.
fn differ(a: f64, b: f64) -> bool {
    (a - b).abs() > 1.0
}
