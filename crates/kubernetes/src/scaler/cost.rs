// SPDX-License-Identifier: Apache-2.0
//! Which pods go first. Kubernetes lets the pods with the lowest cost go first among those that are ready.

/// On a pod: what it would cost to let it go.
pub(crate) const COST_ANNOTATION: &str = "controller.kubernetes.io/pod-deletion-cost";
/// At most so many pods are marked for one step down; further ones go as Kubernetes likes.
pub(crate) const MOST_MARKS: usize = 200;
/// The lowest cost that is ours, less one: costs from here to -1 are.
const OURS: i32 = -1_000_000;

/// A pod that is there and is not on its way out.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Candidate {
    pub(crate) pod: String,
    /// Whether its app answers.
    pub(crate) ready: bool,
    /// Requests in flight, as its last report says.
    pub(crate) in_flight: f64,
    /// Whether it works in the background: it goes last.
    pub(crate) busy: bool,
    /// When it was first seen: of two that are equally idle the newer one goes.
    pub(crate) seen_micros: u64,
    pub(crate) cost: Option<i32>,
}

/// One annotation to write; `None` takes it away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    pub(crate) pod: String,
    pub(crate) cost: Option<i32>,
}

/// What to write so that the idlest of `candidates` go when only `stay` are to stay. A cost that somebody else has given
/// a pod is kept; one of ours on a pod that is to stay is taken away.
pub(crate) fn marks(mut candidates: Vec<Candidate>, stay: usize) -> Vec<Mark> {
    let go = candidates.len().saturating_sub(stay).min(MOST_MARKS);
    candidates.sort_by(|a, b| {
        (a.ready.cmp(&b.ready))
            .then(a.busy.cmp(&b.busy))
            .then(a.in_flight.total_cmp(&b.in_flight))
            .then(b.seen_micros.cmp(&a.seen_micros))
            .then_with(|| a.pod.cmp(&b.pod))
    });
    let mut marks = Vec::new();
    for (place, candidate) in candidates.into_iter().enumerate() {
        if candidate.cost.is_some_and(|cost| !is_ours(cost)) {
            continue;
        }
        let cost = (place < go)
            .then(|| i32::try_from(go - place).ok())
            .flatten()
            .map(|place| -place);
        if cost != candidate.cost {
            marks.push(Mark {
                pod: candidate.pod,
                cost,
            });
        }
    }
    marks
}

const fn is_ours(cost: i32) -> bool {
    cost < 0 && cost > OURS
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(pod: &str, ready: bool, in_flight: f64, cost: Option<i32>) -> Candidate {
        Candidate {
            pod: pod.to_owned(),
            ready,
            in_flight,
            busy: false,
            seen_micros: 0,
            cost,
        }
    }
    fn marked(candidates: Vec<Candidate>, stay: usize) -> Vec<(String, Option<i32>)> {
        marks(candidates, stay)
            .into_iter()
            .map(|mark| (mark.pod, mark.cost))
            .collect()
    }

    #[test]
    fn the_idlest_go_first_and_only_those_that_go_are_marked() {
        let pods = vec![
            candidate("busy", true, 9.0, None),
            candidate("idle", true, 0.0, None),
            candidate("starting", false, 0.0, None),
            candidate("half", true, 4.0, None),
        ];
        assert_eq!(
            marked(pods.clone(), 1),
            [
                ("starting".to_owned(), Some(-3)),
                ("idle".to_owned(), Some(-2)),
                ("half".to_owned(), Some(-1)),
            ]
        );
        assert_eq!(marked(pods.clone(), 4), []);
        assert_eq!(marked(pods, 9), []);
    }

    #[test]
    fn a_mark_that_is_there_is_not_written_again_and_one_that_is_wrong_is_taken_away() {
        let pods = vec![
            candidate("a", true, 0.0, Some(-1)),
            candidate("b", true, 1.0, Some(-2)),
            candidate("c", true, 2.0, Some(100)),
        ];
        assert_eq!(marked(pods, 2), [("b".to_owned(), None)]);
    }

    #[test]
    fn what_somebody_else_says_of_a_pod_is_kept() {
        let pods = vec![
            candidate("a", true, 0.0, Some(7)),
            candidate("b", true, 1.0, None),
        ];
        assert_eq!(marked(pods, 1), []);
    }

    #[test]
    fn of_two_equally_idle_the_newer_goes() {
        let mut older = candidate("older", true, 0.0, None);
        older.seen_micros = 1;
        let mut newer = candidate("newer", true, 0.0, None);
        newer.seen_micros = 2;
        assert_eq!(
            marked(vec![older, newer], 1),
            [("newer".to_owned(), Some(-1))]
        );
    }
}
