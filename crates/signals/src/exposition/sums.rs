// SPDX-License-Identifier: Apache-2.0
use std::collections::BTreeMap;

use super::Wanted;
use crate::{Unread, told::is_load};

/// What the asked figures of a page came to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sums {
    each: Vec<Each>,
}

/// One of them.
#[derive(Clone, Debug, Default, PartialEq)]
struct Each {
    seen: bool,
    sum: f64,
    /// By the value of the label that tells the same request's handlers apart.
    groups: BTreeMap<String, f64>,
    /// By upper bound, as [`f64::to_bits`] of a number from 0 on, which sorts as the number does.
    bounds: BTreeMap<u64, f64>,
}

/// Values of the label of one figure (handlers, buckets) that are kept apart; more are an error.
const MOST_APART: usize = 256;

impl Sums {
    pub(super) fn new(wanted: &Wanted) -> Self {
        Self {
            each: vec![Each::default(); wanted.len()],
        }
    }

    /// Whether the page had any series of it.
    #[must_use]
    pub fn has(&self, place: usize) -> bool {
        self.each.get(place).is_some_and(|each| each.seen)
    }

    /// The sum; `None` where the page has no series of it.
    #[must_use]
    pub fn get(&self, place: usize) -> Option<f64> {
        let each = self.each.get(place).filter(|each| each.seen)?;
        if each.groups.is_empty() {
            Some(each.sum)
        } else {
            Some(each.groups.values().copied().fold(0.0, f64::max))
        }
    }

    /// Upper bounds and counts up to them, in rising order.
    #[must_use]
    pub fn buckets(&self, place: usize) -> Vec<(f64, f64)> {
        let bounds = self.each.get(place).map(|each| &each.bounds);
        bounds
            .into_iter()
            .flatten()
            .map(|(bound, count)| (f64::from_bits(*bound), *count))
            .collect()
    }

    /// Takes a series: its value, and its labels by name.
    pub(super) fn take<'a>(
        &mut self,
        wanted: &Wanted,
        name: &str,
        value: f64,
        label: impl Fn(&str) -> Option<&'a str>,
    ) -> Result<(), Unread> {
        for &place in wanted.of(name) {
            let (Some(want), Some(each)) = (wanted.get(place), self.each.get_mut(place)) else {
                continue;
            };
            let fits = |(keys, value): (&String, &String)| {
                keys.split('|')
                    .any(|key| label(key) == Some(value.as_str()))
            };
            if !want.labels.iter().all(fits) {
                continue;
            }
            if !is_load(value) {
                return Err(Unread::Impossible {
                    what: name.to_owned(),
                    value: value.to_string(),
                });
            }
            each.seen = true;
            if want.by_bound {
                let bound = label("le").and_then(|le| number(le.as_bytes()));
                let Some(bound) = bound.filter(|bound| *bound >= 0.0) else {
                    continue;
                };
                let apart = each.bounds.len();
                // Adding 0 makes -0 into 0.
                let sum = each.bounds.entry((bound + 0.0).to_bits()).or_default();
                *sum += value;
                room(apart, name)?;
            } else if let Some(key) = &want.largest_of {
                let apart = each.groups.len();
                let group = label(key).unwrap_or("");
                if let Some(sum) = each.groups.get_mut(group) {
                    *sum += value;
                } else {
                    each.groups.insert(group.to_owned(), value);
                }
                room(apart, name)?;
            } else {
                each.sum += value;
            }
        }
        Ok(())
    }
}

fn room(apart: usize, name: &str) -> Result<(), Unread> {
    if apart > MOST_APART {
        let why = format!("{name} has more than {MOST_APART} values of one label");
        return Err(Unread::Malformed(why));
    }
    Ok(())
}

/// A value of a text page: Go's numbers, with `+Inf` and `NaN`.
pub(super) fn number(text: &[u8]) -> Option<f64> {
    let text = std::str::from_utf8(text).ok()?;
    if text.bytes().any(|byte| byte == b'_') || text.is_empty() {
        return None;
    }
    text.parse().ok()
}
