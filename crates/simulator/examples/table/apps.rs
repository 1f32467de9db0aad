// SPDX-License-Identifier: Apache-2.0
//! Synthetic apps of known behaviour, and the load they are under.
use std::time::Duration;

use cheerful_scaling::Moment;
use cheerful_simulator::{Arrival, Curve, Hindrance, Law, Model, Neighbours, Pauses, Rng};

/// How an app behaves, and how much comes in.
pub(crate) struct App {
    pub(crate) name: &'static str,
    pub(crate) model: Model,
    pub(crate) limit: Option<u32>,
    /// Requests per second on average.
    pub(crate) rate: f64,
}

pub(crate) const HOURS: f64 = 3.0;
pub(crate) const WORK: Duration = Duration::from_millis(250);

pub(crate) fn apps() -> Vec<App> {
    let model = |curve| Model {
        curve,
        start_up: Law::Constant(Duration::from_secs(2)),
        ..Model::default()
    };
    let at = |minutes: f64| Moment::from_micros((minutes * 60e6) as u64);
    let app = |name, curve, rate| App {
        name,
        model: model(curve),
        limit: None,
        rate,
    };
    let workers = app("M/M/c: 8 workers inside", Curve::Workers(8), 160.0);
    let mut slots = app("M/M/c: hard limit 8", Curve::None, 160.0);
    slots.model.slots = Some(8);
    slots.limit = Some(8);
    let sharing = app("processor sharing, 2 cores", Curve::Sharing(2.0), 40.0);
    let one = app("processor sharing, 1 core", Curve::Sharing(1.0), 20.0);
    let usl = Curve::Usl {
        alpha: 0.096,
        beta: 0.004,
    };
    let locks = app("lock-bound (USL)", usl, 80.0);
    let io = app("IO-bound", Curve::None, 200.0);
    let mut pauses = app(
        "pauses (200 ms each 10 s), 4 cores",
        Curve::Sharing(4.0),
        80.0,
    );
    pauses.model.pauses = Some(Pauses {
        every: Law::Constant(Duration::from_secs(10)),
        length: Law::Constant(Duration::from_millis(200)),
    });
    let mut slow = app(
        "slow downstream (twice, 20 min), 4 cores",
        Curve::Sharing(4.0),
        80.0,
    );
    slow.model.hindrances = [40.0, 90.0, 140.0]
        .map(|from| Hindrance {
            from: at(from),
            until: at(from + 20.0),
            speed: 0.5,
        })
        .into();
    let mut io_slow = app(
        "slow downstream (twice, 20 min), IO-bound",
        Curve::None,
        200.0,
    );
    io_slow.model.hindrances = slow.model.hindrances.clone();
    let mut neighbours = app(
        "noisy neighbours (half as fast, 1 min in 5), 4 cores",
        Curve::Sharing(4.0),
        80.0,
    );
    neighbours.model.neighbours = Some(Neighbours {
        every: Law::Exponential(Duration::from_secs(240)),
        length: Law::Exponential(Duration::from_secs(60)),
        speed: 0.5,
    });
    vec![
        workers, slots, one, sharing, locks, io, pauses, slow, io_slow, neighbours,
    ]
}

/// A load that rises and falls within 40 minutes, with a burst now and then.
pub(crate) fn load(rate: f64, seed: u64) -> impl Iterator<Item = Arrival> {
    let mut rng = Rng::new(seed);
    let law = Law::Exponential(WORK);
    let mut at = 0.0_f64;
    std::iter::from_fn(move || {
        let phase = at / 2400.0 * std::f64::consts::TAU;
        let burst = if at % 613.0 < 45.0 { 1.5 } else { 1.0 };
        at += rng.exponential() / (rate * (1.0 + 0.7 * phase.sin()) * burst);
        (at < HOURS * 3600.0).then(|| Arrival {
            at: Moment::from_micros((at * 1e6) as u64),
            work: law.draw(&mut rng),
        })
    })
}
