// SPDX-License-Identifier: Apache-2.0
use std::time::Duration;

use crate::learn::ln;

/// How often a level of the scale (its k-th replica, or a range of them) was needed again after how long.
#[derive(Clone, Debug, Default)]
pub(crate) struct Level {
    /// The second after the last in which it was needed; 0: never yet.
    unused_from: u32,
    /// The most replicas that were needed in all since it was last let go.
    most: u32,
    /// Forgetting counts of how long it was not needed; the bounds are [`Level::begin_of`].
    pub(super) gaps: [f32; Self::BINS],
    /// Forgetting sum of the requests that would have waited after a gap, had it been let go, and of such gaps.
    pub(super) hurt: f32,
    pub(super) onsets: f32,
    /// The second after the one in which the requests of the last onset begin to count, and how many there were;
    /// 0: none is counted.
    onset: (u32, f32),
    /// For how many seconds it is kept.
    keep: f32,
}

/// Replicas that are worth keeping, and why.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Kept {
    pub(crate) replicas: u32,
    /// Until the highest of them goes, if it is not needed before.
    pub(crate) remains: Duration,
    /// How long it is kept from its last use.
    pub(crate) delay: Duration,
    /// Of the times that it was not needed, how many of ten ended within `delay`; `None`: too few are known.
    pub(crate) back_in_ten: Option<u32>,
}

/// What a level did in one second.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Need {
    pub(crate) second: u32,
    /// The part of the level that was used, 0 to 1.
    pub(crate) share: f64,
    /// Requests that would have waited in this second without it.
    pub(crate) requests: f64,
    /// How long a start takes until it shows, in seconds.
    pub(crate) lead: u32,
    /// Replicas needed in all.
    pub(crate) replicas: u32,
}

/// What it costs not to have a level.
pub(crate) struct Worth<P> {
    /// Requests that are taken to wait when it is needed again, as long as little is known of it.
    pub(crate) missing: f64,
    /// Replicas below it.
    pub(crate) below: u32,
    /// What it costs beyond that, in seconds of the level, is believed only where gaps are known.
    pub(crate) unproven: f64,
    /// In seconds of the level, from the requests that would wait.
    pub(crate) price: P,
}

/// What a second told.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Noted {
    /// It was not needed before.
    pub(crate) again: bool,
    /// So many requests would have waited in the start that ends now, had it been let go.
    pub(crate) hurt: Option<f64>,
}

impl Level {
    pub(crate) const BINS: usize = 20;
    /// What remains of the gaps when another comes: about the last 100 count.
    const GAPS_REMAIN: f32 = 0.99;
    /// What remains of the onsets: about the last 10 count.
    const ONSETS_REMAIN: f32 = 0.9;
    /// Before the first, as if there had been so many gaps in each bin up to [`Level::eased`] and some below: nobody knows how
    /// long it will be, and what is learned takes over bit by bit.
    const PRIOR: f32 = 0.5;
    const PRIOR_BINS: usize = 6;
    /// Fewer gaps than this are not talked of.
    const FEW: f32 = 3.0;
    /// Seconds. Shorter gaps are none.
    const SHORTEST: f64 = 1.0;
    /// Bins widen by this factor: from 1 s to 4 hours.
    const WIDENING: f64 = 1.66;

    /// Where a bin begins, in seconds.
    pub(crate) fn begin_of(bin: usize) -> f64 {
        Self::SHORTEST * Self::WIDENING.powi(bin as i32)
    }
    pub(crate) fn middle_of(bin: usize) -> f64 {
        Self::begin_of(bin) * Self::WIDENING.sqrt()
    }
    fn bin_of(seconds: f64) -> usize {
        let bin = ln(seconds.max(Self::SHORTEST) / Self::SHORTEST) / ln(Self::WIDENING);
        ((bin + 1e-9) as usize).min(Self::BINS - 1)
    }

