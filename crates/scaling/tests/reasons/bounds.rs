// SPDX-License-Identifier: Apache-2.0
use cheerful_scaling::{
    Averages, Bound, Decision, Floor, Moment, Observation, Paused, Policy, Scaler, Scaling,
    Settings, Start,
};

use super::{
    bed::{Bed, at, plain, report, secs},
    loads::{alone, queue_length, read},
};

/// A decision that was bent by it.
pub(crate) fn example(bound: Bound) -> Decision {
    match bound {
        Bound::MaxUp => given(plain(), 1, 1000.0, 1001.0),
        Bound::MaxDown => given(
            Settings {
                max_down: 2.0,
                ..plain()
            },
            8,
            10.0,
            10.0,
        ),
        Bound::PanicNeverFalls => {
            let mut bed = Bed::new(plain(), Start::default());
            bed.given(0.0, 1, 40.0, 40.0);
            bed.given(18.0, 4, 10.0, 10.0)
        }
        Bound::Ahead => ahead(),
        Bound::ScaleDownDelay => {
            let settings = Settings {
                scale_down_delay: secs(300).into(),
                panic_threshold: 100.0,
                ..plain()
            };
            let mut bed = Bed::new(settings, Start::default());
            bed.given(0.0, 4, 40.0, 40.0);
            bed.given(180.0, 4, 10.0, 10.0)
        }
        Bound::Signal => {
            let mut bed = Bed::ready(alone(queue_length()), 5);
            bed.now = 100.0;
            read(&mut bed, 48.0);
            bed.decide();
            bed.now = 120.0;
            read(&mut bed, 11.0);
            bed.decide()
        }
        Bound::IdleDelay => {
            let settings = Settings {
                idle_delay: secs(30).into(),
                ..plain()
            };
            let mut bed = Bed::ready(settings, 1);
            bed.run(60, 0..1, 0.0);
            bed.given(60.0, 1, 1.0, 1.0);
            bed.given(72.0, 1, 0.0, 0.0)
        }
        Bound::GracePeriod => grace_period(),
        Bound::Activation => given(
            Settings {
                activation: 3,
                ..plain()
            },
            1,
            15.0,
            15.0,
        ),
        Bound::Busy => busy(),
        Bound::Unread => Bed::ready(queue_length(), 2).decide_with_a_request(),
        Bound::MissingData => {
            let mut bed = Bed::ready(plain(), 3);
            bed.now = 100.0;
            bed.run(60, 0..2, 5.0);
            bed.decide()
        }
        Bound::NoData => no_data(),
        Bound::Initial => {
            let new = Start {
                new: true,
                ..Start::default()
            };
            let scaling = Scaling::new(Settings::default()).unwrap();
            Scaler::new(scaling, new, Moment::ZERO).decide(Moment::ZERO)
        }
        Bound::Schedule => {
            let mut bed = Bed::new(plain(), Start::default());
            let floor = Floor {
                replicas: 5,
                name: "office hours".to_owned(),
            };
            bed.scaler.schedule(at(0.0), Some(floor));
            bed.given(0.0, 1, 4.0, 4.0)
        }
        Bound::Paused => given(
            Settings {
                paused: Paused::At(4),
                ..plain()
            },
            3,
            90.0,
            50.0,
        ),
        Bound::Min => given(Settings { min: 2, ..plain() }, 2, 1.0, 1.0),
        Bound::Max => given(
            Settings {
                max: Some(8),
                ..plain()
            },
            3,
            30.0,
            90.0,
        ),
    }
}

/// What a person should know.
pub(crate) fn meaning(bound: Bound) -> &'static str {
    match bound {
        Bound::MaxUp => {
            "One step asks for at most so many times the replicas that are ready. The next step may follow 2 s later."
        }
        Bound::MaxDown => "One step divides by at most so much.",
        Bound::PanicNeverFalls => {
            "There was a burst a short while ago, and bursts come in waves: nothing goes until a stable window has passed without one."
        }
        Bound::Ahead => {
            "Requests come by the clock; a replica is started before the next one is due."
        }
        Bound::ScaleDownDelay => {
            "More was needed a short while ago. With `policy: auto` the time follows from what a start costs and how often it was needed again."
        }
        Bound::Signal => "A signal asked for more within the last 60 s, and signals jump.",
        Bound::IdleDelay => "The last replica stays for a while after the last request.",
        Bound::GracePeriod => {
            "In a cluster: the last pod goes only when the gateway is known to hold requests in its place."
        }
        Bound::Activation => "Whenever there is any replica there are at least so many.",
        Bound::Busy => {
            "A replica said that it works although nobody waits for an answer; it stays until it is done."
        }
        Bound::Unread => {
            "A signal of the manifest could not be read since the start. Without it nobody knows that less is enough."
        }
        Bound::MissingData => {
            "Some replica that ought to report is silent, or new. What it does not say is not taken for rest."
        }
        Bound::NoData => {
            "No replica has reported for a whole stable window, or none has yet. The count stays as it is."
        }
        Bound::Initial => {
            "A revision that is new begins with so many, until they were ready once or a stable window has passed."
        }
        Bound::Schedule => "It is a time for which the manifest asks for more.",
        Bound::Paused => "A person holds the count.",
        Bound::Min => "Never fewer.",
        Bound::Max => "Never more: requests wait while all are busy.",
    }
}

