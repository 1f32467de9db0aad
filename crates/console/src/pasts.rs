// SPDX-License-Identifier: Apache-2.0
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, atomic::Ordering},
};

use cheerful_autoscaler::{DecisionLine, RevisionView};

use crate::{
    ConsoleCounts,
    cost::Bill,
    counts::count,
    past::{Past, PastView},
    point::Point,
    row::Row,
};

/// A revision's name, shared.
pub(crate) type Name = Arc<str>;

/// What is kept at most.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// Revisions that have a past; those on top are shown as they are now.
    pub(crate) revisions: usize,
    /// Points of all of them: 44 bytes each. Over it the furthest past goes first.
    pub(crate) points: usize,
    /// Decisions of all of them, half a kilobyte each. Over it the oldest of who has most goes first.
    pub(crate) decisions: usize,
}

impl Default for Bounds {
    /// 22 MB of points, 10 MB of decisions.
    fn default() -> Self {
        Self {
            revisions: 4096,
            points: 500_000,
            decisions: 20_000,
        }
    }
}

/// How far back anything is kept.
const DAY: u64 = 86_400;
/// At least so far, whatever it takes.
const LEAST: u64 = 300;

/// All revisions: how they are, and how they were.
#[derive(Debug)]
pub(crate) struct Pasts {
    bounds: Bounds,
    pasts: BTreeMap<Name, Past>,
    rows: BTreeMap<Name, Row>,
    /// Shorter than a day while there is more than there is room for.
    kept_seconds: u64,
    decisions: usize,
    /// When anything was seen last, in seconds since 1970.
    now: u64,
    counts: Arc<ConsoleCounts>,
}

/// What is another than a second ago.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Changes {
    pub(crate) rows: Vec<Row>,
    pub(crate) gone: Vec<Name>,
}

impl Pasts {
    pub(crate) fn new(bounds: Bounds, counts: Arc<ConsoleCounts>) -> Self {
        Self {
            bounds,
            pasts: BTreeMap::new(),
            rows: BTreeMap::new(),
            kept_seconds: DAY,
            decisions: 0,
            now: 0,
            counts,
        }
    }

    /// Takes all revisions as they are at a second since 1970. One that is missing is gone, with its past.
    pub(crate) fn take(&mut self, views: &[RevisionView], second: u64) -> Changes {
        let there: BTreeSet<&str> = views.iter().map(|view| &*view.revision).collect();
        let is_gone = |name: &&Name| !there.contains(&***name);
        let gone = self.rows.keys().filter(is_gone).cloned().collect();
        self.take_some(views, gone, second)
    }

    /// Takes those revisions that may have changed, and forgets those that are gone, with their past.
    pub(crate) fn take_some(
        &mut self,
        views: &[RevisionView],
        gone: Vec<Name>,
        second: u64,
    ) -> Changes {
        self.now = self.now.max(second);
        for name in &gone {
            self.rows.remove(name);
            if let Some(past) = self.pasts.remove(name) {
                self.decisions -= past.decisions();
            }
        }
        let mut changes = Changes {
            rows: Vec::new(),
            gone,
        };
        for view in views {
            let point = Point::of(view);
            let is_kept = self.pasts.contains_key(&*view.revision);
            let bill = if point.is_nothing() && !is_kept {
                // One that nobody has asked for yet costs nothing here.
                Some(Bill::default())
            } else {
                let bill = self.past(&view.revision, second).map(|past| {
                    past.take(second, point);
                    past.bill()
                });
                count(&self.counts.points_not_kept, usize::from(bill.is_none()));
                bill
            };
            let row = Row::new(view, bill);
            if self.rows.get(&*view.revision) != Some(&row) {
                self.rows.insert(Arc::clone(&row.revision), row.clone());
                changes.rows.push(row);
            }
        }
        self.make_room(second);
        changes
    }

