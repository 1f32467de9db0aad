// SPDX-License-Identifier: Apache-2.0
use cheerful_scaling::{Scaling, Settings};

use super::*;
use crate::site::specimen::spec;

/// An action in a few words.
fn word(action: &Action) -> String {
    match action {
        Action::Make { door, process } => {
            assert_eq!(door.name, process.name);
            format!("make {} {}", door.name, process.command.join(" "))
        }
        Action::ChangeDoor(door) => format!("door {}", door.name),
        Action::Route { versions } => format!("route {}", versions.join(" ")),
        Action::Stand { current, next, .. } => {
            format!("stand {current} {}", next.as_deref().unwrap_or("-"))
        }
        Action::MoveHeld { from, to } => format!("move {from} {to}"),
        Action::Scale { version, replicas } => format!("scale {version} {replicas}"),
        Action::Retire { version } => format!("retire {version}"),
        Action::Forget { version } => format!("forget {version}"),
        Action::Begin { revision, .. } => format!("begin {revision}"),
        Action::Rescale { revision, .. } => format!("rescale {revision}"),
        Action::Shadow { revision, .. } => format!("shadow {revision}"),
        Action::End { revision } => format!("end {revision}"),
        Action::Listen { revision, signals } => {
            format!("listen {revision} {}", signals.sources.len())
        }
        Action::Observe {
            revision,
            observation,
        } => {
            assert_eq!(observation.gateway_since, Some(Moment::ZERO));
            format!("observe {revision} {}", observation.ready)
        }
        Action::Say { failed, .. } => if *failed { "failed" } else { "say" }.to_owned(),
    }
}

struct Trial {
    rollout: Rollout,
    now: Moment,
    said: Vec<String>,
}

impl Trial {
    /// One revision `a` with so many ready replicas, as many as are wanted.
    fn with(initial: u32, ready: u32) -> Self {
        let mut trial = Self {
            rollout: Rollout::default(),
            now: Moment::ZERO,
            said: Vec::new(),
        };
        assert_eq!(
            trial.apply(vec![spec("a", "old", initial)]),
            ["make a old", "stand a -", "route a", "begin a"]
        );
        assert_eq!(trial.wanted(ready), [format!("scale a {ready}")]);
        assert_eq!(trial.ready("a", ready), [format!("observe a {ready}")]);
        trial
    }
    fn step(&mut self, event: Event) -> Vec<String> {
        let actions = self.rollout.step(event, self.now);
        for action in &actions {
            if let Action::Say { sentence, .. } = action {
                self.said.push(sentence.clone());
            }
        }
        actions.iter().map(word).collect()
    }
    fn apply(&mut self, specs: Vec<Spec>) -> Vec<String> {
        self.step(Event::Apply {
            specs,
            restart: false,
        })
    }
    fn wanted(&mut self, replicas: u32) -> Vec<String> {
        self.step(Event::Wanted {
            revision: "a".to_owned(),
            replicas,
        })
    }
    fn ready(&mut self, version: &str, ready: u32) -> Vec<String> {
        let observation = Observation {
            ready,
            gateway_since: None,
            ..Observation::default()
        };
        self.step(Event::Observed {
            version: version.to_owned(),
            observation,
        })
    }
    fn retired(&mut self, version: &str) -> Vec<String> {
        self.step(Event::Retired {
            version: version.to_owned(),
        })
    }
    fn tick_after(&mut self, seconds: u64) -> Vec<String> {
        self.now = self.now.plus(Duration::from_secs(seconds));
        self.step(Event::Tick)
    }
}

#[test]
fn a_new_command_takes_over_when_as_many_are_ready() {
    let mut trial = Trial::with(1, 2);
    assert_eq!(
        trial.apply(vec![spec("a", "new", 1)]),
        [
            "make a~2 new",
            "say",
            "stand a a~2",
            "scale a 2",
            "scale a~2 2",
            "route a"
        ]
    );
    assert_eq!(trial.ready("a~2", 1), [""; 0]);
    assert_eq!(
        trial.ready("a~2", 2),
        [
            "scale a~2 2",
            "stand a~2 -",
            "route a~2",
            "move a a~2",
            "observe a 2",
            "say",
            "retire a"
        ]
    );
    // What the old one still sees is nobody's demand.
    assert_eq!(trial.ready("a", 1), [""; 0]);
    assert_eq!(trial.tick_after(1), ["move a a~2"]);
    assert_eq!(trial.retired("a"), ["move a a~2", "forget a"]);
    assert_eq!(trial.tick_after(1), [""; 0]);
    assert_eq!(trial.wanted(5), ["scale a~2 5"]);
}

