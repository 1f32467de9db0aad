// SPDX-License-Identifier: Apache-2.0
//! What a scaler is told of signals that are no requests in flight, and of schedules.
use crate::{Floor, GaugeView, Moment, Reading, Refusal, Scaler, gauges::Asked};

impl Scaler {
    /// Takes the value of a signal that is no request in flight.
    ///
    /// # Errors
    /// Says why it was refused; it was counted and nothing else changed.
    pub fn read(&mut self, now: Moment, reading: &Reading) -> Result<(), Refusal> {
        let now = self.pass(now);
        let ready = self.observation.ready;
        let taken = (self.watch.as_mut()).map_or(Err(Refusal::UnknownSignal), |watch| {
            watch.read(now, ready, reading)
        });
        if let Err(refusal) = taken {
            self.refused.count(refusal);
        }
        taken
    }
    /// Takes the least that a schedule asks for from now on; `None`: none is on.
    pub fn schedule(&mut self, now: Moment, floor: Option<Floor>) {
        self.pass(now);
        self.floor = floor.map(Box::new);
    }
    /// Each gauge at a glance, in the order of the settings.
    #[must_use]
    pub fn gauges(&self, now: Moment) -> Vec<GaugeView> {
        let present = self.observation.present();
        (self.watch.as_ref())
            .map_or_else(Vec::new, |watch| watch.view(now.max(self.clock), present))
    }
    /// The least that a schedule asks for now.
    #[must_use]
    pub fn floor(&self) -> Option<&Floor> {
        self.floor.as_deref()
    }
    /// What the gauges ask for.
    pub(crate) fn asked(&self, now: Moment) -> Asked {
        (self.watch.as_ref()).map_or_else(Asked::default, |watch| {
            watch.asked(now, self.observation.present())
        })
    }
    /// Follows the gauges of the settings.
    pub(crate) fn change_gauges(&mut self) {
        let gauges = &self.scaling.settings().gauges;
        if gauges.is_empty() {
            self.watch = None;
        } else {
            let ready = self.observation.ready;
            (self.watch.get_or_insert_default()).change(gauges, ready);
        }
    }
}