    /// Keeps a decision of a revision that has a past, or begins to have one.
    pub(crate) fn decided(&mut self, revision: &str, decision: DecisionLine) {
        let second = decision.unix_millis / 1000;
        let is_nothing = decision.from == 0 && decision.replicas == 0;
        if is_nothing && !self.pasts.contains_key(revision) {
            return;
        }
        let Some(past) = self.past(revision, second) else {
            count(&self.counts.decisions_forgotten, 1);
            return;
        };
        let before = past.decisions();
        past.decided(decision);
        let more = past.decisions() - before;
        self.decisions += more;
        count(&self.counts.decisions_forgotten, 1 - more);
        if self.decisions > self.bounds.decisions
            && let Some(most) = self.pasts.values_mut().max_by_key(|past| past.decisions())
        {
            most.forget_oldest_decision();
            self.decisions -= 1;
            count(&self.counts.decisions_forgotten, 1);
        }
    }

    pub(crate) fn rows(&self) -> impl Iterator<Item = &Row> {
        self.rows.values()
    }

    /// The last seconds of a revision; `None` if no past of it is kept.
    pub(crate) fn past_of(&self, revision: &str, seconds: u64) -> Option<PastView> {
        if let Some(past) = self.pasts.get(revision) {
            return Some(past.view(seconds, self.now));
        }
        let is_nothing = self.pasts.len() < self.bounds.revisions && self.is_known(revision);
        is_nothing.then(|| {
            let mut past = Past::new(self.now);
            past.take(self.now, Point::default());
            past.view(seconds, self.now)
        })
    }

    pub(crate) fn is_known(&self, revision: &str) -> bool {
        self.rows.contains_key(revision)
    }

    pub(crate) const fn kept_seconds(&self) -> u64 {
        self.kept_seconds
    }

    fn past(&mut self, revision: &str, second: u64) -> Option<&mut Past> {
        if !self.pasts.contains_key(revision) {
            if self.pasts.len() >= self.bounds.revisions {
                return None;
            }
            self.pasts.insert(Name::from(revision), Past::new(second));
        }
        self.pasts.get_mut(revision)
    }

