// SPDX-License-Identifier: Apache-2.0
use std::{
    cmp::Reverse,
    collections::{BTreeMap, VecDeque},
};

use cheerful_autoscaler::RevisionView;

use super::opened::Opened;
use crate::api::RevisionDetail;

/// How many readings of each revision are kept for its small curve: one a second.
pub(crate) const CURVE: usize = 12;

/// Longest filter, in letters: no name is longer.
const FILTER: usize = 63;

/// What `top` knows, and what keys do to it. The shell reads keys and the API, and draws.
#[derive(Debug, Default)]
pub(crate) struct Table {
    /// The revisions that pass the filter, as they were last heard of, in the order of the screen.
    pub(crate) rows: Vec<RevisionView>,
    /// Those that do not.
    pub(crate) hidden: Vec<RevisionView>,
    /// What a row's name or mode must contain, in lower case.
    pub(crate) filter: String,
    /// Whether keys are letters of the filter.
    pub(crate) typing: bool,
    /// The revision that is looked at alone.
    pub(crate) opened: Option<Opened>,
    /// Which row is chosen; 0 when there is none.
    pub(crate) chosen: usize,
    /// The order of the rows.
    pub(crate) sort: Sort,
    /// Why the instance cannot be reached, while it cannot.
    pub(crate) trouble: Option<String>,
    curves: BTreeMap<String, VecDeque<f64>>,
}

/// The order of the rows; the name settles what is equal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Sort {
    #[default]
    InFlight,
    Replicas,
    Name,
}

impl Sort {
    /// For the foot of the screen.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::InFlight => "in flight",
            Self::Replicas => "replicas",
            Self::Name => "name",
        }
    }

    const fn next(self) -> Self {
        match self {
            Self::InFlight => Self::Replicas,
            Self::Replicas => Self::Name,
            Self::Name => Self::InFlight,
        }
    }
}

/// What a person asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    /// This many rows down, or up.
    Move(i32),
    First,
    Last,
    NextSort,
    /// Type a filter, or go on typing it.
    Filter,
    Letter(char),
    Erase,
    /// The filter is as it should be.
    Typed,
    /// Look at the chosen one alone.
    Open,
    /// Away with what was opened, or else with the filter.
    Back,
}

impl Table {
    /// Takes the newest reading. The choice stays with its revision.
    pub(crate) fn refresh(&mut self, rows: Vec<RevisionView>) {
        self.trouble = None;
        let mut before = std::mem::take(&mut self.curves);
        for row in &rows {
            let mut curve = before.remove(&row.revision).unwrap_or_default();
            if curve.len() == CURVE {
                curve.pop_front();
            }
            curve.push_back(row.in_flight);
            // A revision at rest draws nothing and takes nothing.
            if curve.iter().any(|reading| *reading > 0.0) {
                self.curves.insert(row.revision.clone(), curve);
            }
        }
        let chosen = self.chosen().map(|row| row.revision.clone());
        self.rows = rows;
        self.hidden.clear();
        self.order(chosen.as_deref());
    }

    /// Takes what was read of the revision that was opened. Another's is late, and of no use.
    pub(crate) fn detail(&mut self, name: &str, detail: Option<RevisionDetail>) {
        if let Some(opened) = &mut self.opened
            && opened.revision == name
        {
            opened.detail = detail;
            opened.is_read = true;
        }
    }

    /// The instance cannot be reached; what was last known stays on the screen.
    pub(crate) fn lost(&mut self, why: String) {
        self.trouble = Some(why);
    }

