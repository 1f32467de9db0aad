// SPDX-License-Identifier: Apache-2.0
use std::{fmt, str::FromStr};

use cheerful_scaling::{Concurrency, Scaling, Settings, Start};

use crate::{
    Arrival, Model, Ours, Outcome, Policy,
    baselines::{Fixed, Hpa, Keda, Knative, Year2018, clairvoyant},
    simulate,
};

/// A policy by its name: what `--policy` takes, and what the tables compare.
#[derive(Clone, Debug, PartialEq)]
pub enum Contender {
    /// Ours with `policy: auto`, and everything else left to it.
    Auto,
    /// Ours with the classic numbers.
    StablePanic,
    /// The autoscaler of 2018 from which both come.
    Year2018,
    /// Knative's, with its defaults.
    Knative,
    /// Kubernetes' own autoscaler on requests in flight.
    Hpa,
    /// KEDA's HTTP add-on.
    Keda,
    /// Always as many; `None`: as few as let at most [`Contender::FIXED_WAITING`] wait.
    Fixed(Option<u32>),
    /// Knows the future.
    Clairvoyant,
    /// Ours with settings that a person gave, under the name of the revision.
    Given(String, Box<Scaling>),
}

impl Contender {
    /// Those that are compared when nobody says which.
    pub const ALL: [Self; 8] = [
        Self::Auto,
        Self::StablePanic,
        Self::Year2018,
        Self::Knative,
        Self::Hpa,
        Self::Keda,
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
        let target = model
            .slots
            .map_or(KNATIVE_TARGET, |slots| SHARE * f64::from(slots));
        let through = |policy: &mut dyn Policy| simulate(load(), model, policy, seed);
        let mut outcome = match self {
            Self::Auto => through(&mut ours(settings, model)),
            Self::StablePanic => {
                let policy = cheerful_scaling::Policy::StablePanic;
                through(&mut ours(Settings { policy, ..settings }, model))
            }
            Self::Year2018 => through(&mut Year2018::with_target(target)),
            Self::Knative => through(&mut match model.slots {
                Some(slots) => Knative::of_slots(slots, SHARE),
                None => Knative::with_target(KNATIVE_TARGET),
            }),
            Self::Hpa => through(&mut Hpa::with_target(target)),
            Self::Keda => {
                let target = model.slots.map_or(KEDA_TARGET, f64::from);
                through(&mut Keda::with_target(target))
            }
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
            Self::Auto => {
                "cheerful with policy: auto: the target, the spare capacity and the delays set themselves."
            }
            Self::StablePanic => {
                "cheerful with the classic numbers: means of 60 s, or of 6 s in panic, target 70 % of the limit; a burst is told at once."
            }
            Self::Year2018 => {
                "The autoscaler of 2018 from which Knative's and ours come: means per pod over 60 s and 6 s, target 70 % of the limit."
            }
            Self::Knative => {
                "Knative with its defaults: 70 % of the limit, means of 60 s and 6 s, panic at twice, its activator always in the path, 30 s of grace before zero."
            }
            Self::Hpa => {
                "Kubernetes' HorizontalPodAutoscaler on requests in flight: 70 % of the limit, a look every 15 s, 10 % tolerance, down to the largest wish of 300 s, never zero."
            }
            Self::Keda => {
                "KEDA's HTTP add-on: a HorizontalPodAutoscaler with the limit itself as target, from zero at once, to zero after 300 s."
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
            Self::Year2018 => f.write_str("2018"),
            Self::Knative => f.write_str("knative"),
            Self::Hpa => f.write_str("hpa"),
            Self::Keda => f.write_str("keda"),
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

const NAMES: [&str; 8] = [
    "auto",
    "stable-panic",
    "2018",
    "knative",
    "hpa",
    "keda",
    "fixed",
    "clairvoyant",
];

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

/// The share of a hard limit that 2018, Knative and the HPA aim for.
const SHARE: f64 = 0.7;
/// What Knative aims for where there is no limit: 70 % of 100.
const KNATIVE_TARGET: f64 = 70.0;
/// What KEDA does.
const KEDA_TARGET: f64 = 100.0;

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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use cheerful_scaling::Moment;

    use super::*;
    use crate::Law;

    #[test]
    fn each_is_named_as_it_is_shown() {
        for one in Contender::ALL {
            assert_eq!(one.to_string().parse(), Ok(one.clone()));
            assert!(NAMES.contains(&one.to_string().as_str()));
        }
        assert_eq!("fixed:7".parse(), Ok(Contender::Fixed(Some(7))));
        for wrong in ["fixed:0", "fixed:x", "fixed:200000", "Auto", ""] {
            let error = wrong.parse::<Contender>().unwrap_err().to_string();
            assert!(error.contains("auto, stable-panic"), "{error}");
        }
    }

    #[test]
    fn the_best_fixed_count_is_the_least_that_suffices() {
        let load = || {
            (0..2000_u64).map(|number| Arrival {
                at: Moment::from_micros(number * 100_000),
                work: Duration::from_millis(990),
            })
        };
        let model = Model {
            slots: Some(2),
            start_up: Law::Constant(Duration::from_secs(5)),
            ..Model::default()
        };
        let best = Contender::Fixed(None).run(load, &model, 1);
        assert_eq!((best.policy.as_str(), best.cold_starts), ("fixed:5", 0));
        let fewer = Contender::Fixed(Some(4)).run(load, &model, 1);
        assert!(fewer.long_wait_share() > Contender::FIXED_WAITING);
    }

    #[test]
    fn each_meets_the_same_load() {
        let load = || {
            (0..500_u64).map(|number| Arrival {
                at: Moment::from_micros(number * 200_000),
                work: Duration::from_millis(400),
            })
        };
        let model = Model {
            slots: Some(2),
            ..Model::default()
        };
        for one in Contender::ALL {
            let outcome = one.run(load, &model, 1);
            assert_eq!((outcome.requests, outcome.answered), (500, 500), "{one}");
            assert!(outcome.replica_seconds > 0.0, "{one}");
        }
    }
}