    /// Forgets the furthest past where there is too much of it, and keeps more again where there is room.
    fn make_room(&mut self, second: u64) {
        let points: usize = self.pasts.values().map(Past::points).sum();
        if points > self.bounds.points {
            self.kept_seconds = (self.kept_seconds / 8 * 7).max(LEAST);
        } else if points < self.bounds.points / 2 {
            self.kept_seconds = DAY.min(self.kept_seconds + 1);
        }
        if self.kept_seconds < DAY {
            let oldest = second.saturating_sub(self.kept_seconds);
            for past in self.pasts.values_mut() {
                past.forget_before(oldest);
            }
            let kept: usize = self.pasts.values().map(Past::points).sum();
            count(&self.counts.points_forgotten, points.saturating_sub(kept));
        }
        self.counts
            .kept_seconds
            .store(self.kept_seconds, Ordering::Relaxed);
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::past::tests::decision;

    /// A revision with so many replicas.
    pub(crate) fn view(revision: &str, ready: u32) -> RevisionView {
        let text = serde_json::json!({
            "revision": revision, "ready": ready, "starting": 0, "draining": 0, "wanted": ready, "mode": "stable",
            "inFlight": 0.0, "stable": 0.0, "panic": 0.0, "held": 0, "target": 5.0, "why": "because",
            "wokenBy": null, "wokenSecondsAgo": null, "keptAwakeBy": null, "refusedReports": 0,
        });
        serde_json::from_value(text).unwrap()
    }

    fn dropped(pasts: &Pasts, what: &str) -> u64 {
        let counts = pasts.counts.by_word();
        counts.iter().find(|(word, _)| *word == what).unwrap().1
    }

    #[test]
    fn only_what_changed_is_told() {
        let mut pasts = Pasts::new(Bounds::default(), Arc::default());
        let names = |changes: &Changes| -> Vec<String> {
            let rows = changes.rows.iter().map(|row| row.revision.to_string());
            rows.chain(changes.gone.iter().map(|name| format!("-{name}")))
                .collect()
        };
        let first = pasts.take(&[view("a", 0), view("b", 1)], 1000);
        assert_eq!(names(&first), ["a", "b"]);
        assert!(names(&pasts.take(&[view("a", 0), view("b", 1)], 1000)).is_empty());
        assert_eq!(names(&pasts.take(&[view("a", 2)], 1000)), ["a", "-b"]);
        assert!(pasts.past_of("b", 60).is_none());
    }

    #[test]
    fn what_nobody_has_asked_for_costs_nothing() {
        let mut pasts = Pasts::new(Bounds::default(), Arc::default());
        pasts.take(&[view("a", 0), view("b", 0)], 1000);
        pasts.decided("a", decision(1000, 0, 0));
        assert!(pasts.pasts.is_empty());
        assert_eq!(pasts.past_of("a", 60).unwrap().columns.ready, [0, 0]);
        assert!(pasts.past_of("c", 60).is_none());
        pasts.decided("a", decision(1001, 0, 1));
        assert_eq!(pasts.past_of("a", 60).unwrap().decisions.len(), 1);
        pasts.take(&[view("a", 0), view("b", 0)], 1002);
        assert_eq!(pasts.pasts.len(), 1);
    }

    #[test]
    fn there_is_a_bound_to_revisions() {
        let bounds = Bounds {
            revisions: 2,
            ..Bounds::default()
        };
        let mut pasts = Pasts::new(bounds, Arc::default());
        let all = [view("a", 2), view("b", 1), view("c", 1)];
        pasts.take(&all, 1000);
        pasts.decided("d", decision(1000, 0, 1));
        assert_eq!((pasts.pasts.len(), pasts.rows().count()), (2, 3));
        assert_eq!(dropped(&pasts, "revision_point"), 1);
        assert_eq!(dropped(&pasts, "decision"), 1);
    }

    #[test]
    fn there_is_a_bound_to_points_and_the_furthest_past_goes_first() {
        let bounds = Bounds {
            points: 20_000,
            ..Bounds::default()
        };
        let mut pasts = Pasts::new(bounds, Arc::default());
        let mut most = 0;
        for second in 0..4000 {
            let views: Vec<_> = (0..20)
                .map(|number| view(&format!("r{number}"), second % 97))
                .collect();
            pasts.take(&views, u64::from(second));
            most = most.max(pasts.pasts.values().map(Past::points).sum());
        }
        assert_eq!(dropped(&pasts, "point"), 0);
        assert_eq!(pasts.counts.kept_seconds(), DAY);
        // 20 revisions of 300 seconds, and as much of the rest as there is room for.
        assert!(most <= 20_100, "{most}");
        let small = Bounds {
            points: 9_000,
            ..bounds
        };
        pasts.bounds = small;
        for second in 4000..5000 {
            let views: Vec<_> = (0..20)
                .map(|number| view(&format!("r{number}"), second % 97))
                .collect();
            pasts.take(&views, u64::from(second));
        }
        assert!(pasts.kept_seconds() < DAY);
        assert_eq!(pasts.counts.kept_seconds(), pasts.kept_seconds());
        assert!(dropped(&pasts, "point") > 0);
        let points: usize = pasts.pasts.values().map(Past::points).sum();
        assert!(points <= 9_100, "{points}");
    }

    #[test]
    fn there_is_a_bound_to_decisions_and_who_has_most_gives() {
        let bounds = Bounds {
            decisions: 50,
            ..Bounds::default()
        };
        let mut pasts = Pasts::new(bounds, Arc::default());
        pasts.take(&[view("busy", 1), view("calm", 1)], 1000);
        pasts.decided("calm", decision(1000, 0, 1));
        for second in 1000..1200 {
            pasts.decided("busy", decision(second, 1, 2));
        }
        assert_eq!(pasts.pasts["calm"].decisions(), 1);
        assert_eq!(pasts.pasts["busy"].decisions(), 49);
        assert_eq!(dropped(&pasts, "decision"), 151);
        pasts.take(&[], 1300);
        assert_eq!(pasts.decisions, 0);
    }
}
