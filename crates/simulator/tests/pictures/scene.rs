// SPDX-License-Identifier: Apache-2.0
use std::time::Duration;

use cheerful_scaling::{
    Decision, Mode, Moment, Observation, Report, Scaling, Settings, Start, Target,
};
use cheerful_simulator::{Arrival, Choice, Law, Model, Ours, Policy, Reporting, Waiting, simulate};

/// So many seconds of so many requests in flight.
#[derive(Clone, Copy)]
pub(crate) struct Beat {
    seconds: f64,
    in_flight: f64,
}

impl Beat {
    pub(crate) const fn of(seconds: f64, in_flight: f64) -> Self {
        Self { seconds, in_flight }
    }
}

/// What happened. Times are seconds.
pub(crate) struct Scene {
    pub(crate) seconds: f64,
    /// Requests in flight and held.
    pub(crate) load: Vec<(f64, f64)>,
    /// Replicas that are ready, whenever that changed.
    pub(crate) ready: Vec<(f64, u32)>,
    pub(crate) decided: Vec<Decided>,
    /// The sentence of each change.
    pub(crate) told: Vec<(f64, String)>,
}

pub(crate) struct Decided {
    pub(crate) at: f64,
    pub(crate) replicas: u32,
    pub(crate) stable: f64,
    pub(crate) panic: f64,
    pub(crate) is_panic: bool,
}

impl Scene {
    /// Requests of half a second, on replicas that are meant for ten at once and take 2 s to start.
    pub(crate) fn play(policy: cheerful_scaling::Policy, beats: &[Beat]) -> Self {
        const WORK: Duration = Duration::from_millis(500);
        let mut arrivals = Vec::new();
        let (mut now, mut end) = (0.0, 0.0);
        for beat in beats {
            end += beat.seconds;
            let apart = WORK.as_secs_f64() / beat.in_flight.max(f64::MIN_POSITIVE);
            while beat.in_flight > 0.0 && now < end {
                arrivals.push(Arrival {
                    at: Moment::from_micros((now * 1e6) as u64),
                    work: WORK,
                });
                now += apart;
            }
            now = now.max(end);
        }
        let settings = Settings {
            policy,
            target: Target::PerReplica(10.0),
            idle_delay: if policy == cheerful_scaling::Policy::StablePanic {
                Duration::from_secs(60).into()
            } else {
                Settings::default().idle_delay
            },
            ..Settings::default()
        };
        let model = Model {
            slots: Some(14),
            start_up: Law::Constant(Duration::from_secs(2)),
            ready: 2,
            end: Moment::from_micros((end * 1e6) as u64),
            ..Model::default()
        };
        let start = Start {
            ready: 2,
            ..Start::default()
        };
        let mut filmed = Filmed {
            ours: Ours::new("", Scaling::new(settings).unwrap(), start),
            ready: vec![(0.0, 2)],
            decided: Vec::new(),
            told: Vec::new(),
        };
        let outcome = simulate(arrivals, &model, &mut filmed, 1);
        Self {
            seconds: end,
            load: outcome
                .timeline
                .points()
                .map(|point| (point.at, point.in_flight + point.held))
                .collect(),
            ready: filmed.ready,
            decided: filmed.decided,
            told: filmed.told,
        }
    }
}

/// The real policy, and what it was told and said.
struct Filmed {
    ours: Ours,
    ready: Vec<(f64, u32)>,
    decided: Vec<Decided>,
    told: Vec<(f64, String)>,
}

impl Filmed {
    fn keep(&mut self, decision: &Decision) {
        self.decided.push(Decided {
            at: decision.at.as_seconds(),
            replicas: decision.replicas,
            stable: decision.stable,
            panic: decision.panic,
            is_panic: decision.mode == Mode::Panic,
        });
        if decision.replicas != decision.present {
            self.told
                .push((decision.at.as_seconds(), decision.sentence()));
        }
    }
}

impl Policy for Filmed {
    fn name(&self) -> String {
        self.ours.name()
    }
    fn reporting(&self) -> Reporting {
        self.ours.reporting()
    }
    fn report(&mut self, now: Moment, report: &Report) {
        self.ours.report(now, report);
    }
    fn holding(&mut self, now: Moment, waiting: &Waiting) {
        self.ours.holding(now, waiting);
    }
    fn observe(&mut self, now: Moment, observation: Observation) {
        self.ready.push((now.as_seconds(), observation.ready));
        self.ours.observe(now, observation);
    }
    fn tick(&self) -> Duration {
        self.ours.tick()
    }
    fn wants_decision_now(&self, now: Moment) -> bool {
        self.ours.wants_decision_now(now)
    }
    fn decide(&mut self, now: Moment) -> Option<u32> {
        let wanted = self.ours.decide(now);
        if let Some(decision) = self.ours.last().copied() {
            self.keep(&decision);
        }
        wanted
    }
    fn is_at_rest(&self, now: Moment) -> bool {
        self.ours.is_at_rest(now)
    }
    fn burst_threshold(&self) -> f64 {
        self.ours.burst_threshold()
    }
    fn choice(&self) -> Choice {
        self.ours.choice()
    }
}
