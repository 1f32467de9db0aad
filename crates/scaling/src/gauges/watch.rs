// SPDX-License-Identifier: Apache-2.0
use std::time::Duration;

use super::{Aim, Gauge, Gauges, Label, Measured};
use crate::{Moment, Observation, Reading, Refusal, decide::delay::LargestWish, number::ceil};

/// What is known of a revision's gauges. As large as there are gauges, whatever is read.
#[derive(Clone, Debug, Default)]
pub(crate) struct Watch {
    dials: Vec<Dial>,
    /// What all of them asked for of late.
    pub(crate) wishes: LargestWish,
    /// When one that can keep the last replica last asked for any.
    pub(crate) last_active: Option<Moment>,
}

/// What is known of one gauge.
#[derive(Clone, Debug)]
struct Dial {
    gauge: Gauge,
    seen: Option<Seen>,
    /// Fewest replicas that were ready since the last reading: those that a mean is surely of.
    fewest: u32,
}

/// The newest reading.
#[derive(Clone, Copy, Debug)]
struct Seen {
    /// When it was so.
    at: Moment,
    value: f64,
    /// Of how many replicas it is the mean; 1 for what is of all together.
    replicas: u32,
}

/// What the gauges ask for together.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Asked {
    /// The largest count.
    pub(crate) wants: u32,
    /// Who asks for it.
    pub(crate) leading: Option<Leading>,
    /// The first that could be read and never was.
    pub(crate) unread: Option<Label>,
    /// Whether any was read.
    pub(crate) heard: bool,
}

/// The gauge that asks for most.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Leading {
    pub(crate) name: Label,
    pub(crate) wants: u32,
    pub(crate) value: f64,
    pub(crate) aim: Aim,
    /// Of how many replicas the value is the mean.
    pub(crate) replicas: u32,
    /// How long ago it was so, if that is so long that the signal has gone.
    pub(crate) gone: Option<Duration>,
    /// What the requests in flight would have.
    pub(crate) requests_want: u32,
}

/// One gauge at a glance.
#[derive(Clone, Debug, PartialEq)]
pub struct GaugeView {
    /// Its name.
    pub name: String,
    /// The newest value; `None`: it was never read, or there is no replica at which it could be.
    pub value: Option<f64>,
    /// How long ago it was so.
    pub age: Option<Duration>,
    /// How many replicas it asks for.
    pub wants: Option<u32>,
    /// Whether that is too long ago: it holds what it last asked for.
    pub gone: bool,
}

impl Watch {
    /// The largest wish of so long holds, where nobody has said how long a step down waits.
    pub(crate) const HOLD: Duration = Duration::from_secs(60);
    /// Largest value that is taken.
    const MOST: f64 = 1e18;

    /// What is known of gauges that are called as they were goes on.
    pub(crate) fn change(&mut self, gauges: &Gauges, ready: u32) {
        let mut old = std::mem::take(&mut self.dials);
        self.dials = gauges
            .iter()
            .map(|gauge| {
                let known = old.iter().position(|dial| dial.gauge.name == gauge.name);
                let known = known.map(|index| old.swap_remove(index));
                Dial {
                    gauge: gauge.clone(),
                    seen: known.as_ref().and_then(|dial| dial.seen),
                    fewest: known.map_or(ready, |dial| dial.fewest),
                }
            })
            .collect();
    }

    pub(crate) fn observe(&mut self, observation: &Observation) {
        for dial in &mut self.dials {
            dial.fewest = dial.fewest.min(observation.ready);
            if observation.present() == 0 && dial.gauge.measured == Measured::AtReplicas {
                dial.seen = None;
            }
        }
    }

