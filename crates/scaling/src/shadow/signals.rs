// SPDX-License-Identifier: Apache-2.0
use std::collections::VecDeque;

use crate::{Aim, Floor, Moment, Reading, Scaler};

/// What signals and schedules said to the acting one and the one beside it has yet to hear, for it goes behind the clock.
#[derive(Clone, Debug, Default)]
pub(super) struct Signals(VecDeque<(u64, Signal)>);

#[derive(Clone, Debug)]
pub(super) enum Signal {
    /// A value, and how many replicas were ready then.
    Reading(Reading, u32),
    Floor(Option<Floor>),
}

impl Signals {
    /// More than eight gauges say in the few seconds; beyond it the oldest is forgotten.
    const MOST: usize = 256;

    pub(super) fn wait(&mut self, now: u64, signal: Signal) {
        if self.0.len() >= Self::MOST {
            self.0.pop_front();
        }
        self.0.push_back((now, signal));
    }
    /// Tells what was said by `clock` to the one that would have so many ready.
    pub(super) fn tell(&mut self, scaler: &mut Scaler, clock: u64, ready: u32) {
        let now = Moment::from_micros(clock);
        while let Some((_, signal)) = self.0.pop_front_if(|(at, _)| *at <= clock) {
            match signal {
                Signal::Reading(reading, there) => {
                    let reading = over(reading, there, ready, scaler);
                    // The acting one took it: what is refused here is counted here, and no fault of anybody.
                    scaler.read(now, &reading).unwrap_or_default();
                }
                Signal::Floor(floor) => scaler.schedule(now, floor),
            }
        }
    }
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The mean of so many replicas, as it would be if the same were spread over those that would be ready.
fn over(mut reading: Reading, there: u32, ready: u32, scaler: &Scaler) -> Reading {
    let gauges = &scaler.scaling().settings().gauges;
    let gauge = gauges.iter().find(|gauge| gauge.name == reading.signal);
    if gauge.is_some_and(|gauge| matches!(gauge.aim, Aim::Mean(_))) {
        reading.value *= f64::from(there.max(1)) / f64::from(ready.max(1));
    }
    reading
}