    /// Does what a person asks for.
    pub(crate) fn wish(&mut self, wish: Wish) {
        if let Some(opened) = &mut self.opened {
            match wish {
                Wish::Back => self.opened = None,
                wish => opened.wish(wish),
            }
            return;
        }
        let last = self.rows.len().saturating_sub(1);
        match wish {
            Wish::Move(rows) => {
                let by = usize::try_from(rows.unsigned_abs()).unwrap_or(usize::MAX);
                self.chosen = if rows < 0 {
                    self.chosen.saturating_sub(by)
                } else {
                    self.chosen.saturating_add(by).min(last)
                };
            }
            Wish::First => self.chosen = 0,
            Wish::Last => self.chosen = last,
            Wish::NextSort => {
                self.sort = self.sort.next();
                self.order_again();
            }
            Wish::Filter => self.typing = true,
            Wish::Typed => self.typing = false,
            Wish::Letter(letter) => {
                if self.filter.chars().count() < FILTER {
                    self.filter.extend(letter.to_lowercase());
                }
                self.order_again();
            }
            Wish::Erase => {
                self.filter.pop();
                self.order_again();
            }
            Wish::Back => {
                self.typing = false;
                self.filter.clear();
                self.order_again();
            }
            Wish::Open => self.opened = self.chosen().map(|row| Opened::new(&row.revision)),
        }
    }

    /// The chosen revision.
    pub(crate) fn chosen(&self) -> Option<&RevisionView> {
        self.rows.get(self.chosen)
    }

    /// The last readings of requests in flight, oldest first; none for a revision at rest.
    pub(crate) fn curve(&self, revision: &str) -> impl Iterator<Item = f64> {
        self.curves.get(revision).into_iter().flatten().copied()
    }

    fn order_again(&mut self) {
        let chosen = self.chosen().map(|row| row.revision.clone());
        self.order(chosen.as_deref());
    }

