// SPDX-License-Identifier: Apache-2.0
//! What must always hold of a decision, as predicates: used by tests, the simulator and debug assertions.
use crate::{Bound, Decision, Mode, Settings};

/// The scale is within the bounds that a person has set.
#[must_use]
pub fn is_within_bounds(decision: &Decision, settings: &Settings) -> bool {
    decision.replicas >= settings.min && settings.max.is_none_or(|max| decision.replicas <= max)
}

/// Where no one has reported, or some who ought to are silent, the scale is not below the present one, unless
/// a person's `max` or `paused` says so.
#[must_use]
pub fn missing_data_lowers_nothing(decision: &Decision, data_is_missing: bool) -> bool {
    !data_is_missing || lowers_only_by_a_person(decision)
}

/// In panic the scale is not below the present one, unless a person's `max` or `paused` says so.
#[must_use]
pub fn panic_lowers_nothing(decision: &Decision) -> bool {
    decision.mode != Mode::Panic || lowers_only_by_a_person(decision)
}

/// Of the scale requests sent, each given by the number of its wish, none was for an older wish than the one
/// before it.
#[must_use]
pub fn no_older_wish_after_a_newer(wishes_sent: &[u64]) -> bool {
    wishes_sent.is_sorted()
}

fn lowers_only_by_a_person(decision: &Decision) -> bool {
    decision.replicas >= decision.present
        || decision.is_bounded_by(Bound::Max)
        || decision.is_bounded_by(Bound::Paused)
}