#[test]
fn both_versions_follow_the_load_meanwhile() {
    let mut trial = Trial::with(1, 2);
    trial.apply(vec![spec("a", "new", 1)]);
    assert_eq!(trial.wanted(7), ["scale a 7", "scale a~2 7"]);
    assert_eq!(trial.ready("a", 7), ["observe a 7"]);
    // The goal is what was there at the beginning: a growing load does not put the change off.
    assert!(trial.ready("a~2", 2).contains(&"retire a".to_owned()));
}

#[test]
fn what_the_old_one_has_lost_need_not_be_there() {
    let mut trial = Trial::with(1, 3);
    trial.apply(vec![spec("a", "new", 1)]);
    trial.ready("a~2", 1);
    assert!(trial.ready("a", 0).contains(&"retire a".to_owned()));
}

#[test]
fn a_version_that_does_not_become_ready_is_given_up_with_the_reason() {
    let mut trial = Trial::with(1, 1);
    trial.apply(vec![spec("a", "new", 1)]);
    let why = "exit code 3".to_owned();
    assert_eq!(
        trial.step(Event::Crashed {
            version: "a~2".to_owned(),
            why
        }),
        [""; 0]
    );
    assert_eq!(trial.tick_after(59), [""; 0]);
    assert_eq!(trial.tick_after(1), ["stand a -", "failed", "retire a~2"]);
    let said = trial.said.last().unwrap();
    assert!(
        said.contains("a goes on: 0 of 1 replicas were ready after 60 s"),
        "{said}"
    );
    assert!(said.ends_with("exit code 3"), "{said}");
    // Too late.
    assert_eq!(trial.ready("a~2", 1), [""; 0]);
    assert_eq!(trial.wanted(2), ["scale a 2"]);
    // The same change again is tried again, under a new name.
    let again = trial.apply(vec![spec("a", "new", 1)]);
    assert!(again.contains(&"make a~3 new".to_owned()), "{again:?}");
}

#[test]
fn at_zero_one_is_tried_first_unless_initial_is_zero() {
    let mut trial = Trial::with(1, 0);
    let actions = trial.apply(vec![spec("a", "new", 1)]);
    assert!(actions.contains(&"scale a~2 1".to_owned()), "{actions:?}");
    // When it is ready it takes over, and the autoscaler's count holds again.
    assert!(trial.ready("a~2", 1).contains(&"scale a~2 0".to_owned()));

    let mut trial = Trial::with(0, 0);
    let actions = trial.apply(vec![spec("a", "new", 0)]);
    assert!(
        actions.ends_with(&["say".to_owned(), "retire a".to_owned()]),
        "{actions:?}"
    );
}

#[test]
fn settings_and_routes_hold_at_once_without_a_new_version() {
    let mut trial = Trial::with(1, 1);
    let mut changed = spec("a", "old", 1);
    let settings = Settings {
        max: Some(3),
        ..Settings::default()
    };
    changed.scaling = Scaling::new(settings).unwrap();
    changed.door.limit = Some(4);
    changed.shadow = Some(changed.scaling.clone());
    assert_eq!(
        trial.apply(vec![changed.clone()]),
        ["rescale a", "shadow a", "door a", "route a"]
    );
    assert_eq!(trial.apply(vec![changed]), ["route a"]);
}

#[test]
fn the_newest_change_wins_and_going_back_drops_it() {
    let mut trial = Trial::with(1, 1);
    trial.apply(vec![spec("a", "new", 1)]);
    assert_eq!(trial.apply(vec![spec("a", "new", 1)]), ["route a"]);
    let newer = trial.apply(vec![spec("a", "newer", 1)]);
    assert!(newer.contains(&"retire a~2".to_owned()), "{newer:?}");
    assert!(newer.contains(&"make a~3 newer".to_owned()), "{newer:?}");
    let back = trial.apply(vec![spec("a", "old", 1)]);
    assert_eq!(back, ["stand a -", "retire a~3", "route a"]);
    assert_eq!(trial.ready("a~3", 1), [""; 0]);
}

#[test]
fn a_restart_makes_a_new_version_of_the_same() {
    let mut trial = Trial::with(1, 1);
    let specs = vec![spec("a", "old", 1)];
    let actions = trial.step(Event::Apply {
        specs,
        restart: true,
    });
    assert!(actions.contains(&"make a~2 old".to_owned()), "{actions:?}");
}

#[test]
fn a_revision_that_is_gone_is_drained_and_may_come_back() {
    let mut trial = Trial::with(1, 1);
    assert_eq!(
        trial.apply(vec![spec("b", "other", 1)]),
        [
            "make b other",
            "stand b -",
            "route b",
            "begin b",
            "end a",
            "retire a"
        ]
    );
    // Its old version still ends, so the new one has another name.
    let back = trial.apply(vec![spec("a", "old", 1), spec("b", "other", 1)]);
    assert_eq!(
        back,
        ["make a~2 old", "stand a~2 -", "route a~2 b", "begin a"]
    );
    assert_eq!(trial.retired("a"), ["move a a~2", "forget a"]);
}