    fn order(&mut self, chosen: Option<&str>) {
        let sort = self.sort;
        let mut all = std::mem::take(&mut self.rows);
        all.append(&mut self.hidden);
        let passes = |row: &RevisionView| {
            row.revision.to_lowercase().contains(&self.filter) || row.mode.contains(&self.filter)
        };
        (self.rows, self.hidden) = all.into_iter().partition(passes);
        self.rows.sort_by(|a, b| {
            let first = match sort {
                Sort::InFlight => b.in_flight.total_cmp(&a.in_flight),
                Sort::Replicas => Reverse(a.ready).cmp(&Reverse(b.ready)),
                Sort::Name => std::cmp::Ordering::Equal,
            };
            first.then_with(|| a.revision.cmp(&b.revision))
        });
        let again = self
            .rows
            .iter()
            .position(|row| Some(row.revision.as_str()) == chosen);
        self.chosen = again
            .unwrap_or(self.chosen)
            .min(self.rows.len().saturating_sub(1));
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A revision for tests.
    pub(crate) fn row(name: &str, in_flight: f64, ready: u32) -> RevisionView {
        RevisionView {
            revision: name.to_owned(),
            ready,
            starting: 0,
            draining: 0,
            wanted: ready,
            mode: "stable".to_owned(),
            in_flight,
            stable: in_flight,
            panic: in_flight,
            held: 0,
            target: 10.0,
            why: format!("{ready} replicas are enough"),
            woken_by: None,
            woken_seconds_ago: None,
            kept_awake_by: None,
            refused_reports: 0,
            signals: Vec::new(),
            schedule: None,
            shadow: None,
            learned: None,
            decisions: Vec::new(),
        }
    }

    fn names(table: &Table) -> Vec<&str> {
        table.rows.iter().map(|row| row.revision.as_str()).collect()
    }

    #[test]
    fn the_busiest_comes_first_until_asked_otherwise() {
        let mut table = Table::default();
        table.refresh(vec![row("a", 1.0, 9), row("b", 5.0, 1), row("c", 1.0, 3)]);
        assert_eq!(names(&table), ["b", "a", "c"]);
        table.wish(Wish::NextSort);
        assert_eq!(names(&table), ["a", "c", "b"]);
        table.wish(Wish::NextSort);
        assert_eq!(names(&table), ["a", "b", "c"]);
    }

    #[test]
    fn the_choice_stays_with_its_revision() {
        let mut table = Table::default();
        table.refresh(vec![row("a", 3.0, 1), row("b", 2.0, 1), row("c", 1.0, 1)]);
        table.wish(Wish::Move(1));
        table.refresh(vec![row("a", 3.0, 1), row("b", 9.0, 1), row("c", 1.0, 1)]);
        assert_eq!(table.chosen().map(|row| row.revision.as_str()), Some("b"));
        table.refresh(vec![row("a", 3.0, 1)]);
        assert_eq!(table.chosen().map(|row| row.revision.as_str()), Some("a"));
        table.refresh(Vec::new());
        assert!(table.chosen().is_none());
    }

    #[test]
    fn the_choice_stops_at_the_ends() {
        let mut table = Table::default();
        table.wish(Wish::Move(1));
        table.refresh(vec![row("a", 3.0, 1), row("b", 2.0, 1)]);
        table.wish(Wish::Move(-5));
        assert_eq!(table.chosen, 0);
        table.wish(Wish::Move(100));
        assert_eq!(table.chosen, 1);
        table.wish(Wish::First);
        assert_eq!(table.chosen, 0);
        table.wish(Wish::Last);
        assert_eq!(table.chosen, 1);
    }

    #[test]
    fn a_filter_hides_and_the_choice_stays_if_it_can() {
        let mut table = Table::default();
        let all = || {
            vec![
                row("shop", 3.0, 1),
                row("Shop-api", 2.0, 1),
                row("mail", 1.0, 1),
            ]
        };
        table.refresh(all());
        table.wish(Wish::Move(1));
        table.wish(Wish::Filter);
        for letter in "SHo".chars() {
            table.wish(Wish::Letter(letter));
        }
        assert_eq!(names(&table), ["shop", "Shop-api"]);
        assert_eq!((table.chosen, table.hidden.len()), (1, 1));
        table.refresh(all());
        assert_eq!(names(&table), ["shop", "Shop-api"]);
        table.wish(Wish::Letter('x'));
        assert!(table.chosen().is_none(), "nothing is like that");
        table.wish(Wish::Erase);
        table.wish(Wish::Typed);
        assert_eq!((names(&table).len(), table.typing), (2, false));
        table.wish(Wish::Back);
        assert_eq!(names(&table), ["shop", "Shop-api", "mail"]);
        for _ in 0..1000 {
            table.wish(Wish::Letter('x'));
        }
        assert_eq!(table.filter.len(), FILTER);
    }

    #[test]
    fn what_is_opened_takes_the_keys_until_it_is_closed() {
        let mut table = Table::default();
        table.wish(Wish::Open);
        assert!(table.opened.is_none(), "there is nothing to open");
        table.refresh(vec![row("a", 3.0, 1), row("b", 2.0, 1)]);
        table.wish(Wish::Move(1));
        table.wish(Wish::Open);
        assert_eq!(
            table.opened.as_ref().map(|it| it.revision.as_str()),
            Some("b")
        );
        table.wish(Wish::Move(-1));
        assert_eq!(table.chosen, 1, "the table stays as it is");
        table.detail("a", None);
        assert!(!table.opened.as_ref().unwrap().is_read, "that is another's");
        table.detail("b", None);
        assert!(table.opened.as_ref().unwrap().is_read);
        table.wish(Wish::Back);
        assert!(table.opened.is_none());
    }

    #[test]
    fn curves_are_bounded_and_end_with_their_revision() {
        let mut table = Table::default();
        for reading in 0..40 {
            table.refresh(vec![row("a", f64::from(reading), 1), row("idle", 0.0, 0)]);
        }
        assert_eq!(
            table.curve("a").collect::<Vec<_>>(),
            (28..40).map(f64::from).collect::<Vec<_>>()
        );
        assert_eq!(table.curves.len(), 1, "one at rest takes nothing");
        table.refresh(Vec::new());
        assert_eq!(table.curves.len(), 0);
    }

    #[test]
    fn what_was_known_stays_while_the_instance_is_away() {
        let mut table = Table::default();
        table.refresh(vec![row("a", 3.0, 1)]);
        table.lost("connection refused".to_owned());
        assert_eq!(names(&table), ["a"]);
        table.refresh(vec![row("a", 3.0, 1)]);
        assert!(table.trouble.is_none());
    }
}
