// SPDX-License-Identifier: Apache-2.0
//! The policy that sets itself: how much is spare, what is kept and for how long, and what never happens.
#![allow(clippy::unwrap_used)]
mod bed;
use bed::{Bed, at, report, secs};
use cheerful_scaling::{
    Bound, Concurrency, Delay, Forgotten, Mode, Policy, Report, Scaling, Settings, Start, Target,
};

fn auto() -> Settings {
    Settings {
        policy: Policy::Auto,
        target: Target::PerReplica(10.0),
        grace_period: secs(0),
        ..Settings::default()
    }
}

/// Each second, so many requests of a second each are in flight over the ready replicas; the replicas follow the
/// decisions, and take `start` seconds to start. Gives the replicas that were asked for, second by second.
struct World {
    bed: Bed,
    ready: u32,
    starting: Vec<(f64, u32)>,
    start: f64,
    asked: Vec<u32>,
}

impl World {
    fn new(settings: Settings, ready: u32, start: f64) -> Self {
        Self {
            bed: Bed::ready(settings, ready),
            ready,
            starting: Vec::new(),
            start,
            asked: Vec::new(),
        }
    }
    fn second(&mut self, load: f64) {
        self.bed.now += 1.0;
        let now = self.bed.now;
        let began: u32 = (self.starting.iter())
            .filter(|(since, _)| now - since >= self.start)
            .map(|(_, count)| count)
            .sum();
        self.starting.retain(|(since, _)| now - since < self.start);
        for replica in 0..self.ready {
            let share = load / f64::from(self.ready);
            let report = Report {
                requests: share.round() as u64,
                ..report(&replica.to_string(), 1.0, share)
            };
            self.bed.report(&report).unwrap();
        }
        self.ready += began;
        self.observe();
        let decision = self.bed.decide();
        let present = self.present();
        if decision.replicas > present {
            self.starting.push((now, decision.replicas - present));
        } else {
            self.ready = self.ready.min(decision.replicas);
            let still = decision.replicas - self.ready;
            self.starting.truncate(usize::from(still > 0));
            self.starting
                .iter_mut()
                .for_each(|(_, count)| *count = still);
        }
        self.observe();
        self.asked.push(decision.replicas);
    }
    fn seconds(&mut self, seconds: u32, load: f64) {
        (0..seconds).for_each(|_| self.second(load));
    }
    fn present(&self) -> u32 {
        self.ready + self.starting.iter().map(|(_, count)| count).sum::<u32>()
    }
    fn observe(&mut self) {
        let starting = self.present() - self.ready;
        self.bed.observe(self.ready, starting);
    }
}

fn steps(counts: &[u32]) -> usize {
    counts.windows(2).filter(|pair| pair[0] != pair[1]).count()
}

#[test]
fn constant_load_is_answered_by_a_constant_count() {
    for load in [0.3, 4.0, 9.9, 10.0, 37.0, 123.0, 4_000.0] {
        let mut world = World::new(auto(), 1, 3.0);
        world.seconds(300, load);
        let settled = world.asked.split_off(60);
        // One step down, when it is known that the load hardly moves.
        assert!(
            steps(&settled) <= 1 || load > 1_000.0,
            "{load}: {settled:?}"
        );
        let last = f64::from(*settled.last().unwrap());
        assert!(last * 10.0 >= load, "{load}: {last}");
        assert!(
            last * 10.0 <= load + 5.0 * load.sqrt() + 10.0,
            "{load}: {last}"
        );
    }
}

#[test]
fn two_hundred_at_once_from_zero_start_what_they_need_and_no_more() {
    let settings = Settings {
        target: Target::Auto,
        concurrency: Concurrency::Limit(10),
        ..auto()
    };
    let mut bed = Bed::ready(settings, 0);
    bed.now = 100.0;
    bed.hold(200, 200);
    let mut most = bed.replicas();
    assert_eq!(most, 20);
    for _ in 0..20 {
        bed.observe(0, most);
        bed.now += 1.0;
        bed.hold(200, 0);
        let replicas = bed.replicas();
        assert!(replicas >= 20, "{replicas}");
        most = most.max(replicas);
    }
    bed.observe(20, 0);
    bed.hold(0, 0);
    bed.run(1, 0..20, 10.0);
    most = most.max(bed.replicas());
    assert!(most <= 24, "{most}");
}

#[test]
fn what_was_just_asked_for_is_not_taken_back_between_two_reports() {
    let mut bed = Bed::ready(auto(), 3);
    bed.run(60, 0..3, 8.0);
    let before = bed.replicas();
    bed.hold(30, 30);
    let asked = bed.replicas();
    assert!(asked > before, "{asked} after {before}");
    bed.observe(3, asked - 3);
    bed.hold(0, 0);
    assert_eq!(bed.replicas(), asked);
}

