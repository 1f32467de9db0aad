// SPDX-License-Identifier: Apache-2.0
//! Loads of which the request-seconds are known exactly, read at any times.
use cheerful_scaling::Moment;
use proptest::prelude::*;

use super::{Figures, Meter, Metered};

/// Requests by when they begin and end.
struct Load(Vec<(f64, f64)>);

impl Load {
    /// By chance: so many a second that about `in_flight` are there, each of about `mean` seconds; from the middle on
    /// ten times as many.
    fn new(
        in_flight: f64,
        mean: f64,
        shape: u8,
        until: f64,
        dice: &mut impl FnMut() -> f64,
    ) -> Self {
        let mut requests = Vec::new();
        let mut now = 0.0;
        loop {
            let rate = if now < until / 2.0 { 1.0 } else { 10.0 } * in_flight / mean;
            now += -(1.0 - dice()).ln() / rate;
            if now >= until {
                return Self(requests);
            }
            let duration = match shape {
                0 => mean,
                1 => 2.0 * mean * dice(),
                _ => -mean * (1.0 - dice()).ln(),
            };
            requests.push((now, now + duration));
        }
    }

    /// Request-seconds in flight up to `now`.
    fn area(&self, now: f64) -> f64 {
        let each = self.0.iter().filter(|(begin, _)| *begin < now);
        each.map(|(begin, end)| end.min(now) - begin).sum()
    }

    fn figures(&self, now: f64, gauge: bool, flushed: f64) -> Figures {
        let begun = self.0.iter().take_while(|(begin, _)| *begin <= now);
        let mut figures = Figures {
            in_flight: gauge.then_some(0.0),
            requests: Some(0.0),
            seconds: Some(0.0),
            ..Figures::default()
        };
        for (begin, end) in begun {
            if *end > now
                && let Some(in_flight) = &mut figures.in_flight
            {
                *in_flight += 1.0;
            }
            if *end <= flushed {
                *figures.requests.get_or_insert_default() += 1.0;
                *figures.seconds.get_or_insert_default() += end - begin;
            }
        }
        figures
    }
}

fn moment(seconds: f64) -> Moment {
    Moment::from_micros((seconds * 1e6).round() as u64)
}

/// The request-seconds of all reports over the true ones, and the largest average of one interval.
fn told(
    load: &Load,
    until: f64,
    gauge: bool,
    flush: f64,
    mut next: impl FnMut() -> f64,
) -> (f64, f64) {
    let mut meter = Meter::new("a");
    let (mut now, mut sum, mut most) = (until / 10.0, 0.0, 0.0_f64);
    let begin = now;
    let mut last = now;
    while now < until {
        let flushed = if flush > 0.0 {
            (now / flush).floor() * flush
        } else {
            now
        };
        if let Metered::Report(report) = meter.take(load.figures(now, gauge, flushed), moment(now))
        {
            sum += report.request_seconds;
            most = most.max(report.request_seconds / report.seconds);
        }
        last = now;
        now += next();
    }
    (sum / (load.area(last) - load.area(begin)), most)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn from_counters_the_average_is_within_a_hundredth(
        in_flight in 0.5..4.0_f64, mean in 0.2..1.0_f64, shape in 0..3_u8, gauge: bool,
        pause in 0.3..4.0_f64, seed: u64,
    ) {
        let mut state = seed | 1;
        let mut dice = move || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 11) as f64 / (1_u64 << 53) as f64
        };
        let until = 200.0_f64.max(400.0 * mean);
        let load = Load::new(in_flight, mean, shape, until, &mut dice);
        // Until all have ended: what is still in flight is told later.
        let end = until + 20.0 * mean;
        let (share, _) = told(&load, end, gauge, 0.0, || pause * (0.5 + dice()));
        prop_assert!((share - 1.0).abs() < 0.01, "{share}");
    }

    #[test]
    fn counters_that_move_in_lumps_are_smoothed_by_the_gauge(
        in_flight in 2.0..5.0_f64, mean in 0.2..0.5_f64, seed: u64,
    ) {
        let mut state = seed | 1;
        let mut dice = move || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 11) as f64 / (1_u64 << 53) as f64
        };
        let until = 200.0;
        let load = Load::new(in_flight, mean, 2, until, &mut dice);
        let (share, most) = told(&load, until, true, 5.0, || 0.2);
        prop_assert!((share - 1.0).abs() < 0.02, "{share}");
        prop_assert!(most < 22.0 * in_flight + 10.0, "{most}");
    }
}