    /// Takes a reading that arrived at `now`.
    pub(crate) fn read(
        &mut self,
        now: Moment,
        ready: u32,
        reading: &Reading,
    ) -> Result<(), Refusal> {
        let Some(dial) = (self.dials.iter_mut()).find(|dial| dial.gauge.name == reading.signal)
        else {
            return Err(Refusal::UnknownSignal);
        };
        if !reading.value.is_finite() || !reading.age_seconds.is_finite() {
            return Err(Refusal::NotFinite);
        }
        if reading.value < 0.0 {
            return Err(Refusal::Negative);
        }
        if reading.value > Self::MOST {
            return Err(Refusal::TooLarge);
        }
        if reading.age_seconds < 0.0 {
            return Err(Refusal::Future);
        }
        if reading.age_seconds >= dial.gauge.stale_after().as_secs_f64() {
            return Err(Refusal::TooOld);
        }
        let at = now.minus(Duration::from_micros(
            (reading.age_seconds * 1e6).round() as u64
        ));
        let before = dial.wants(0);
        match &mut dial.seen {
            Some(seen) if at < seen.at => return Err(Refusal::Duplicate),
            // Two of one moment: whichever comes first, the larger counts.
            Some(seen) if at == seen.at => seen.value = seen.value.max(reading.value),
            seen => {
                let replicas = match dial.gauge.aim {
                    Aim::Each(_) => 1,
                    Aim::Mean(_) => dial.fewest.min(ready).max(1),
                };
                *seen = Some(Seen {
                    at,
                    value: reading.value,
                    replicas,
                });
                dial.fewest = ready;
            }
        }
        if before.max(dial.wants(0)).is_some_and(|wants| wants > 0) {
            self.last_active = Some(now);
        }
        Ok(())
    }

    /// What they ask for now, while so many replicas are there.
    pub(crate) fn asked(&self, now: Moment, present: u32) -> Asked {
        let mut asked = Asked::default();
        for dial in &self.dials {
            let Some(seen) = dial.seen else {
                let readable = present > 0 || dial.gauge.measured == Measured::Elsewhere;
                if readable && asked.unread.is_none() {
                    asked.unread = Some(Label::new(&dial.gauge.name));
                }
                continue;
            };
            asked.heard = true;
            let wants = dial.wants(present).unwrap_or(0);
            if wants > asked.wants {
                asked.wants = wants;
                asked.leading = Some(Leading {
                    name: Label::new(&dial.gauge.name),
                    wants,
                    value: seen.value,
                    aim: dial.gauge.aim,
                    replicas: seen.replicas,
                    gone: dial.gone(now),
                    requests_want: 0,
                });
            }
        }
        asked
    }

    /// Whether nothing is asked for, nor was of late.
    pub(crate) fn is_at_rest(&self, now: Moment, present: u32) -> bool {
        self.wishes.is_at_rest() && self.asked(now, present).wants == 0
    }

    pub(crate) fn view(&self, now: Moment, present: u32) -> Vec<GaugeView> {
        let view = |dial: &Dial| GaugeView {
            name: dial.gauge.name.clone(),
            value: dial.seen.map(|seen| seen.value),
            age: dial.seen.map(|seen| now.since(seen.at)),
            wants: dial.wants(present),
            gone: dial.gone(now).is_some(),
        };
        self.dials.iter().map(view).collect()
    }
}

impl Dial {
    /// How many replicas it asks for while so many are there; `None`: nothing is known.
    fn wants(&self, present: u32) -> Option<u32> {
        let seen = self.seen?;
        if seen.value <= self.gauge.activation.unwrap_or(0.0) {
            return Some(0);
        }
        let wants = match self.gauge.aim {
            Aim::Each(each) => ceil(seen.value / each).max(1),
            Aim::Mean(target) => {
                // The replicas that came since have not made the load any larger.
                let replicas = seen.value * f64::from(seen.replicas) / target;
                let off = (replicas / f64::from(present) - 1.0).abs();
                if present > 0 && off <= Gauge::TOLERANCE {
                    present
                } else {
                    ceil(replicas)
                }
            }
        };
        // What a replica that idles takes of its CPU is no reason to keep it.
        let idles = wants <= 1 && self.is_of_the_replicas_themselves();
        Some(if idles { 0 } else { wants })
    }

    fn is_of_the_replicas_themselves(&self) -> bool {
        matches!(self.gauge.aim, Aim::Mean(_)) && self.gauge.measured == Measured::AtReplicas
    }

    fn gone(&self, now: Moment) -> Option<Duration> {
        let age = now.since(self.seen?.at);
        (age >= self.gauge.stale_after()).then_some(age)
    }
}
