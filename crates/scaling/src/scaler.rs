// SPDX-License-Identifier: Apache-2.0
use std::time::Duration;

use crate::{
    Averages, Decision, Delay, Floor, Holding, Moment, Observation, Paused, Policy, Refusal,
    RefusedCounts, Report, Scaling, Start, Why,
    bucket::SECOND_MICROS,
    capacity::{Capacity, Price, Terms},
    decide::{
        delay::LargestWish,
        demand::{Demand, Load, Measure},
        mode::Panic,
    },
    gauges::Watch,
    history::{Coverage, History},
    learn::Learner,
    ledger::Ledger,
    presence::Presence,
    sliding::LastSecond,
};

/// All that is known of one revision's load, and the rule that turns it into a count.
///
/// Time only goes forward: what comes with an earlier moment than was seen counts as coming at that one.
#[derive(Clone, Debug)]
pub struct Scaler {
    pub(crate) scaling: Scaling,
    pub(crate) begin: Moment,
    pub(crate) clock: Moment,
    pub(crate) start_ready: u32,
    /// Whether anything but observations was ever taken.
    pub(crate) heard: bool,

    pub(crate) history: History,
    ledger: Ledger,
    pub(crate) presence: Presence,
    pub(crate) refused: RefusedCounts,

    pub(crate) observation: Observation,
    pub(crate) holding: Holding,
    arrivals: LastSecond,
    pub(crate) averages: Option<(Moment, Averages)>,

    /// Until when a report that came so late that it was missed holds the scale.
    pub(crate) late_until: Moment,
    pub(crate) last_active: Option<Moment>,
    /// The idle delay runs from here when no request is known.
    pub(crate) idle_from: Moment,
    /// Until when `initial` counts.
    pub(crate) initial_until: Option<Moment>,
    pub(crate) paused_at: Option<u32>,
    pub(crate) panic: Panic,
    pub(crate) wishes: LargestWish,
    /// Where the target is to be learned, and there was a report.
    pub(crate) learner: Option<Box<Learner>>,
    /// With [`Policy::Auto`]: what the load may become, and what to keep.
    pub(crate) capacity: Option<Box<Capacity>>,
    /// Where there are gauges: what is known of them.
    pub(crate) watch: Option<Box<Watch>>,
    /// The least that a schedule asks for now.
    pub(crate) floor: Option<Box<Floor>>,
    /// What the last decision wanted and gave.
    pub(crate) last: Option<(u32, u32)>,
}

