// SPDX-License-Identifier: Apache-2.0
mod beside;
mod hearing;
mod view;

use std::{sync::Arc, time::Duration};

use cheerful_scaling::{
    Decision, Holding, Memory, Mode, Moment, Observation, Reading, Refusal, Report, Scaler,
    Scaling, Serializer, SerializerAction, SerializerEvent, Start,
};

use super::{
    Action, Call, Desk, Name, Outcome,
    journal::{self, Journal},
    load::Load,
    tape::{Heard, Tape},
    troubles::{self, Troubles},
};
use crate::{Input, policies::Policies, recording::Line};

/// Longest text kept of who woke a revision or asked last, in characters.
const BY: usize = 200;
/// Between two lines of a recording that say what both policies come to.
const COMPARED: Duration = Duration::from_secs(60);

/// One revision. Small while it is idle: what grows is allocated when it is needed.
#[derive(Debug)]
pub(super) struct RevisionState {
    name: Name,
    generation: u64,
    policies: Policies,
    serializer: Serializer,
    /// The scale request under way, and when what made it urgent arrived.
    writing: Option<(u64, Option<Moment>)>,
    ever_written: bool,
    /// Why the last scale request failed, if it did.
    failing: Option<Box<str>>,
    threshold: f64,
    target: f64,
    observation: Observation,
    held: u64,
    load: Load,
    refused: u64,
    journal: Journal,
    woken: Option<(Box<str>, Moment)>,
    last_request: Option<(Box<str>, Moment)>,
    troubles: Troubles,
    /// What the policy beside it does otherwise, and when what it came to was last recorded.
    shadow: Option<(Box<str>, Moment)>,
    /// `None` until something is heard, or where there is no room.
    tape: Option<Box<Tape>>,
}

impl RevisionState {
    pub(super) fn new(
        name: &Name,
        generation: u64,
        scaling: Scaling,
        start: Start,
        now: Moment,
        desk: &mut Desk,
    ) -> Self {
        desk.record(|| Line::begin(now, Arc::clone(name), scaling.settings().clone(), start));
        Self {
            name: Arc::clone(name),
            generation,
            policies: Policies::new(scaling, start, now),
            serializer: Serializer::default(),
            writing: None,
            ever_written: false,
            failing: None,
            threshold: 0.0,
            target: 0.0,
            observation: Observation {
                ready: start.ready,
                ..Observation::default()
            },
            held: 0,
            load: Load::default(),
            refused: 0,
            journal: Journal::default(),
            woken: None,
            last_request: None,
            troubles: Troubles::default(),
            shadow: None,
            tape: None,
        }
    }

    pub(super) const fn name(&self) -> &Name {
        &self.name
    }

    pub(super) const fn generation(&self) -> u64 {
        self.generation
    }

    const fn acting(&self) -> &Scaler {
        self.policies.acting()
    }

    pub(super) fn has_shadow(&self) -> bool {
        self.policies.beside().is_some()
    }

    pub(super) const fn burst_threshold(&self) -> f64 {
        self.threshold
    }

    pub(super) fn target(&self) -> f64 {
        self.acting().target()
    }

    /// What was learned, to be kept over a restart.
    pub(super) fn remember(&self) -> Option<Memory> {
        self.acting().remember()
    }

    /// Whether no tick is needed until something comes in.
    pub(super) fn is_at_rest(&self, now: Moment) -> bool {
        self.writing.is_none() && self.failing.is_none() && self.policies.is_at_rest(now)
    }

