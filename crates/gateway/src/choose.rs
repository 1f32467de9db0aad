// SPDX-License-Identifier: Apache-2.0

/// Which replica takes the next request: its index, or `None` when there is no place.
///
/// The busiest that is below the target, so that spare replicas fall idle and can go; when all are at
/// the target or above it, the least loaded. Never one at the hard limit. Among equals the first, so
/// that it is always the same ones that are spare.
///
/// `in_flight` gives the requests in flight in each replica, `None` for one that may take no request.
#[must_use]
pub fn choose(
    in_flight: impl Iterator<Item = Option<u64>>,
    target: f64,
    limit: Option<u32>,
) -> Option<usize> {
    let limit = limit.map_or(u64::MAX, u64::from);
    let mut best: Option<(usize, u64)> = None;
    for (index, load) in in_flight.enumerate() {
        let Some(load) = load.filter(|load| *load < limit) else {
            continue;
        };
        let better = match best {
            None => true,
            Some((_, best)) => match (below(load, target), below(best, target)) {
                (true, true) => load > best,
                (true, false) => true,
                (false, true) => false,
                (false, false) => load < best,
            },
        };
        if better {
            best = Some((index, load));
        }
    }
    best.map(|(index, _)| index)
}

#[expect(
    clippy::cast_precision_loss,
    reason = "requests in flight are far below 2^53"
)]
fn below(load: u64, target: f64) -> bool {
    (load as f64) < target
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn chosen(loads: &[Option<u64>], target: f64, limit: Option<u32>) -> Option<usize> {
        choose(loads.iter().copied(), target, limit)
    }

    #[test]
    fn the_busiest_below_the_target_is_filled_first() {
        assert_eq!(chosen(&[Some(2), Some(6), Some(0)], 7.0, None), Some(1));
        assert_eq!(chosen(&[Some(2), Some(7), Some(0)], 7.0, None), Some(0));
    }

    #[test]
    fn over_the_target_the_least_loaded() {
        assert_eq!(
            chosen(&[Some(9), Some(8), Some(10)], 7.0, Some(20)),
            Some(1)
        );
    }

    #[test]
    fn the_first_among_equals() {
        assert_eq!(chosen(&[None, Some(3), Some(3)], 7.0, None), Some(1));
        assert_eq!(chosen(&[Some(9), Some(9)], 7.0, None), Some(0));
    }

    #[test]
    fn with_a_limit_of_one_never_two_in_one_replica() {
        assert_eq!(chosen(&[Some(1), Some(0)], 0.7, Some(1)), Some(1));
        assert_eq!(chosen(&[Some(1), Some(1)], 0.7, Some(1)), None);
    }

    #[test]
    fn a_target_that_is_no_number_spreads() {
        assert_eq!(chosen(&[Some(3), Some(1)], f64::NAN, None), Some(1));
    }

    proptest! {
        /// Never a replica that is full or out; a place is found whenever there is one; an idle
        /// replica stays idle while a busy one has room below the target.
        #[test]
        fn holds_the_limit_and_leaves_the_spare_ones_idle(
            loads in prop::collection::vec(prop::option::of(0_u64..12), 0..8),
            target in 0.1_f64..12.0,
            limit in prop::option::of(1_u32..12),
        ) {
            let free = |load: u64| limit.is_none_or(|limit| load < u64::from(limit));
            match chosen(&loads, target, limit) {
                None => prop_assert!(!loads.iter().flatten().any(|load| free(*load))),
                Some(index) => {
                    let load = loads[index].unwrap();
                    prop_assert!(free(load));
                    let busy_with_room = loads.iter().flatten()
                        .any(|load| *load > 0 && below(*load, target) && free(*load));
                    prop_assert!(load > 0 || !busy_with_room);
                    if !below(load, target) {
                        let least = loads.iter().flatten().filter(|load| free(**load)).min();
                        prop_assert_eq!(Some(&load), least);
                    }
                }
            }
        }
    }
}