impl Scaler {
    /// A scaler that begins to watch at `now`.
    #[must_use]
    pub fn new(scaling: Scaling, start: Start, now: Moment) -> Self {
        let stable_window = scaling.settings().stable_window;
        let most = start.panic_replicas.unwrap_or(start.ready);
        let panic = match start.panicking_seconds {
            Some(ago) => Panic::begun(now, Duration::from_secs(u64::from(ago)), most),
            None if start.ready >= 2 => Panic::begun(now, Duration::ZERO, most),
            None => Panic::calm(most),
        };
        let is_new = start.new && start.ready == 0;
        let mut scaler = Self {
            begin: now,
            clock: now,
            start_ready: start.ready,
            heard: false,
            history: History::new(micros(stable_window)),
            ledger: Ledger::default(),
            presence: Presence::new(start.ready, now.as_micros()),
            refused: RefusedCounts::default(),
            observation: Observation {
                ready: start.ready,
                ..Observation::default()
            },
            holding: Holding::default(),
            arrivals: LastSecond::default(),
            averages: None,
            late_until: Moment::ZERO,
            last_active: None,
            idle_from: now,
            initial_until: is_new.then(|| now.plus(stable_window)),
            paused_at: None,
            panic,
            wishes: LargestWish::default(),
            learner: None,
            capacity: (scaling.settings().policy == Policy::Auto).then(Box::default),
            watch: None,
            floor: None,
            last: None,
            scaling,
        };
        scaler.change_gauges();
        scaler
    }
    /// The settings in force.
    #[must_use]
    pub const fn scaling(&self) -> &Scaling {
        &self.scaling
    }
    /// Changes the settings of a living revision; what is known is kept, as far as a window that became
    /// shorter can hold it.
    pub fn change(&mut self, scaling: Scaling, now: Moment) {
        self.pass(now);
        self.history
            .resize(micros(scaling.settings().stable_window));
        if scaling.settings().paused != Paused::Present {
            self.paused_at = None;
        }
        self.scaling = scaling;
        match (&mut self.capacity, self.scaling.settings().policy) {
            (Some(capacity), Policy::Auto) => {
                capacity.weigh(Price::new(self.scaling.settings().thrift));
            }
            (capacity, Policy::StablePanic) => *capacity = None,
            (capacity, Policy::Auto) => *capacity = Some(Box::default()),
        }
        self.change_learning();
        self.change_gauges();
    }
    /// Takes a report that arrived at `now`.
    ///
    /// # Errors
    /// Says why the report was refused; it was counted and nothing else changed.
    pub fn report(&mut self, now: Moment, report: &Report) -> Result<(), Refusal> {
        self.report_untaught(now, report)?;
        self.learn(self.clock, report);
        Ok(())
    }
    /// As [`Scaler::report`], but how latency rises is not learned from it.
    pub(crate) fn report_untaught(&mut self, now: Moment, report: &Report) -> Result<(), Refusal> {
        let now = self.pass(now);
        let taken = self.take(now, report);
        if let Err(refusal) = taken {
            self.refused.count(refusal);
        }
        taken
    }
    /// Takes what the gateway holds.
    pub fn holding(&mut self, now: Moment, holding: Holding) {
        let now = self.pass(now);
        self.heard = true;
        self.holding = holding;
        self.arrivals.add(now.as_micros(), holding.arrived);
        if holding.held > 0 || holding.arrived > 0 {
            self.last_active = Some(now);
        }
    }
    /// Takes what the platform says is there.
    pub fn observe(&mut self, now: Moment, observation: Observation) {
        let now = self.pass(now);
        let begin = self.begin.as_micros();
        if let Some(capacity) = &mut self.capacity {
            capacity.observe(now.as_micros(), &self.observation, &observation);
        }
        self.presence
            .observe(now.as_micros(), begin, &observation, &mut self.history);
        self.observation = observation;
        if let Some(watch) = &mut self.watch {
            watch.observe(&observation);
        }
        if self.initial_until.is_some() && observation.ready >= self.scaling.settings().initial {
            self.initial_until = None;
            self.idle_from = now;
        }
    }
    /// Takes averages in place of reports: the whole truth for a decision at this very moment.
    ///
    /// # Errors
    /// Says why they were refused.
    pub fn averages(&mut self, now: Moment, averages: Averages) -> Result<(), Refusal> {
        let now = self.pass(now);
        let most = Report::MAX_CONCURRENCY * Ledger::MOST_REPLICAS as f64;
        let both = [averages.stable, averages.panic];
        let refusal = if both.iter().any(|average| !average.is_finite()) {
            Some(Refusal::NotFinite)
        } else if both.iter().any(|average| *average < 0.0) {
            Some(Refusal::Negative)
        } else if both.iter().any(|average| *average > most) {
            Some(Refusal::TooLarge)
        } else {
            None
        };
        if let Some(refusal) = refusal {
            self.refused.count(refusal);
            return Err(refusal);
        }
        self.heard = true;
        self.averages = Some((now, averages));
        if both.iter().any(|average| *average > 0.0) {
            self.last_active = Some(now);
        }
        Ok(())
    }
    /// How many replicas there should be now. Under a microsecond, or two with [`Policy::Auto`].
    ///
    /// Where the decision is not [`Decision::decided`] nothing needs to be written, unless the bounds ask for
    /// another count than the present one.
    pub fn decide(&mut self, now: Moment) -> Decision {
        let now = self.pass(now);
        let decision = self.decide_now(now);
        self.last = Some((decision.wanted, decision.replicas));
        if self.observation.present() == 0 && self.holding.held == 0 {
            self.history.release_if_empty();
            if self.history.is_empty() && !self.ledger.is_empty() {
                self.ledger
                    .forget_the_silent(now.as_micros(), self.stable_micros());
            }
        }
        decision
    }
    /// Whether what was just taken shows a breach that should not wait for the next tick: more is wanted than
    /// the last decision wanted, by a burst or by what is held, or panic begins.
    #[must_use]
    pub fn wants_decision_now(&self, now: Moment) -> bool {
        if self.scaling.settings().paused != Paused::No {
            return false;
        }
        let now = now.max(self.clock);
        let demand = self.demand(now, &self.load(now));
        let (wanted, replicas) = self.last.unwrap_or((0, 0));
        let present = self.observation.present();
        let unserved = self.holding.held > 0 && present == 0 && replicas == 0;
        let more = demand.at_once > wanted.max(present)
            || (self.watch.is_some() && self.asked(now).wants > wanted.max(present))
            || (self.capacity.is_some() && demand.stable > wanted.max(present));
        unserved || more || (demand.breach && !self.panic.is_on() && demand.panic > present)
    }
    /// Requests in flight, over all replicas, from which on a burst shows: the gateway and the queues
    /// report at once above it. 2 x M + 3 x sqrt(M) with M = ready x target (M at least one target): the panic
    /// threshold (2) times what the ready replicas are meant for, and three standard deviations of a Poisson
    /// load of that size.
    #[must_use]
    pub fn burst_threshold(&self) -> f64 {
        if self.capacity.is_some() {
            let meant = f64::from(self.observation.ready.max(1)) * self.slots();
            return meant + meant.sqrt();
        }
        self.measure().burst_threshold()
    }
    /// From the last request to zero, after `auto` is resolved.
    #[must_use]
    pub fn idle_delay(&self) -> Duration {
        let settings = self.scaling.settings();
        let auto = self
            .capacity
            .as_ref()
            .map_or(Scaling::IDLE_DELAY, |capacity| {
                capacity.idle_delay(Price::new(settings.thrift))
            });
        settings.idle_delay.or(auto)
    }
    /// Whether nothing is there and nothing is expected: at zero, no load, nothing held, and nothing to
    /// remember, so that no tick is needed.
    #[must_use]
    pub fn is_at_rest(&self, now: Moment) -> bool {
        self.observation.present() == 0
            && self.holding.held == 0
            && self.last.is_some_and(|(_, replicas)| replicas == 0)
            && self.history.is_empty()
            && self.wishes.is_at_rest()
            && !self.panic.is_on()
            && self.ledger.burst(now.as_micros()) == 0.0
            && !self.foresees(now)
            && (self.watch.as_ref()).is_none_or(|watch| watch.is_at_rest(now, 0))
    }
    /// Whether a replica is to be started ahead of the next request.
    fn foresees(&self, now: Moment) -> bool {
        let settings = self.scaling.settings();
        settings.idle_delay == Delay::Auto
            && (self.capacity.as_ref()).is_some_and(|capacity| capacity.foresees(now.as_micros()))
    }
    /// When a request was last known to be in flight or held.
    #[must_use]
    pub const fn last_active(&self) -> Option<Moment> {
        self.last_active
    }
    /// Reports and readings refused so far.
    #[must_use]
    pub const fn refused(&self) -> RefusedCounts {
        self.refused
    }
    /// The last breach of the panic that is on, if one is; a decision ends it.
    #[must_use]
    pub fn panicking_since(&self) -> Option<Moment> {
        self.panic.last_breach()
    }
    /// The most replicas decided in this panic; before the first one, those ready at the start.
    #[must_use]
    pub const fn most_panic_replicas(&self) -> u32 {
        self.panic.most()
    }
    /// Requests finished and refused within the stable window.
    #[must_use]
    pub fn throughput(&self) -> (u64, u64) {
        self.history.throughput()
    }
    /// Seconds of the stable window of which reports are kept. Nothing older is.
    #[must_use]
    pub fn seconds_seen(&self) -> usize {
        self.history.seconds_seen()
    }
    /// Bytes that the history of the load takes: 56 for each second of the stable window and one more, whatever
    /// the number of replicas and reports; none while nothing is there.
    #[must_use]
    pub fn history_bytes(&self) -> usize {
        self.history.bytes()
    }