#[test]
fn a_backlog_behind_a_slow_start_floods_nothing() {
    let mut bed = Bed::ready(auto(), 0);
    let (mut held, mut most) = (0, 0);
    // 50 requests per second of a second each, and a start of 10 s.
    for _ in 0..100 {
        held += 5;
        bed.now += 0.1;
        bed.hold(held, 5);
        let replicas = bed.replicas();
        most = most.max(replicas);
        bed.observe(0, replicas);
    }
    // 50 places for what comes, and twice that for what waits and for chance.
    assert!((5..=20).contains(&most), "{most}");
}

#[test]
fn a_replica_that_is_needed_again_soon_is_kept_and_it_is_said_why() {
    let mut world = World::new(auto(), 1, 10.0);
    for _ in 0..20 {
        world.seconds(10, 35.0);
        world.seconds(110, 2.0);
    }
    let kept = world.asked.split_off(1_200);
    assert!(kept.iter().all(|count| *count >= 4), "{kept:?}");
    world.bed.now += 1.0;
    let decision = world.bed.decide();
    assert!(
        decision.is_bounded_by(Bound::ScaleDownDelay),
        "{decision:?}"
    );
    let said = decision.sentence();
    assert!(
        said.contains("a replica that goes comes back within"),
        "{said}"
    );
    assert!(said.contains(" of 10 cases"), "{said}");
}

#[test]
fn the_sentence_tells_what_is_there_and_what_may_come() {
    let mut world = World::new(auto(), 1, 2.0);
    world.seconds(60, 35.0);
    world.bed.now += 1.0;
    let said = world.bed.decide().sentence();
    assert!(
        said.contains(": 35 requests in flight, room for "),
        "{said}"
    );
    assert!(
        said.contains(" more while a replica starts (2 s), target 10 each"),
        "{said}"
    );
    world.bed.hold(25, 25);
    let said = world.bed.decide().sentence();
    assert!(
        said.contains("35 requests in flight and 25 held (panic)"),
        "{said}"
    );
}

#[test]
fn what_was_kept_and_has_gone_is_not_started_again_for_one_request() {
    let settings = Settings {
        idle_delay: Delay::Given(secs(5)),
        max_down: 1e9,
        max: Some(12),
        ..auto()
    };
    let mut world = World::new(settings, 1, 0.0);
    world.seconds(70, 5.0);
    world.seconds(5, 150.0);
    let said = world.bed.decide().sentence();
    assert!(said.ends_with("by max 12"), "{said}");
    world.seconds(20, 0.0);
    assert_eq!(world.asked.last(), Some(&0));
    world.bed.now += 1.0;
    world.bed.hold(1, 1);
    let decision = world.bed.decide();
    assert_eq!(decision.replicas, 1, "{}", decision.sentence());
}

#[test]
fn zero_is_stayed_at_though_the_load_was_there_a_moment_ago() {
    let settings = Settings {
        idle_delay: Delay::Given(secs(3)),
        max_down: 1e9,
        ..auto()
    };
    let mut world = World::new(settings, 1, 0.0);
    world.seconds(90, 35.0);
    world.seconds(30, 0.0);
    let down = world.asked.split_off(90);
    let zero = down.iter().position(|asked| *asked == 0).unwrap();
    assert!(zero < 10, "{down:?}");
    assert!(down[zero..].iter().all(|asked| *asked == 0), "{down:?}");
}

#[test]
fn what_is_not_needed_again_goes_soon() {
    let mut world = World::new(auto(), 1, 2.0);
    world.seconds(30, 35.0);
    world.seconds(900, 2.0);
    assert_eq!(world.asked.last(), Some(&1));
}

#[test]
fn a_replica_is_started_ahead_of_a_request_that_comes_by_the_clock() {
    let mut bed = Bed::ready(auto(), 1);
    let (mut was_there, mut present) = (0, 0);
    for beat in 0..100_u32 {
        // A request of a second each 300 s.
        was_there = if present > 0 { was_there + 1 } else { 0 };
        bed.hold(1, 1);
        bed.observe(1, 0);
        bed.hold(0, 0);
        bed.run(1, 0..1, 1.0);
        for second in 1..300 {
            bed.now += 1.0;
            let decision = bed.decide();
            bed.observe(decision.replicas, 0);
            present = decision.replicas;
            if present > 0 {
                bed.report(&report("0", 1.0, 0.0)).unwrap();
            }
            if beat > 90 && second == 100 {
                assert_eq!(present, 0, "{decision:?}");
                assert!(!bed.scaler.is_at_rest(at(bed.now)));
            }
            if beat > 90 && decision.is_bounded_by(Bound::Ahead) {
                let said = decision.sentence();
                assert!(
                    said.contains("the next request, which in 10 of 10 cases came"),
                    "{said}"
                );
            }
        }
    }
    assert!(was_there > 60, "{was_there}");
    // Then it comes no more.
    for _ in 0..2_000 {
        bed.run(1, 0..present, 0.0);
        present = bed.replicas();
        bed.observe(present, 0);
    }
    assert!(bed.scaler.is_at_rest(at(bed.now)));
}

