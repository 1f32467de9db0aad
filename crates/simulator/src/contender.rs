// SPDX-License-Identifier: Apache-2.0
use std::{fmt, str::FromStr};

use cheerful_scaling::{Concurrency, Scaling, Settings, Start};

use crate::{
    Arrival, Model, Ours, Outcome, Policy,
    baselines::{Fixed, clairvoyant},
    simulate,
};

/// A policy by its name: what `--policy` takes, and what the tables compare.
#[derive(Clone, Debug, PartialEq)]
pub enum Contender {
    /// Ours with its defaults.
    Auto,
    /// Ours with the classic numbers.
    StablePanic,
    /// Knative's numbers.
    Knative,
    /// Always as many; `None`: as few as let at most [`Contender::FIXED_WAITING`] wait.
    Fixed(Option<u32>),
    /// Knows the future.
    Clairvoyant,
    /// Ours with settings that a person gave, under the name of the revision.
    Given(String, Box<Scaling>),
}

impl Contender {
    /// Those that are compared when nobody says which.
    pub const ALL: [Self; 5] = [
        Self::Auto,
        Self::StablePanic,
        Self::Knative,
        Self::Fixed(None),
        Self::Clairvoyant,
    ];
    /// The share of requests that may wait longer than 0.1 s where the best fixed count is searched for.
    pub const FIXED_WAITING: f64 = 0.01;

    /// What it makes of a load, which `load` gives from its beginning each time it is asked to.
    ///
    /// All but [`Contender::Fixed`] begin as the model says.
    pub fn run<I>(&self, load: impl Fn() -> I, model: &Model, seed: u64) -> Outcome
    where
        I: IntoIterator<Item = Arrival>,
    {
        let settings = Settings {
            concurrency: model.slots.map_or(Concurrency::Multi, Concurrency::Limit),
            ..Settings::default()
        };
        let through = |policy: &mut dyn Policy| simulate(load(), model, policy, seed);
        let mut outcome = match self {
            Self::Auto => {
                let policy = cheerful_scaling::Policy::Auto;
                through(&mut ours(Settings { policy, ..settings }, model))
            }
            Self::StablePanic => through(&mut ours(settings, model)),
            Self::Knative => through(&mut ours(settings, model)),
            Self::Fixed(Some(replicas)) => fixed(*replicas, load(), model, seed),
            Self::Fixed(None) => best_fixed(load, model, seed),
            Self::Clairvoyant => clairvoyant(load(), model),
            Self::Given(_, scaling) => {
                through(&mut Ours::new("", Scaling::clone(scaling), start(model)))
            }
        };
        outcome.policy = match self {
            // Which count was found is what one wants to know.
            Self::Fixed(None) => format!("fixed:{}", outcome.most_replicas),
            one => one.to_string(),
        };
        outcome
    }
    /// What it does, in one sentence.
    #[must_use]
    pub const fn about(&self) -> &'static str {
        match self {
            Self::Auto => "cheerful with its defaults: nothing is set by hand.",
            Self::StablePanic => {
                "cheerful with the classic numbers: the mean of 60 s, or of 6 s in panic, over 70 % of a replica's limit."
            }
            Self::Knative => {
                "Knative's numbers: 70 % of the limit, means of 60 s and 6 s, panic at twice, 30 s of grace before zero."
            }
            Self::Fixed(None) => {
                "Always the same count: the least that lets at most 1 % of the requests wait, found by trying."
            }
            Self::Fixed(Some(_)) => "Always the same count.",
            Self::Clairvoyant => {
                "Knows the future: starts each replica exactly in time, and lets nobody wait. The floor of cost."
            }
            Self::Given(..) => "cheerful with the settings of the manifest.",
        }
    }
}

impl fmt::Display for Contender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::StablePanic => f.write_str("stable-panic"),
            Self::Knative => f.write_str("knative"),
            Self::Fixed(None) => f.write_str("fixed"),
            Self::Fixed(Some(replicas)) => write!(f, "fixed:{replicas}"),
            Self::Clairvoyant => f.write_str("clairvoyant"),
            Self::Given(name, _) => f.write_str(name),
        }
    }
}

/// Why a text names no policy: what would be right.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("should be {}, or fixed:N with N from 1 to 100000", NAMES.join(", "))]
pub struct NoContender;

const NAMES: [&str; 5] = ["auto", "stable-panic", "knative", "fixed", "clairvoyant"];

impl FromStr for Contender {
    type Err = NoContender;

    fn from_str(text: &str) -> Result<Self, NoContender> {
        if let Some(replicas) = text.strip_prefix("fixed:") {
            let replicas = replicas.parse().ok();
            let possible = replicas.filter(|replicas| (1..=MOST_FIXED).contains(replicas));
            return possible
                .map(|replicas| Self::Fixed(Some(replicas)))
                .ok_or(NoContender);
        }
        Self::ALL
            .into_iter()
            .find(|one| one.to_string() == text)
            .ok_or(NoContender)
    }
}

const MOST_FIXED: u32 = 100_000;

fn ours(settings: Settings, model: &Model) -> Ours {
    let scaling = Scaling::new(settings).unwrap_or_else(|_| unreachable!("the defaults are right"));
    Ours::new("", scaling, start(model))
}

const fn start(model: &Model) -> Start {
    Start {
        ready: model.ready,
        new: false,
        panicking_seconds: None,
        panic_replicas: None,
    }
}

fn fixed(
    replicas: u32,
    load: impl IntoIterator<Item = Arrival>,
    model: &Model,
    seed: u64,
) -> Outcome {
    let model = Model {
        ready: replicas,
        ..model.clone()
    };
    simulate(load, &model, &mut Fixed::new(replicas), seed)
}

/// The least count that lets few enough wait: doubled until it does, then halved in between.
fn best_fixed<I>(load: impl Fn() -> I, model: &Model, seed: u64) -> Outcome
where
    I: IntoIterator<Item = Arrival>,
{
    let waits_few = |outcome: &Outcome| outcome.long_wait_share() <= Contender::FIXED_WAITING;
    let mut too_few = 0;
    let mut best = fixed(1, load(), model, seed);
    let mut enough = 1;
    while !waits_few(&best) && enough < MOST_FIXED {
        too_few = enough;
        enough = (2 * enough).min(MOST_FIXED);
        best = fixed(enough, load(), model, seed);
    }
    while enough - too_few > 1 {
        let middle = too_few.midpoint(enough);
        let outcome = fixed(middle, load(), model, seed);
        if waits_few(&outcome) {
            (enough, best) = (middle, outcome);
        } else {
            too_few = middle;
        }
    }
    best
}
