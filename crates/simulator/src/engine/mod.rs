// SPDX-License-Identifier: Apache-2.0
//! The engine: what happens next, and when.
mod books;
mod departures;
mod door;
mod feed;
mod platform;
mod ranks;
mod replica;
mod run;

pub(crate) use books::micros;

use crate::{Arrival, Model, Outcome, Policy};

/// Runs a load through a model, with a policy that says how many replicas there should be.
///
/// After the last arrival it goes on until every request is answered or given up; costs are counted until the last
/// arrival (or [`Model::end`]).
///
/// ```
/// # use std::time::Duration;
/// use cheerful_scaling::Moment;
/// use cheerful_simulator::{Arrival, Law, Model, baselines::Fixed, simulate};
///
/// let load = (0..1000).map(|number| Arrival {
///     at: Moment::from_micros(number * 100_000),
///     work: Duration::from_millis(50),
/// });
/// let model = Model { slots: Some(1), start_up: Law::Constant(Duration::from_secs(2)), ..Model::default() };
/// let outcome = simulate(load, &model, &mut Fixed::new(1), 7);
/// assert_eq!(outcome.requests, 1000);
/// assert_eq!(outcome.waits.max(), Duration::from_secs(2));
/// ```
pub fn simulate(
    load: impl IntoIterator<Item = Arrival>,
    model: &Model,
    policy: &mut dyn Policy,
    seed: u64,
) -> Outcome {
    run::Run::new(model, policy, seed).through(&mut load.into_iter())
}
