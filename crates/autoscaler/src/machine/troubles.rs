// SPDX-License-Identifier: Apache-2.0
use std::collections::BTreeMap;

use cheerful_scaling::{Gauge, GaugeView, Moment, Refusal, Settings};

use crate::SignalView;

/// Signals that count requests, of which one revision has one, and names that nobody asked for.
const OTHERS: usize = 2;

/// Why signals could not be read, by the signal's name: those of the settings and a few more.
#[derive(Debug, Default)]
pub(super) struct Troubles(BTreeMap<Box<str>, Trouble>);

#[derive(Debug)]
struct Trouble {
    why: Box<str>,
    last: Moment,
    times: u64,
}

impl Troubles {
    pub(super) fn add(&mut self, signal: &str, why: Box<str>, now: Moment, settings: &Settings) {
        let signal = signal.get(..Gauge::NAME_BYTES).unwrap_or(signal);
        let known = settings.gauges.iter().any(|gauge| gauge.name == signal);
        let others = || {
            let is_other = |name: &str| settings.gauges.iter().all(|gauge| gauge.name != name);
            self.0.keys().filter(|name| is_other(name)).count()
        };
        if !known && !self.0.contains_key(signal) && others() >= OTHERS {
            return;
        }
        let times = self.0.get(signal).map_or(0, |trouble| trouble.times);
        let trouble = Trouble {
            why,
            last: now,
            times: times.saturating_add(1),
        };
        self.0.insert(signal.into(), trouble);
    }

    /// It was read.
    pub(super) fn end(&mut self, signal: &str) {
        self.0.remove(signal);
    }

    /// Signals may have been renamed or left out.
    pub(super) fn keep(&mut self, settings: &Settings) {
        self.0
            .retain(|name, _| settings.gauges.iter().any(|gauge| *gauge.name == **name));
    }

    /// What is known of the gauges, with what is wrong with them; then what is wrong with others.
    pub(super) fn views(&self, gauges: Vec<GaugeView>, now: Moment) -> Vec<SignalView> {
        let mut views: Vec<_> = gauges
            .into_iter()
            .map(|gauge| SignalView {
                name: gauge.name,
                value: gauge.value,
                age_seconds: gauge.age.map(|age| age.as_secs_f64()),
                wants: gauge.wants,
                gone: gauge.gone,
                ..SignalView::default()
            })
            .collect();
        for (name, trouble) in &self.0 {
            let index = views.iter().position(|view| *view.name == **name);
            let index = index.unwrap_or_else(|| {
                views.push(SignalView {
                    name: name.to_string(),
                    ..SignalView::default()
                });
                views.len() - 1
            });
            if let Some(view) = views.get_mut(index) {
                view.trouble = Some(trouble.why.to_string());
                view.trouble_seconds_ago = Some(now.since(trouble.last).as_secs_f64());
                view.trouble_times = trouble.times;
            }
        }
        views
    }
}

/// The word by which a refused reading is counted.
pub(super) const fn reason(refusal: Refusal) -> &'static str {
    match refusal {
        Refusal::NotFinite | Refusal::Negative | Refusal::TooLarge => "impossible",
        Refusal::Future | Refusal::TooOld | Refusal::Duplicate => "too_old",
        Refusal::TooManyReplicas | Refusal::UnknownSignal => "unknown_signal",
    }
}