    /// Lets time pass until `now`, and gives the moment that it is.
    pub(crate) fn pass(&mut self, now: Moment) -> Moment {
        if self.capacity.is_some() && now > self.clock {
            self.settle(now);
        }
        self.clock = self.clock.max(now);
        self.advance(self.clock.as_micros());
        self.clock
    }
    fn advance(&mut self, micros: u64) {
        self.presence.advance(micros, &mut self.history);
        if !self.history.is_empty() {
            self.history.advance(micros);
        }
    }
    /// Learns from each second at the moment when it settles, whether anything came at that moment or not: so what is
    /// learned does not hang on when one looks.
    fn settle(&mut self, now: Moment) {
        let held = self.holding.held;
        let mut from = self.clock.as_micros();
        while let Some(at) = Capacity::next_settled(from, now.as_micros()) {
            self.advance(at);
            let terms = self.terms();
            if let Some(capacity) = &mut self.capacity {
                capacity.pass(at, held, &self.history, &terms);
            }
            from = at;
        }
    }

    fn take(&mut self, now: Moment, report: &Report) -> Result<(), Refusal> {
        let stable_window = self.scaling.settings().stable_window;
        report.check(stable_window.as_secs_f64())?;
        let now = now.as_micros();
        // An age beyond what is remembered saturates, and is refused as too old.
        let age = (report.age_seconds * 1e6).round() as u64;
        let length = ((report.seconds * 1e6).round() as u64).max(1);
        if age >= self.stable_micros() || age > now {
            return Err(Refusal::TooOld);
        }
        let end = now - age;
        self.ledger.admit(now, end, self.stable_micros(), report)?;
        self.history.advance(now);
        self.history
            .report(end.saturating_sub(length), end, report.concurrency());
        self.history.requests(end, report.requests, report.refused);
        if age > self.history.report_delay() {
            // In time it might have begun a panic: it holds as long as its loss would.
            let end = Moment::from_micros(end);
            self.late_until = self.late_until.max(end.plus(stable_window));
        }
        if let Some(capacity) = &mut self.capacity
            && report.waiting_seconds > 0.0
        {
            capacity.waited(end, report.waiting_seconds);
        }
        self.heard = true;
        if report.shows_activity() {
            self.last_active = self.last_active.max(Some(Moment::from_micros(end)));
        }
        Ok(())
    }

