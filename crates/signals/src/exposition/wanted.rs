// SPDX-License-Identifier: Apache-2.0
use std::{collections::BTreeMap, ops::Bound};

/// One figure that is asked for: the sum of all series of a name that have the given labels.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Want {
    /// The name as a text page has it: of a histogram's parts with `_sum`, `_count` or `_bucket`.
    pub name: String,
    /// Labels that a series must have, with their values; others do not matter. Where a label has several names, `a|b`: any of
    /// these.
    pub labels: BTreeMap<String, String>,
    /// Where the same request is counted once for each value of this label (the handlers around it): the sum is taken for
    /// each value, and the largest of these counts.
    pub largest_of: Option<String>,
    /// Buckets of a histogram: kept apart by their label `le`.
    pub by_bound: bool,
}

impl Want {
    /// Every series of that name.
    #[must_use]
    pub fn named(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            ..Self::default()
        }
    }

    /// The same, of those that have these labels alone.
    #[must_use]
    pub fn with(mut self, labels: &BTreeMap<String, String>) -> Self {
        self.labels.extend(labels.clone());
        self
    }
}

/// All figures that are asked for of a page; each has its place in the order in which it was added.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    wants: Vec<Want>,
    /// Where the wants of a name are.
    names: BTreeMap<String, Vec<usize>>,
}

impl Wanted {
    /// Adds one, and gives its place.
    pub fn add(&mut self, want: Want) -> usize {
        let place = self.wants.len();
        self.names.entry(want.name.clone()).or_default().push(place);
        self.wants.push(want);
        place
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.wants.len()
    }

    /// Whether nothing is asked for.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.wants.is_empty()
    }

    /// The one at a place.
    #[must_use]
    pub fn get(&self, place: usize) -> Option<&Want> {
        self.wants.get(place)
    }

    /// The places of those that ask for this name.
    pub(super) fn of(&self, name: &str) -> &[usize] {
        self.names.get(name).map_or(&[], Vec::as_slice)
    }

    /// Whether a family of this name has a part that is asked for.
    pub(super) fn of_family(&self, family: &str) -> bool {
        let from = (Bound::Included(family), Bound::Unbounded);
        self.names
            .range::<str, _>(from)
            .take_while(|(name, _)| name.starts_with(family))
            .any(|(name, _)| {
                let part = name.strip_prefix(family).unwrap_or("");
                matches!(part, "" | "_sum" | "_count" | "_bucket" | "_total")
            })
    }
}
