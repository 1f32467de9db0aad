// SPDX-License-Identifier: Apache-2.0
use std::{collections::BTreeMap, net::IpAddr};

use cheerful_scaling::Report;

use super::{Figure, Origin};

/// A replica that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Living {
    /// Its name.
    pub name: String,
    /// Its address, where no other replica has the same.
    pub address: Option<IpAddr>,
}

/// Reports of the replicas that are there. What names none of them is of the revision as a whole, and each has an equal
/// part of it: the sum is what counts. A replica of which nothing is known has no report.
#[must_use]
pub fn spread(figures: Vec<Figure>, living: &[Living]) -> Vec<Report> {
    let by_name = |name: &str| living.iter().position(|living| living.name == name);
    let by_address = |address: &IpAddr| {
        let same = |living: &Living| living.address.as_ref() == Some(address);
        living.iter().position(same)
    };
    let mut own: BTreeMap<usize, Figure> = BTreeMap::new();
    let mut whole: Option<Figure> = None;
    for figure in figures {
        let place = match &figure.origin {
            Origin::Replica(name) => by_name(name),
            Origin::Address(address) => by_address(address),
        };
        let slot = match place {
            Some(place) => own.remove(&place),
            None => whole.take(),
        };
        let sum = match slot {
            Some(before) => added(before, figure),
            None => figure,
        };
        match place {
            Some(place) => drop(own.insert(place, sum)),
            None => whole = Some(sum),
        }
    }
    let count = living.len() as u64;
    let mut reports = Vec::new();
    for (place, replica) in living.iter().enumerate() {
        let part = whole.as_ref().map(|whole| Figure {
            origin: whole.origin.clone(),
            seconds: whole.seconds,
            request_seconds: whole.request_seconds / count as f64,
            // What is left over goes to the first ones.
            requests: whole.requests / count + u64::from((place as u64) < whole.requests % count),
            latency: None,
        });
        let sum = match (own.remove(&place), part) {
            (Some(own), Some(part)) => added(own, part),
            (Some(figure), None) | (None, Some(figure)) => figure,
            (None, None) => continue,
        };
        reports.push(Report {
            replica: replica.name.clone(),
            seconds: sum.seconds,
            request_seconds: sum.request_seconds,
            requests: sum.requests,
            latency: sum.latency,
            ..Report::default()
        });
    }
    reports
}

/// Both are of the same interval.
fn added(one: Figure, other: Figure) -> Figure {
    let latency = match (one.latency, other.latency) {
        (Some(mut one), Some(other)) => {
            one.merge(&other);
            Some(one)
        }
        (one, other) => one.or(other),
    };
    Figure {
        request_seconds: one.request_seconds + other.request_seconds,
        requests: one.requests.saturating_add(other.requests),
        latency,
        ..one
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn living(names: &[(&str, Option<&str>)]) -> Vec<Living> {
        let each = names.iter();
        each.map(|(name, address)| Living {
            name: (*name).to_owned(),
            address: address.map(|address| address.parse().unwrap()),
        })
        .collect()
    }

    fn figure(origin: Origin, request_seconds: f64, requests: u64) -> Figure {
        Figure {
            origin,
            seconds: 1.0,
            request_seconds,
            requests,
            latency: None,
        }
    }

    fn of(name: &str) -> Origin {
        Origin::Replica(name.to_owned())
    }

    fn sums(reports: &[Report]) -> Vec<(&str, f64, u64)> {
        let each = reports.iter();
        each.map(|report| {
            (
                report.replica.as_str(),
                report.request_seconds,
                report.requests,
            )
        })
        .collect()
    }

    #[test]
    fn each_has_its_own_and_an_equal_part_of_what_names_none() {
        let living = living(&[("a", None), ("b", Some("10.0.0.2")), ("c", None)]);
        let figures = vec![
            figure(of("a"), 2.0, 10),
            figure(Origin::Address("10.0.0.2".parse().unwrap()), 3.0, 20),
            figure(Origin::Address("10.0.0.9".parse().unwrap()), 1.5, 4),
            figure(of("gone"), 1.5, 0),
        ];
        let reports = spread(figures, &living);
        assert_eq!(
            sums(&reports),
            [("a", 3.0, 12), ("b", 4.0, 21), ("c", 1.0, 1)]
        );
    }

    #[test]
    fn a_replica_of_which_nothing_is_known_has_no_report() {
        let living = living(&[("a", None), ("b", None)]);
        let reports = spread(vec![figure(of("b"), 3.0, 20)], &living);
        assert_eq!(sums(&reports), [("b", 3.0, 20)]);
        assert_eq!(spread(Vec::new(), &living), []);
        assert_eq!(spread(vec![figure(of("b"), 3.0, 20)], &[]), []);
    }
}