    pub(crate) fn measure(&self) -> Measure {
        Measure {
            ready: self.observation.ready,
            starting: self.observation.starting,
            target: self.target(),
            panic_threshold: self.scaling.settings().panic_threshold,
        }
    }
    pub(crate) fn demand(&self, now: Moment, load: &Load) -> Demand {
        match &self.capacity {
            Some(_) => self.demand_with_spare(now, load),
            None => self.measure().demand(load),
        }
    }
    /// Requests at once that one replica is meant for, where the margin is apart: the target, or the hard limit as long
    /// as it is not known that latency rises below it.
    pub(crate) fn slots(&self) -> f64 {
        let rises =
            (self.learned()).is_none_or(|learned| matches!(learned.why, Why::Rises | Why::Unmet));
        match self.scaling.limit() {
            Some(limit) if !rises => limit,
            _ => self.target(),
        }
    }
    pub(crate) fn terms(&self) -> Terms {
        Terms {
            slots: self.slots(),
            price: Price::new(self.scaling.settings().thrift),
        }
    }
    pub(crate) fn load(&self, now: Moment) -> Load {
        let micros = now.as_micros();
        let averages = self.given(now).unwrap_or_else(|| Averages {
            stable: self.history.average(micros, self.stable_micros()),
            panic: self.history.average(micros, self.panic_micros()),
        });
        Load {
            stable: averages.stable,
            panic: averages.panic,
            burst: self.ledger.burst(micros),
            held: self.holding.held,
            arrived: self.arrivals.sum(micros),
        }
    }
    /// Averages that were given for this very moment.
    pub(crate) fn given(&self, now: Moment) -> Option<Averages> {
        self.averages
            .filter(|(at, _)| *at == now)
            .map(|(_, averages)| averages)
    }
    /// How far the reports reach; before the scaler began, its replicas ought to have reported too.
    pub(crate) fn coverage(&self, now: Moment) -> Coverage {
        let mut coverage = self.history.coverage(now.as_micros());
        let known = now.since(self.begin).as_micros() as u64;
        let before = self.stable_micros().saturating_sub(known) as i64;
        let unknown = before * i64::from(self.start_ready);
        coverage.expected += unknown;
        coverage.missing += unknown;
        coverage
    }
    fn stable_micros(&self) -> u64 {
        micros(self.scaling.settings().stable_window)
    }
    fn panic_micros(&self) -> u64 {
        micros(self.scaling.settings().panic_window)
    }
}

impl Coverage {
    /// Half a replica-second, and a ten-thousandth for clocks that do not run alike.
    fn slack(&self) -> i64 {
        SECOND_MICROS as i64 / 2 + self.expected.max(0) / 10_000
    }
    /// Whether some who ought to have reported are silent.
    pub(crate) fn is_missing_some(&self) -> bool {
        self.missing > self.slack()
    }
    /// Whether all who ought to have reported are silent.
    pub(crate) fn is_missing_all(&self) -> bool {
        self.covered == 0 && self.is_missing_some()
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