#[test]
fn given_delays_are_kept_to() {
    let settings = Settings {
        idle_delay: Delay::Given(secs(5)),
        scale_down_delay: Delay::Given(secs(30)),
        max_down: 1e9,
        ..auto()
    };
    let mut world = World::new(settings, 1, 1.0);
    world.seconds(120, 35.0);
    let before = *world.asked.last().unwrap();
    world.seconds(25, 2.0);
    assert_eq!(world.asked.last(), Some(&before));
    world.seconds(40, 2.0);
    assert_eq!(world.asked.last(), Some(&1));
    world.seconds(60, 0.0);
    assert_eq!(world.asked.last(), Some(&0));
}

#[test]
fn thrift_decides_how_long_the_last_one_stays() {
    let delay = |thrift| {
        let settings = Settings { thrift, ..auto() };
        Bed::ready(settings, 1).scaler.idle_delay()
    };
    assert!(delay(1.0) < secs(30), "{:?}", delay(1.0));
    assert!(
        (secs(120)..secs(700)).contains(&delay(0.5)),
        "{:?}",
        delay(0.5)
    );
    assert!(delay(0.0) >= secs(3_600), "{:?}", delay(0.0));
}

#[test]
fn after_a_restart_it_holds_what_it_finds() {
    let start = Start {
        ready: 8,
        ..Start::default()
    };
    let mut bed = Bed::new(auto(), start);
    bed.observe(8, 0);
    bed.run(59, 0..8, 0.1);
    let decision = bed.decide();
    assert_eq!((decision.replicas, decision.mode), (8, Mode::Panic));
    bed.run(2, 0..8, 0.1);
    assert!(bed.replicas() < 8);
}

#[test]
fn what_was_learned_of_the_load_survives_as_text() {
    let mut world = World::new(auto(), 1, 4.0);
    for _ in 0..20 {
        world.seconds(10, 35.0);
        world.seconds(30, 2.0);
    }
    let learned = world.bed.scaler.learned_load().unwrap();
    let text = serde_json::to_string(&learned).unwrap();
    assert!(text.len() < 4_000, "{}", text.len());
    let read = serde_json::from_str(&text).unwrap();
    assert_eq!(learned, read);
    let mut fresh = Bed::ready(auto(), 1);
    fresh.scaler.recall_load(&read).unwrap();
    assert_eq!(fresh.scaler.idle_delay(), world.bed.scaler.idle_delay());
    // What cannot be is said, and all of it is forgotten.
    for wrong in [
        r#"{"served":-1.0}"#,
        r#"{"startUps":[1e30]}"#,
        r#"{"width":4000000000}"#,
        r#"{"width":3}"#,
        r#"{"levels":[{"gaps":[[200,3.0]]}]}"#,
        r#"{"levels":[{"gaps":[[2,-4.0]]}]}"#,
        r#"{"levels":[{"hurt":-1.0}]}"#,
    ] {
        let before = fresh.scaler.remember();
        let memory = format!(r#"{{"version":1,"load":{wrong}}}"#);
        let memory = serde_json::from_str(&memory).unwrap();
        let forgotten = fresh.scaler.recall(&memory, secs(0)).unwrap_err();
        assert_eq!(forgotten, Forgotten::Corrupt, "{wrong}");
        assert_eq!(fresh.scaler.remember(), before, "{wrong}");
    }
    fresh.run(5, 0..1, 3.0);
    assert!(fresh.replicas() >= 1);
}

#[test]
fn the_policy_may_change_while_it_lives() {
    let mut world = World::new(auto(), 1, 2.0);
    world.seconds(60, 35.0);
    let classic = Settings {
        policy: Policy::StablePanic,
        ..auto()
    };
    let now = at(world.bed.now);
    world.bed.scaler.change(Scaling::new(classic).unwrap(), now);
    assert_eq!(world.bed.scaler.learned_load(), None);
    assert!(world.bed.replicas() >= 4);
    world.bed.scaler.change(Scaling::new(auto()).unwrap(), now);
    assert!(world.bed.replicas() >= 4);
}
