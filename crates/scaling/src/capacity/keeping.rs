// SPDX-License-Identifier: Apache-2.0
use std::time::Duration;

use super::{
    ahead::{Ahead, Plan},
    level::{Kept, Level, Need, Worth},
};

/// Which replicas are worth keeping though nothing needs them now: ski rental for each level of the scale.
///
/// To let a replica go and start it again costs what the requests that come in between wait; to keep it costs
/// its idling. Nobody knows when it will be needed again, but how long that took so far is known.
///
/// There are at most [`Keeping::MOST_LEVELS`] levels. Where more replicas were needed each stands for several: their
/// `width`, a power of two.
#[derive(Clone, Debug)]
pub(crate) struct Keeping {
    pub(super) levels: Vec<Level>,
    /// Replicas in one level.
    pub(super) width: u32,
    /// For the last replica, where the next request can be foreseen.
    plan: Option<Plan>,
    pub(super) onsets: Onsets,
    /// Requests that a level serves within a start when it is fully used.
    full: f64,
}

/// What all levels tell of one of which little is known: which share of it was missing when it was needed again.
/// Where the load rises smoothly, what is foreseen covers it and nothing was; where it comes in bursts, much was.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Onsets {
    /// Forgetting sum of the shares.
    pub(super) hurt: f64,
    /// Forgetting count.
    pub(super) count: f64,
}

impl Onsets {
    const REMAIN: f64 = 0.999;
    /// As if all of it had been missing so often before the first.
    const PRIOR: f64 = 20.0;

    fn enter(&mut self, share: f64) {
        self.hurt = self.hurt * Self::REMAIN + share;
        self.count = self.count * Self::REMAIN + 1.0;
    }
    fn share(&self) -> f64 {
        (self.hurt + Self::PRIOR) / (self.count + Self::PRIOR)
    }
}

impl Default for Keeping {
    fn default() -> Self {
        Self {
            levels: Vec::new(),
            width: 1,
            plan: None,
            onsets: Onsets::default(),
            full: 0.0,
        }
    }
}

/// What was needed in one second.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Use {
    /// Replicas, with their fractions.
    pub(crate) replicas: f64,
    /// Replicas that the load alone filled.
    pub(crate) filled: f64,
    /// Replicas that would have been there for the load alone and its margin, started in time.
    pub(crate) covered: f64,
    /// What one replica serves when it is fully used.
    pub(crate) requests_per_second: f64,
    /// How long a start takes until it shows, in seconds.
    pub(crate) lead: u32,
}

impl Keeping {
    pub(crate) const MOST_LEVELS: usize = 20;
    /// When nothing above a quarter of the levels was needed for so long, the levels become narrower.
    const NARROWER_AFTER: u32 = 3_600;
    /// Longest that one but the last is kept, as a person may set it.
    const LONGEST: Duration = Duration::from_secs(3_600);
    /// Longest that the last is kept.
    const LONGEST_IDLE: Duration = Duration::from_secs(4 * 3_600);

