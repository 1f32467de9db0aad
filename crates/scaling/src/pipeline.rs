// SPDX-License-Identifier: Apache-2.0
//! The decision, step by step.
use std::time::Duration;

use crate::{
    Bound, Decision, Mode, Moment, Paused, Scaler, Settings,
    decide::{
        Course,
        bounds::Hold,
        demand::Load,
        idle::{LastReplica, grace_remains},
        rate::Rate,
    },
    decision::Reasons,
    invariants,
};

/// How far what is known can be trusted.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Knowledge {
    /// All that ought to be known.
    Whole,
    /// Some ought to have reported and are silent or were late, or came so recently that they may not have
    /// yet.
    Partial,
    /// No one has told anything.
    None,
}

impl Scaler {
    pub(crate) fn decide_now(&mut self, now: Moment) -> Decision {
        let settings = self.scaling.settings().clone();
        let observation = self.observation;
        let present = observation.present();
        let load = self.load(now);
        let knowledge = self.knowledge(now, &load);

        // Demand.
        if let Some(learner) = &mut self.learner {
            let short = self.capacity.is_some() && load.held > 0;
            learner.advance(now, self.panic.is_on() || short);
        }
        let demand = self.demand(now, &load);
        let active = self.is_active(now, &load);
        let idle_delay = self.idle_delay();
        let idle_remains = self.idle_remains(now, idle_delay);
        let idle = !active && idle_remains.is_zero();

        // Mode.
        let starting = observation.starting > 0;
        let mode = if self.capacity.is_some() {
            self.mode_with_spare(now, demand.breach, settings.stable_window)
        } else {
            self.panic
                .step(now, demand.breach, starting, settings.stable_window)
        };
        let wanted = match mode {
            _ if idle => 0,
            Mode::Stable => demand.stable,
            Mode::Panic => demand.panic,
        };
        let mut course = Course::new(wanted);

        // Rate; and in panic nothing falls.
        let (max_up, max_down) = (settings.max_up, settings.max_down);
        Rate {
            ready: observation.ready,
            present,
            max_up,
            max_down,
        }
        .limit(&mut course, demand.held);
        if mode == Mode::Panic {
            course.at_least(self.panic.most().max(present), Bound::PanicNeverFalls);
        }

        // Delays.
        let scale_down_delay = settings.scale_down_delay.or(Duration::ZERO);
        let (largest, mut scale_down_remains) =
            self.wishes.hold(now, scale_down_delay, course.replicas);
        course.at_least(largest, Bound::ScaleDownDelay);
        let kept = self.kept(now).filter(|_| !idle);
        let ahead = self.ahead(now);
        if ahead.is_some() {
            course.at_least(1, Bound::Ahead);
        }
        if let Some(kept) = kept {
            course.at_least(kept.replicas, Bound::ScaleDownDelay);
            scale_down_remains = kept.remains;
        }
        let grace_remains = grace_remains(now, observation.gateway_since, settings.grace_period);
        let idle_remains = if active { idle_delay } else { idle_remains };
        let activation = settings.activation;
        LastReplica {
            present,
            idle_remains,
            grace_remains,
            activation,
        }
        .keep(&mut course);
        match knowledge {
            Knowledge::Whole => {}
            Knowledge::Partial => course.at_least(present, Bound::MissingData),
            Knowledge::None => {
                course = Course::new(wanted);
                course.set(present, Bound::NoData);
            }
        }

        // Bounds.
        let paused = self.paused(&settings, present);
        let initial = self
            .initial_until
            .filter(|until| now < *until)
            .map(|_| settings.initial);
        Hold {
            initial,
            paused,
            min: settings.min,
            max: settings.max,
        }
        .apply(&mut course);
        if paused.is_none() {
            self.panic.decided(course.replicas);
        }

        let decision = Decision {
            at: now,
            replicas: course.replicas,
            decided: knowledge != Knowledge::None,
            mode,
            spare_capacity: self.spare_capacity(load.panic),
            present,
            ready: observation.ready,
            stable: load.stable,
            panic: load.panic,
            held: load.held,
            burst: demand.burst,
            target: self.target(),
            wanted,
            bounds: course.bounds,
            reasons: Reasons {
                spare: self.spare(now, &load),
                kept,
                ahead,
                learned: self.learned(),
                stable_window: settings.stable_window,
                panic_window: settings.panic_window,
                max_up,
                max_down,
                min: settings.min,
                max: settings.max,
                initial: settings.initial,
                activation,
                paused: paused.unwrap_or(0),
                backlog_discounted: demand.discounted,
                panic_remains: self.panic.remains(now, settings.stable_window),
                scale_down_delay,
                scale_down_remains,
                idle_delay,
                idle_remains,
                grace_period: settings.grace_period,
                grace_remains,
            },
        };
        debug_assert!(
            invariants::is_within_bounds(&decision, &settings),
            "{decision:?}"
        );
        debug_assert!(invariants::panic_lowers_nothing(&decision), "{decision:?}");
        let missing = knowledge != Knowledge::Whole;
        debug_assert!(
            invariants::missing_data_lowers_nothing(&decision, missing),
            "{decision:?}"
        );
        decision
    }

    fn knowledge(&self, now: Moment, load: &Load) -> Knowledge {
        if self.given(now).is_some() {
            return Knowledge::Whole;
        }
        let coverage = self.coverage(now);
        let waiting = load.held > 0 || load.burst > 0.0;
        let stable_window = self.scaling.settings().stable_window;
        let unheard = !self.heard && now.since(self.begin) < stable_window;
        if !waiting && (coverage.is_missing_all() || unheard) {
            Knowledge::None
        } else if coverage.is_missing_some()
            || self.presence.has_newcomers()
            || now < self.late_until
        {
            Knowledge::Partial
        } else {
            Knowledge::Whole
        }
    }

    fn is_active(&self, now: Moment, load: &Load) -> bool {
        let given = self.given(now).is_some() && (load.stable > 0.0 || load.panic > 0.0);
        given || load.held > 0 || load.burst > 0.0
    }

    /// Until the last request is the idle delay ago. With reports, an idleness shorter than a report's delay
    /// cannot be told from a report that is on its way.
    fn idle_remains(&self, now: Moment, delay: Duration) -> Duration {
        let by_reports = self.given(now).is_none() && self.observation.ready > 0;
        let least = if by_reports {
            self.history.report_delay()
        } else {
            0
        };
        let delay = delay.max(Duration::from_micros(least));
        let last = self.last_active.unwrap_or(self.begin).max(self.idle_from);
        delay.saturating_sub(now.since(last))
    }

    fn paused(&mut self, settings: &Settings, present: u32) -> Option<u32> {
        match settings.paused {
            Paused::No => None,
            Paused::Present => Some(*self.paused_at.get_or_insert(present)),
            Paused::At(replicas) => Some(replicas),
        }
    }

    fn spare_capacity(&self, panic: f64) -> i64 {
        match self.scaling.burst_capacity() {
            None => -1,
            Some(0.0) => 0,
            Some(burst) => {
                let capacity =
                    f64::from(self.observation.ready) * self.scaling.capacity_at(self.target());
                (capacity - burst - panic).floor() as i64
            }
        }
    }
}