    /// Enters a second.
    pub(crate) fn add<P: Fn(f64) -> f64>(&mut self, need: &Need, worth: &Worth<P>) -> Noted {
        let mut noted = Noted {
            again: false,
            hurt: None,
        };
        let next = need.second.saturating_add(1);
        if self.onset.0 > 0 {
            self.onset.1 += need.requests as f32;
            if next.saturating_sub(self.onset.0) >= need.lead.max(1) - 1 {
                self.hurt = self.hurt * Self::ONSETS_REMAIN + self.onset.1;
                self.onsets = self.onsets * Self::ONSETS_REMAIN + 1.0;
                self.onset.0 = 0;
                noted.hurt = Some(f64::from(self.onset.1));
                self.weigh(worth);
            }
        }
        if need.share <= 0.0 {
            return noted;
        }
        let known = self.unused_from > 0;
        let gap = need.second.saturating_sub(self.unused_from);
        if !known || f64::from(gap) > self.keep_seconds() {
            self.most = 0;
        }
        self.most = self.most.max(need.replicas);
        self.unused_from = next;
        if known && gap == 0 {
            return noted;
        }
        if known {
            self.enter(gap);
        }
        if self.onset.0 == 0 && (!known || gap >= need.lead) {
            self.onset = (next, need.requests as f32);
        }
        self.weigh(worth);
        noted.again = true;
        noted
    }
    /// Enters how many seconds it was not needed.
    pub(super) fn enter(&mut self, gap: u32) {
        self.gaps
            .iter_mut()
            .for_each(|count| *count *= Self::GAPS_REMAIN);
        self.gaps[Self::bin_of(f64::from(gap))] += 1.0;
    }
    /// Seconds since it was needed; `None`: never yet.
    pub(crate) fn idle(&self, second: u32) -> Option<f64> {
        (self.unused_from > 0).then(|| f64::from(second.saturating_sub(self.unused_from)))
    }
    /// What is kept of it at that second; `with_it`: replicas up to it.
    pub(crate) fn kept(&self, second: u32, with_it: u32) -> Option<Kept> {
        let idle = f64::from(second.saturating_sub(self.unused_from));
        let delay = self.keep_seconds();
        (self.unused_from > 0 && idle < delay).then(|| Kept {
            replicas: self.most.min(with_it),
            remains: Duration::from_secs_f64(delay - idle),
            delay: Duration::from_secs_f64(delay),
            back_in_ten: self.back_in_ten(delay),
        })
    }
    pub(crate) fn keep_seconds(&self) -> f64 {
        f64::from(self.keep)
    }
    /// Whether it has not been needed for so long.
    pub(crate) fn is_unused(&self, second: u32, seconds: u32) -> bool {
        second.saturating_sub(self.unused_from) > seconds
    }
    pub(crate) fn forget_the_last(&mut self) {
        (self.unused_from, self.onset.0) = (0, 0);
    }

    /// Chooses for how long to keep it: the time that would have cost least over the gaps that are known. A gap that is
    /// shorter costs its length, one that is longer costs the time that it was kept and a start.
    pub(crate) fn weigh<P: Fn(f64) -> f64>(&mut self, worth: &Worth<P>) {
        let hurt = (f64::from(self.hurt) + worth.missing) / (f64::from(self.onsets) + 1.0);
        let start = (worth.price)(hurt);
        let above = 1.0 - f64::from(worth.below) / f64::from(self.most.max(worth.below + 1));
        let eased = Self::eased(start.min(worth.unproven), above);
        self.keep = self.cheapest(start, eased).1 as f32;
    }
    /// For how long it is taken to be worth keeping where nothing is known. Of what was needed at once, the upper replicas
    /// go first and the lower later, so many that the share gone by then is `(exp(t / start) - 1) / (e - 1)`: the
    /// best that can be done without knowledge, at most 1.58 times as dear as the best with it (Karlin et al., 1990).
    fn eased(start: f64, above: f64) -> f64 {
        start * ln(1.0 + (std::f64::consts::E - 1.0) * above)
    }
    /// What the best way to keep it would have cost over the gaps that are known.
    pub(crate) fn cost_of_keeping(&self, start: f64) -> f64 {
        self.cheapest(start, start).0
    }
    /// How many gaps of that length there were, with those that are taken to be known before the first, which are `up_to`
    /// so long.
    pub(crate) fn count(&self, bin: usize, up_to: f64) -> f64 {
        let last = Self::bin_of(up_to / Self::WIDENING.sqrt());
        let prior = last.saturating_sub(Self::PRIOR_BINS - 1)..=last;
        let before = if prior.contains(&bin) {
            Self::PRIOR
        } else {
            0.0
        };
        f64::from(self.gaps[bin] + before)
    }
    /// How many gaps are known.
    pub(crate) fn known(&self) -> f32 {
        self.gaps.iter().sum()
    }

