// SPDX-License-Identifier: Apache-2.0
//! The steps of [`crate::Policy::Auto`] that differ: demand with spare capacity, mode, and what is kept.
use std::time::Duration;

use super::demand::{Demand, Load};
use crate::{
    Delay, Mode, Moment, Scaler,
    capacity::{Ahead, Kept, Spare, Waiting},
    number::ceil,
};

impl Scaler {
    /// The load of now is its average over this time.
    const QUICK: u64 = 2_000_000;
    /// What was asked for holds for so long, a tick: else a decision between two reports of the same moment could start
    /// a replica, and the next one take it back.
    pub(crate) const HELD: Duration = Duration::from_secs(2);

    pub(crate) fn spare(&self, now: Moment, load: &Load) -> Option<Spare> {
        let capacity = self.capacity.as_ref()?;
        let average = if self.given(now).is_some() {
            load.stable.max(load.panic)
        } else {
            self.history.average(now.as_micros(), Self::QUICK)
        };
        let waiting = Waiting {
            now: load.held as f64,
            before: capacity.held_before(),
        };
        Some(capacity.spare(average.max(load.burst), load.panic, waiting, &self.terms()))
    }

    /// What the load would have, and what may come while a replica starts.
    pub(crate) fn demand_with_spare(&self, now: Moment, load: &Load) -> Demand {
        let Some(spare) = self.spare(now, load) else {
            return self.measure().demand(load);
        };
        let larger = load.stable.max(load.panic);
        Demand {
            stable: spare.replicas,
            panic: spare.replicas,
            held: ceil(spare.backlog / self.slots()).max(u32::from(load.held > 0)),
            at_once: spare.at_once,
            burst: (load.burst > larger).then_some(load.burst + load.held as f64),
            breach: spare.at_once > self.observation.ready,
            discounted: self.observation.starting > 0 && spare.backlog < load.held as f64,
        }
    }

    /// Panic is when what is ready is too little for what is there right now: then nothing falls. It ends with that.
    /// After a restart it goes on for a stable window, for nobody knows what the replicas are needed for.
    pub(crate) fn mode_with_spare(
        &mut self,
        now: Moment,
        short: bool,
        stable_window: Duration,
    ) -> Mode {
        let restarted = self.panic.step(now, false, false, stable_window);
        if short { Mode::Panic } else { restarted }
    }

    /// The replica that ought to be there for the next request, unless a person has said when the last one goes.
    pub(crate) fn ahead(&self, now: Moment) -> Option<Ahead> {
        match self.scaling.settings().idle_delay {
            Delay::Auto => self.capacity.as_ref()?.ahead(now.as_micros()),
            Delay::Given(_) => None,
        }
    }

    /// Replicas that are worth keeping, unless a person has said how long a step down waits.
    pub(crate) fn kept(&self, now: Moment) -> Option<Kept> {
        match self.scaling.settings().scale_down_delay {
            Delay::Auto => self.capacity.as_ref()?.kept(now.as_micros()),
            Delay::Given(_) => None,
        }
    }
}