/// What to turn, or to look at.
pub(crate) fn then(bound: Bound) -> &'static str {
    match bound {
        Bound::MaxUp => "`maxUp`",
        Bound::MaxDown => "`maxDown`",
        Bound::PanicNeverFalls => "`stableWindow`, `panicThreshold`",
        Bound::Ahead => "`thrift` towards 1",
        Bound::ScaleDownDelay => "`scaleDownDelay`, or `thrift`",
        Bound::Signal => "`scaleDownDelay`",
        Bound::IdleDelay => "`idleDelay`",
        Bound::GracePeriod => "`gracePeriod`",
        Bound::Activation => "`activation`",
        Bound::Busy => "what the app says of itself",
        Bound::Unread => "`cheerful explain` has why it cannot be read",
        Bound::MissingData => {
            "the replica: `cheerful explain` has those that there are; in a cluster its queue's log"
        }
        Bound::NoData => "as above",
        Bound::Initial => "`initial`",
        Bound::Schedule => "`schedules`",
        Bound::Paused => "`paused`",
        Bound::Min => "`min`",
        Bound::Max => "`max`",
    }
}

/// A decision from averages.
pub(crate) fn given(settings: Settings, ready: u32, stable: f64, panic: f64) -> Decision {
    Bed::new(settings, Start::default()).given(0.0, ready, stable, panic)
}

impl Bed {
    /// After a second in which the first replica had a request.
    fn decide_with_a_request(mut self) -> Decision {
        for second in 1..=60 {
            self.now = f64::from(second);
            for replica in ["a", "b"] {
                self.report(&report(replica, 1.0, 1.0)).unwrap();
            }
        }
        self.decide()
    }
    /// At 100 s, after both averages have come to `load`.
    fn seen(mut self, observation: Observation, load: f64) -> Decision {
        self.scaler.observe(at(100.0), observation);
        let averages = Averages {
            stable: load,
            panic: load,
        };
        self.scaler.averages(at(100.0), averages).unwrap();
        self.scaler.decide(at(100.0))
    }
}

fn no_data() -> Decision {
    // Averages of before are out of date after their window, and nobody has reported.
    let mut bed = Bed::new(plain(), Start::default());
    bed.observe(3, 0);
    bed.given(0.0, 3, 8.0, 8.0);
    bed.now = 100.0;
    bed.observe(3, 0);
    bed.decide()
}

fn grace_period() -> Decision {
    let settings = Settings {
        grace_period: secs(30),
        ..plain()
    };
    let bed = Bed::new(settings, Start::default());
    let observation = Observation {
        ready: 1,
        gateway_since: Some(at(82.0)),
        ..Observation::default()
    };
    bed.seen(observation, 0.0)
}

fn busy() -> Decision {
    let mut bed = Bed::new(plain(), Start::default());
    bed.given(0.0, 4, 10.0, 10.0);
    let observation = Observation {
        ready: 4,
        busy: 3,
        ..Observation::default()
    };
    bed.seen(observation, 10.0)
}

/// A request of a second each five minutes.
fn ahead() -> Decision {
    let settings = Settings {
        policy: Policy::Auto,
        grace_period: secs(0),
        ..plain()
    };
    let mut bed = Bed::ready(
        Settings {
            idle_delay: Settings::default().idle_delay,
            ..settings
        },
        1,
    );
    let mut last = None;
    for beat in 0..100_u32 {
        bed.hold(1, 1);
        bed.observe(1, 0);
        bed.hold(0, 0);
        bed.run(1, 0..1, 1.0);
        for _ in 1..300 {
            bed.now += 1.0;
            let decision = bed.decide();
            bed.observe(decision.replicas, 0);
            if decision.replicas > 0 {
                bed.report(&report("0", 1.0, 0.0)).unwrap();
            }
            if beat > 90 && decision.is_bounded_by(Bound::Ahead) && decision.present == 0 {
                last = Some(decision);
            }
        }
    }
    last.unwrap()
}