    /// The least cost, and for how long to keep it then.
    fn cheapest(&self, start: f64, up_to: f64) -> (f64, f64) {
        let count = |bin: usize| self.count(bin, up_to);
        let mut longer: f64 = (0..Self::BINS).map(count).sum();
        let mut waited = 0.0;
        let mut best = (longer * start, 0.0);
        for bin in 0..=Self::BINS {
            let kept = Self::begin_of(bin);
            let cost = waited + longer * (kept + start);
            if cost < best.0 {
                best = (cost, kept);
            }
            if bin < Self::BINS {
                waited += count(bin) * Self::middle_of(bin);
                longer -= count(bin);
            }
        }
        best
    }

    /// Of ten gaps, how many were in these bins.
    pub(crate) fn in_ten(&self, bins: std::ops::Range<usize>) -> u32 {
        let within: f32 = bins.map(|bin| self.gaps[bin]).sum();
        (10.0 * within / self.known().max(1e-6)).round() as u32
    }
    fn back_in_ten(&self, delay: f64) -> Option<u32> {
        let bins = (0..Self::BINS).filter(|bin| Self::begin_of(*bin) < delay);
        (self.known() >= Self::FEW).then(|| self.in_ten(0..bins.count()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Needed for one second, each time after such a gap.
    fn level(gaps: impl IntoIterator<Item = u32>, price: f64) -> Level {
        let mut level = Level::default();
        let mut second: u32 = 0;
        for gap in gaps {
            let need = |second: u32| Need {
                second,
                share: 1.0,
                requests: 1.0,
                lead: 1,
                replicas: 1,
            };
            let worth = Worth {
                missing: 1.0,
                below: 0,
                unproven: f64::INFINITY,
                price: |_| price,
            };
            level.add(&need(second), &worth);
            second += 1 + gap;
        }
        level
    }

    #[test]
    fn with_no_knowledge_it_is_kept_for_what_a_start_is_worth() {
        let keep = level([0], 400.0).keep_seconds();
        assert!((240.0..700.0).contains(&keep), "{keep}");
    }

    #[test]
    fn gaps_that_are_mostly_shorter_than_a_start_is_worth_are_waited_for() {
        let keep = level(std::iter::repeat_n(60, 50), 400.0).keep_seconds();
        // A longer one is not ruled out: what was taken to be known before goes as far as a start is worth.
        assert!((60.0..440.0).contains(&keep), "{keep}");
        let often = level((0..60).map(|n| if n % 10 == 9 { 3_000 } else { 40 }), 400.0);
        let keep = often.keep_seconds();
        assert!((40.0..100.0).contains(&keep), "{keep}");
        let kept = often.kept(often.unused_from, 1).unwrap();
        assert_eq!(kept.back_in_ten, Some(9));
    }

    #[test]
    fn gaps_that_are_longer_are_not_waited_for() {
        let keep = level(std::iter::repeat_n(3_000, 50), 400.0).keep_seconds();
        assert_eq!(keep, 0.0);
    }

    #[test]
    fn bins_reach_from_a_second_to_hours() {
        assert_eq!(
            (Level::bin_of(0.2), Level::bin_of(1.0), Level::bin_of(1e9)),
            (0, 0, 19)
        );
        for bin in 1..Level::BINS {
            assert_eq!(Level::bin_of(Level::begin_of(bin)), bin);
            assert_eq!(Level::bin_of(Level::begin_of(bin) * 0.999), bin - 1);
        }
        assert!(Level::begin_of(Level::BINS) > 4.0 * 3600.0);
    }
}