    /// Takes an input for a known revision. True if it may have woken it.
    pub(super) fn take(
        &mut self,
        input: Input,
        arrived: Moment,
        now: Moment,
        desk: &mut Desk,
    ) -> bool {
        match input {
            Input::Report(report) => self.report(report, now, desk),
            Input::Holding(holding) => self.holding(holding, now, desk),
            Input::Observation(observation) => self.observe(observation, now, desk),
            Input::Reading(reading) => self.read(reading, now, desk),
            Input::Floor(floor) => {
                if self.acting().floor() == floor.as_ref() {
                    return false;
                }
                desk.record(|| Line::floor(now, Arc::clone(&self.name), floor.clone()));
                self.hear(now, || Heard::Floor(floor.clone().map(Box::new)), desk);
                self.policies.schedule(now, floor);
                self.decide(now, None, desk);
                return true;
            }
            Input::SignalTrouble {
                signal,
                reason,
                why,
            } => {
                *desk.metrics.signals_unread.entry(reason).or_default() += 1;
                let settings = self.policies.acting().scaling().settings();
                self.troubles.add(&signal, cut(&why), now, settings);
                return false;
            }
            Input::Change { scaling } | Input::Add { scaling, .. } => {
                desk.record(|| {
                    Line::settings(now, Arc::clone(&self.name), scaling.settings().clone())
                });
                self.hear(
                    now,
                    || Heard::Settings(Box::new(scaling.settings().clone())),
                    desk,
                );
                self.policies.change(scaling, now);
                self.troubles
                    .keep(self.policies.acting().scaling().settings());
                self.name_shadow(now);
                self.decide(now, None, desk);
                return true;
            }
            Input::Shadow(scaling) => {
                self.beside(scaling.map(|scaling| *scaling), now, desk);
                return true;
            }
            Input::Written { replicas } => {
                let action = self
                    .serializer
                    .step(SerializerEvent::Written { replicas }, now);
                self.send(action, None, desk);
                return true;
            }
            Input::Decide => {
                self.decide(now, None, desk);
                return true;
            }
            Input::Woken { by } => {
                self.woken = Some((cut(&by), now));
                return false;
            }
            Input::LastRequest { by } => {
                self.last_request = Some((cut(&by), now));
                return false;
            }
            Input::Recall { memory, age } => {
                // As it is recorded.
                let age = Duration::from_secs(age.as_secs());
                desk.record(|| Line::recalled(now, Arc::clone(&self.name), memory.clone(), age));
                if let Err(why) = self.policies.recall(&memory, age) {
                    let revision = Arc::clone(&self.name);
                    desk.actions.push(Action::Forgotten { revision, why });
                }
                self.tell_threshold(desk);
                return false;
            }
            // The machine forgets a revision itself.
            Input::Remove => return false,
        }
        if self.acting().wants_decision_now(now) {
            self.decide(now, Some(arrived), desk);
        }
        true
    }

    /// Decides because time passed.
    pub(super) fn tick(&mut self, now: Moment, desk: &mut Desk) {
        self.load.forget_stale(now);
        let action = self.serializer.step(SerializerEvent::Tick, now);
        self.send(action, None, desk);
        self.decide(now, None, desk);
    }

    /// Decides, and writes the scale if there is one to be written. `breach`: when what made it urgent arrived.
    pub(super) fn decide(&mut self, now: Moment, breach: Option<Moment>, desk: &mut Desk) {
        let decision = self.policies.decide(now);
        self.hear(now, || Heard::Decided(decision.replicas), desk);
        desk.record(|| Line::decision(now, Arc::clone(&self.name), decision));
        self.record_compared(now, desk);
        let counter = match (decision.decided, decision.mode) {
            (false, _) => &mut desk.metrics.decisions_undecided,
            (true, Mode::Stable) => &mut desk.metrics.decisions_stable,
            (true, Mode::Panic) => &mut desk.metrics.decisions_panic,
        };
        *counter += 1;
        desk.actions.push(Action::Decided {
            revision: Arc::clone(&self.name),
            decision: Box::new(decision),
        });
        if self.journal.add(decision) {
            let line = journal::line(&decision, 1, desk.origin_unix_millis);
            desk.actions.push(Action::Follow {
                revision: Arc::clone(&self.name),
                line,
            });
        }
        if self.is_a_wish(&decision) {
            let wanted = SerializerEvent::Wanted {
                replicas: decision.replicas,
            };
            let action = self.serializer.step(wanted, now);
            self.send(action, breach, desk);
        }
        self.tell_threshold(desk);
    }

    /// Takes the answer to a scale call.
    pub(super) fn answered(&mut self, call: &Call, outcome: Outcome, now: Moment, desk: &mut Desk) {
        let under_way = self
            .writing
            .take_if(|(request, _)| *request == call.request);
        let request = call.request;
        let event = match outcome {
            Outcome::Done => {
                desk.metrics.scales_written += 1;
                if let Some((_, Some(breach))) = under_way {
                    desk.metrics.scale_latency.add(now.since(breach));
                }
                if self.failing.take().is_some() {
                    desk.actions.push(Action::WorksAgain {
                        revision: Arc::clone(&self.name),
                    });
                }
                SerializerEvent::Done { request }
            }
            Outcome::Failed(why) => {
                desk.metrics.scales_failed += 1;
                self.fails(call, &why, desk);
                SerializerEvent::Failed { request }
            }
            Outcome::Withheld => SerializerEvent::Failed { request },
            Outcome::GaveUp => {
                desk.metrics.scales_given_up += 1;
                self.fails(call, "no answer within 5 s", desk);
                SerializerEvent::Tick
            }
        };
        let action = self.serializer.step(event, now);
        self.send(action, None, desk);
    }