    pub(crate) fn add(&mut self, second: u32, used: Use, costs: Costs) {
        let needed = crate::number::ceil(used.replicas);
        if self.width > 1 && second.is_multiple_of(64) {
            self.narrow(second);
        }
        // Last, or what has just become narrower might be too narrow for this.
        while needed > self.width.saturating_mul(Self::MOST_LEVELS as u32) {
            self.widen();
        }
        let levels = needed.div_ceil(self.width) as usize;
        if self.levels.len() < levels {
            self.levels.reserve_exact(levels - self.levels.len());
            self.levels.resize(levels, Level::default());
        }
        let width = f64::from(self.width);
        self.full = width * used.requests_per_second * f64::from(used.lead);
        let missing = self.missing();
        for (below, level) in self.levels.iter_mut().enumerate() {
            let share = (used.replicas / width - below as f64).clamp(0.0, 1.0);
            let filled = (used.filled / width - below as f64).clamp(0.0, 1.0);
            let covered = (used.covered / width - below as f64).clamp(0.0, 1.0);
            let need = Need {
                second,
                share,
                requests: (filled - covered).max(0.0) * width * used.requests_per_second,
                lead: used.lead,
                replicas: needed,
            };
            let worth = Worth {
                missing: missing.of(below),
                below: (below as u32).saturating_mul(self.width),
                unproven: unproven(below, costs),
                price: |requests| cost(below, requests / width, costs),
            };
            let noted = level.add(&need, &worth);
            if let Some(hurt) = noted.hurt
                && self.full > 0.0
            {
                self.onsets.enter((hurt / self.full).min(1.0));
            }
            if noted.again && below == 0 {
                self.plan = Plan::best(level, costs.start, cost(0, 1.0, costs));
            }
        }
    }
    /// The replica that ought to be there for the next request; `lead`: how long a start takes until it shows.
    pub(crate) fn ahead(&self, second: u32, lead: f64) -> Option<Ahead> {
        let idle = self.levels.first()?.idle(second)?;
        self.plan?.at(idle, lead)
    }
    /// Whether a replica will be started ahead of the next request.
    pub(crate) fn foresees(&self, second: u32) -> bool {
        let idle = self.levels.first().and_then(|level| level.idle(second));
        let until = self.plan.map_or(0.0, |plan| plan.until);
        idle.is_some_and(|idle| idle < until)
    }
    /// The replicas that are kept at that second.
    pub(crate) fn kept(&self, second: u32) -> Option<Kept> {
        let levels = self.levels.iter().enumerate().rev();
        let kept = levels
            .map(|(below, level)| (below as u32 + 1, level))
            .find_map(|(number, level)| level.kept(second, number.saturating_mul(self.width)))?;
        Some(Kept {
            remains: kept.remains.min(Self::LONGEST),
            ..kept
        })
    }
    /// From the last request to zero.
    pub(crate) fn idle_delay(&self, costs: Costs) -> Duration {
        let seconds = match (self.plan, self.levels.first()) {
            (Some(plan), _) => plan.keep,
            (None, Some(level)) => level.keep_seconds(),
            (None, None) => {
                let mut unknown = Level::default();
                unknown.weigh(&Worth {
                    missing: Missing::ONE,
                    below: 0,
                    unproven: unproven(0, costs),
                    price: |requests| cost(0, requests, costs),
                });
                unknown.keep_seconds()
            }
        };
        Duration::from_secs_f64(seconds).min(Self::LONGEST_IDLE)
    }
    /// The thrift has changed.
    pub(crate) fn weigh(&mut self, costs: Costs) {
        let width = f64::from(self.width);
        let missing = self.missing();
        for (below, level) in self.levels.iter_mut().enumerate() {
            level.weigh(&Worth {
                missing: missing.of(below),
                below: (below as u32).saturating_mul(self.width),
                unproven: unproven(below, costs),
                price: |requests| cost(below, requests / width, costs),
            });
        }
        let plan = |level: &Level| Plan::best(level, costs.start, cost(0, 1.0, costs));
        self.plan = self.levels.first().and_then(plan);
    }
    #[cfg(test)]
    pub(crate) fn bytes(&self) -> usize {
        self.levels.capacity() * size_of::<Level>()
    }

    fn missing(&self) -> Missing {
        Missing(self.full * self.onsets.share())
    }
    fn widen(&mut self) {
        let mut number = 0;
        self.levels.retain(|_| {
            number += 1;
            number % 2 == 1
        });
        self.width *= 2;
    }
    fn narrow(&mut self, second: u32) {
        let quarter = Self::MOST_LEVELS / 4;
        let unused = |level: &Level| level.is_unused(second, Self::NARROWER_AFTER);
        if !self.levels.iter().skip(quarter).all(unused) {
            return;
        }
        self.levels.truncate(quarter);
        let upper = |level: &Level| {
            let mut upper = level.clone();
            upper.forget_the_last();
            upper
        };
        self.levels = self
            .levels
            .iter()
            .flat_map(|level| [level.clone(), upper(level)])
            .collect();
        self.width /= 2;
    }
}

/// Requests that are taken to wait when a level is needed again, as long as little is known of it.
#[derive(Clone, Copy, Debug)]
struct Missing(f64);

impl Missing {
    /// The last replica waits for a request, and that is one.
    const ONE: f64 = 1.0;

    fn of(self, below: usize) -> f64 {
        if below == 0 { Self::ONE } else { self.0 }
    }
}

/// What it costs not to have a replica, in seconds of one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Costs {
    /// For each request that waits.
    pub(crate) wait: f64,
    /// For each start from zero.
    pub(crate) cold_start: f64,
    /// For each start: it takes its time too.
    pub(crate) start: f64,
    /// What is beyond it is believed only where gaps are known.
    pub(crate) unproven: f64,
}

/// For the last replica what a start from zero costs is given, not estimated.
fn unproven(below: usize, costs: Costs) -> f64 {
    if below == 0 {
        f64::INFINITY
    } else {
        costs.unproven
    }
}

/// What it costs not to have the replica of a level when so many requests would wait for it.
fn cost(below: usize, requests: f64, costs: Costs) -> f64 {
    let waits = requests * costs.wait + costs.start;
    if below == 0 {
        waits.max(costs.cold_start)
    } else {
        waits
    }
}
