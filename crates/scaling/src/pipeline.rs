// SPDX-License-Identifier: Apache-2.0
//! The decision, step by step.
use std::time::Duration;

use crate::{
    Bound, Decision, Delay, Mode, Moment, Paused, Scaler, Settings,
    decide::{
        Course,
        bounds::Hold,
        demand::Load,
        idle::{LastReplica, grace_remains},
        rate::Rate,
    },
    decision::Reasons,
    gauges::{Asked, Label, Leading, Watch},
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
        let asked = self.asked(now);
        let knowledge = self.knowledge(now, &load, &asked);

        // Demand.
        if let Some(learner) = &mut self.learner {
            let short = self.capacity.is_some() && load.held > 0;
            learner.advance(now, self.panic.is_on() || short);
        }
        let demand = self.demand(now, &load);
        let active = asked.wants > 0 || self.is_active(now, &load);
        let idle_delay = self.idle_delay();
        let idle_remains = self.idle_remains(now, idle_delay);
        let idle = !active && idle_remains.is_zero();

        // Mode.
        let starting = observation.starting > 0;
        let mode = if self.capacity.is_some() {
            // What was there before the idle delay is no load that anything is too little for.
            self.mode_with_spare(now, demand.breach && !idle, settings.stable_window)
        } else {
            self.panic
                .step(now, demand.breach, starting, settings.stable_window)
        };
        let requests_want = match mode {
            _ if idle || !(settings.requests || load.held > 0) => 0,
            Mode::Stable => demand.stable,
            Mode::Panic => demand.panic,
        };
        // Each signal wants a number: the largest counts.
        let signal = (asked.leading)
            .filter(|_| asked.wants > requests_want)
            .map(|leading| Leading {
                requests_want,
                ..leading
            });
        let wanted = requests_want.max(asked.wants);
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
            // A panic that is only of now has had no count before.
            let most = match self.capacity.is_some() && !self.panic.is_on() {
                true => 0,
                false => self.panic.most(),
            };
            course.at_least(most.max(present), Bound::PanicNeverFalls);
        }

        // Delays.
        let held = if self.capacity.is_some() {
            Self::HELD
        } else {
            Duration::ZERO
        };
        let scale_down_delay = settings.scale_down_delay.or(held);
        let (largest, mut scale_down_remains) =
            self.wishes.hold(now, scale_down_delay, course.replicas);
        course.at_least(largest, Bound::ScaleDownDelay);
        let signal_remains = self.hold_for_signals(now, &asked, &settings, &mut course);
        let kept = self.kept(now).filter(|_| !idle);
        let ahead = self.ahead(now);
        if ahead.is_some() {
            course.at_least(1, Bound::Ahead);
        }
        if let Some(kept) = kept {
            // To keep is not to start: what has gone comes back only when it is needed.
            let there = (self.last).map_or(present, |(_, replicas)| replicas.max(present));
            course.at_least(kept.replicas.min(there), Bound::ScaleDownDelay);
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
        course.at_least(observation.busy.min(present), Bound::Busy);
        if asked.unread.is_some() {
            course.at_least(present, Bound::Unread);
        }
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
        let schedule = (self.floor.as_ref()).map(|floor| (Label::new(&floor.name), floor.replicas));
        Hold {
            initial,
            schedule: schedule.map(|(_, least)| least),
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
                requests: settings.requests,
                whole: knowledge == Knowledge::Whole,
                signal,
                unread: asked.unread,
                signal_remains,
                busy: observation.busy,
                schedule,
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
        let missing = knowledge != Knowledge::Whole || asked.unread.is_some();
        debug_assert!(
            invariants::missing_data_lowers_nothing(&decision, missing),
            "{decision:?}"
        );
        decision
    }

    /// What the gauges asked for of late holds, where nobody has said how long a step down waits (then it is held with
    /// all the rest). Gives how long it still does.
    fn hold_for_signals(
        &mut self,
        now: Moment,
        asked: &Asked,
        settings: &Settings,
        course: &mut Course,
    ) -> Duration {
        let Some(watch) = &mut self.watch else {
            return Duration::ZERO;
        };
        if asked.wants > 0 {
            watch.last_active = Some(now);
        }
        let delay = match settings.scale_down_delay {
            Delay::Auto => Watch::HOLD,
            Delay::Given(_) => Duration::ZERO,
        };
        // What is held is what one step could reach.
        let wish = asked.wants.min(course.replicas);
        let (largest, remains) = watch.wishes.hold(now, delay, wish);
        course.at_least(largest, Bound::Signal);
        remains
    }

    fn knowledge(&self, now: Moment, load: &Load, asked: &Asked) -> Knowledge {
        if self.given(now).is_some() {
            return Knowledge::Whole;
        }
        let settings = self.scaling.settings();
        if !settings.requests {
            let silent = asked.unread.is_some() && !asked.heard && load.held == 0;
            return if silent {
                Knowledge::None
            } else {
                Knowledge::Whole
            };
        }
        let coverage = self.coverage(now);
        let waiting = load.held > 0 || load.burst > 0.0;
        let stable_window = settings.stable_window;
        let unheard = !self.heard && now.since(self.begin) < stable_window;
        if !waiting && (coverage.is_missing_all() || unheard) {
            // What a signal asks for is there, whoever else is silent.
            if asked.wants > self.observation.present() {
                Knowledge::Partial
            } else {
                Knowledge::None
            }
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

    /// Until the last request is the idle delay ago. With reports, an idleness shorter than it takes for a silence to
    /// show cannot be told from reports that are lost.
    fn idle_remains(&self, now: Moment, delay: Duration) -> Duration {
        let counted = self.scaling.settings().requests;
        let by_reports = counted && self.given(now).is_none() && self.observation.ready > 0;
        let least = if by_reports {
            self.history.silence_shows()
        } else {
            0
        };
        let delay = delay.max(Duration::from_micros(least));
        let signal = self.watch.as_ref().and_then(|watch| watch.last_active);
        let last = self.last_active.max(signal).unwrap_or(self.begin);
        let last = last.max(self.idle_from);
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