    fn report(&mut self, report: Report, now: Moment, desk: &mut Desk) {
        let taken = self.policies.report(now, &report);
        match taken {
            Ok(()) => self.load.add(&report, now),
            Err(refusal) => {
                self.refused += 1;
                *desk.metrics.reports_refused.entry(refusal).or_default() += 1;
            }
        }
        // A refused report changes nothing; one that is not finite has no form in JSON.
        if taken.is_ok() {
            self.hear(now, || Heard::Report(Box::new(report.clone())), desk);
        }
        if taken != Err(Refusal::NotFinite) {
            desk.record(|| Line::report(now, Arc::clone(&self.name), report));
        }
    }

    fn read(&mut self, reading: Reading, now: Moment, desk: &mut Desk) {
        let taken = self.policies.read(now, &reading);
        match taken {
            Ok(()) => self.troubles.end(&reading.signal),
            Err(refusal) => {
                let reason = troubles::reason(refusal);
                *desk.metrics.signals_unread.entry(reason).or_default() += 1;
                let why = format!("refused: {refusal}").into_boxed_str();
                let settings = self.policies.acting().scaling().settings();
                self.troubles.add(&reading.signal, why, now, settings);
            }
        }
        // As for reports; and a name may be of any length.
        if taken.is_ok() {
            self.hear(now, || Heard::Reading(Box::new(reading.clone())), desk);
        }
        if !matches!(taken, Err(Refusal::NotFinite | Refusal::UnknownSignal)) {
            desk.record(|| Line::reading(now, Arc::clone(&self.name), reading));
        }
    }

    fn holding(&mut self, holding: Holding, now: Moment, desk: &mut Desk) {
        self.policies.holding(now, holding);
        self.held = holding.held;
        self.hear(now, || Heard::Holding(holding), desk);
        desk.record(|| Line::holding(now, Arc::clone(&self.name), holding));
    }

    fn observe(&mut self, observation: Observation, now: Moment, desk: &mut Desk) {
        self.policies.observe(now, observation);
        self.observation = observation;
        self.hear(now, || Heard::Observation(Box::new(observation)), desk);
        desk.record(|| Line::observation(now, Arc::clone(&self.name), observation));
        self.tell_threshold(desk);
    }

    /// Whether a decision is to be written. Where there was nothing to decide on, the count that happens to be
    /// there is no wish: a scale-up may be on its way. Nor is nothing, where there is nothing and never was.
    fn is_a_wish(&self, decision: &Decision) -> bool {
        let changes = decision.replicas != decision.present;
        (decision.decided || changes) && (self.ever_written || changes || decision.replicas > 0)
    }

    fn send(&mut self, action: SerializerAction, breach: Option<Moment>, desk: &mut Desk) {
        let SerializerAction::Send {
            request,
            replicas,
            deadline,
        } = action
        else {
            return;
        };
        self.writing = Some((request, breach));
        self.ever_written = true;
        let call = Call {
            revision: Arc::clone(&self.name),
            generation: self.generation,
            request,
            replicas,
        };
        desk.actions.push(Action::Scale(call, deadline));
    }

    fn fails(&mut self, call: &Call, why: &str, desk: &mut Desk) {
        if self.failing.as_deref() != Some(why) {
            self.failing = Some(why.into());
            desk.actions.push(Action::Failing {
                revision: Arc::clone(&self.name),
                replicas: call.replicas,
                why: why.to_owned(),
            });
        }
    }

    fn tell_threshold(&mut self, desk: &mut Desk) {
        let requests = self.acting().burst_threshold();
        if requests.to_bits() != self.threshold.to_bits() {
            self.threshold = requests;
            desk.actions.push(Action::BurstThreshold {
                revision: Arc::clone(&self.name),
                requests,
            });
        }
        let requests = self.acting().target();
        if requests.to_bits() != self.target.to_bits() {
            self.target = requests;
            desk.actions.push(Action::Target {
                revision: Arc::clone(&self.name),
                requests,
            });
        }
    }
}

fn cut(by: &str) -> Box<str> {
    by.chars().take(BY).collect::<String>().into_boxed_str()
}
