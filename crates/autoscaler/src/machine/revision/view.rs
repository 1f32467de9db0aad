// SPDX-License-Identifier: Apache-2.0
//! What is told of a revision.
use cheerful_scaling::{Decision, Floor, Mode, Moment, Paused, Scaler};

use super::RevisionState;
use crate::{
    CurvePoint, LearnedView, RevisionView, ShadowView,
    machine::{
        awake::{self, Awake},
        journal,
    },
};

impl RevisionState {
    /// What `top` shows.
    pub(in crate::machine) fn view(&self, now: Moment) -> RevisionView {
        let settings = self.acting().scaling().settings();
        let last = self.journal.last();
        let wanted = last.map_or(self.observation.ready, |decision| decision.replicas);
        let idle = self.observation.ready + self.observation.starting == 0 && wanted == 0;
        let mode = match last.map_or(Mode::Stable, |decision| decision.mode) {
            _ if settings.paused != Paused::No => "paused",
            _ if idle => "zero",
            mode => journal::mode(mode),
        };
        let in_flight = self.load.in_flight(now);
        let awake = Awake {
            settings,
            replicas: self.observation.ready + self.observation.starting,
            in_flight,
            held: self.held,
            idle_delay: self.acting().idle_delay(),
            idle: self.acting().last_active().map(|active| now.since(active)),
            by: self.last_request.as_ref().map(|(by, _)| &**by),
            last,
        };
        RevisionView {
            revision: self.name.to_string(),
            ready: self.observation.ready,
            starting: self.observation.starting,
            draining: self.observation.draining,
            wanted,
            mode: mode.to_owned(),
            in_flight,
            stable: last.map_or(0.0, |decision| decision.stable),
            panic: last.map_or(0.0, |decision| decision.panic),
            held: self.held,
            target: self.acting().target(),
            why: self
                .journal
                .telling()
                .map(Decision::sentence)
                .unwrap_or_default(),
            woken_by: self.woken.as_ref().map(|(by, _)| by.to_string()),
            woken_seconds_ago: self
                .woken
                .as_ref()
                .map(|(_, at)| now.since(*at).as_secs_f64()),
            kept_awake_by: awake::sentence(&awake),
            refused_reports: self.refused,
            signals: self.troubles.views(self.acting().gauges(now), now),
            schedule: self.acting().floor().map(Floor::to_string),
            shadow: self.shadow_view(),
            learned: None,
            decisions: Vec::new(),
        }
    }

    /// What `explain` shows.
    pub(in crate::machine) fn explain(&self, now: Moment, origin_unix_millis: u64) -> RevisionView {
        RevisionView {
            decisions: self.journal.lines(origin_unix_millis),
            learned: learned(self.acting()),
            ..self.view(now)
        }
    }

    fn shadow_view(&self) -> Option<ShadowView> {
        let (policy, _) = self.shadow.as_ref()?;
        Some(ShadowView::of(
            self.policies.beside()?,
            policy,
            self.acting().scaling().settings(),
        ))
    }
}

fn learned(scaler: &Scaler) -> Option<LearnedView> {
    let learned = scaler.learned()?;
    let points = scaler.learned_curve().into_iter();
    Some(LearnedView {
        why: learned.why,
        target: scaler.target(),
        limit: learned.limit.into(),
        seconds: learned.seconds.into(),
        curve: points.map(CurvePoint::from).collect(),
    })
}
