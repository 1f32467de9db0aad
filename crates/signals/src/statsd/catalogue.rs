// SPDX-License-Identifier: Apache-2.0
use std::collections::{BTreeMap, HashMap};

use super::Tags;

/// What a revision asks for: at least one of `in_flight` and `seconds`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// A gauge of requests in flight.
    pub in_flight: Option<String>,
    /// A counter of requests, or anything of which each value is one.
    pub requests: Option<String>,
    /// A timer of requests (`ms`), an amount or a counter in seconds.
    pub seconds: Option<String>,
    /// Tags that must be there with these values.
    pub tags: BTreeMap<String, String>,
}

/// What a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    InFlight,
    Requests,
    Seconds,
}

/// The names that are asked for, and by whom: a line finds its revisions in the same time however many there are.
#[derive(Debug, Default)]
pub(super) struct Catalogue {
    names: HashMap<Box<[u8]>, Vec<Group>>,
    /// Values of tags, joined.
    joined: Vec<u8>,
}

/// Those that ask for the same tags.
#[derive(Debug)]
struct Group {
    keys: Vec<Box<[u8]>>,
    by_values: HashMap<Box<[u8]>, Vec<(usize, Role)>>,
}

impl Catalogue {
    /// Of all that is asked for: the number of who asks, and what for.
    pub(super) fn new<'a>(all: impl IntoIterator<Item = (usize, &'a Wanted)>) -> Self {
        let mut catalogue = Self::default();
        for (number, wanted) in all {
            let asked = [
                (&wanted.in_flight, Role::InFlight),
                (&wanted.requests, Role::Requests),
                (&wanted.seconds, Role::Seconds),
            ];
            for (name, role) in asked {
                if let Some(name) = name {
                    catalogue.add(name, &wanted.tags, (number, role));
                }
            }
        }
        catalogue
    }

    fn add(&mut self, name: &str, tags: &BTreeMap<String, String>, asks: (usize, Role)) {
        let keys: Vec<Box<[u8]>> = tags.keys().map(|key| key.as_bytes().into()).collect();
        let mut values = Vec::new();
        for value in tags.values() {
            join(&mut values, value.as_bytes());
        }
        let groups = self.names.entry(name.as_bytes().into()).or_default();
        let place = groups.iter().position(|group| group.keys == keys);
        let place = place.unwrap_or_else(|| {
            groups.push(Group {
                keys,
                by_values: HashMap::new(),
            });
            groups.len() - 1
        });
        if let Some(group) = groups.get_mut(place) {
            group.by_values.entry(values.into()).or_default().push(asks);
        }
    }

    /// Whether anybody asks for a name.
    pub(super) fn has(&self, name: &[u8]) -> bool {
        self.names.contains_key(name)
    }

    /// Each who asks for a line.
    pub(super) fn each(&mut self, name: &[u8], tags: &Tags<'_>, mut then: impl FnMut(usize, Role)) {
        let Some(groups) = self.names.get(name) else {
            return;
        };
        for group in groups {
            self.joined.clear();
            let mut has_all = true;
            for key in &group.keys {
                match tags.get(key) {
                    Some(value) => join(&mut self.joined, value),
                    None => has_all = false,
                }
            }
            if !has_all {
                continue;
            }
            let asks = group.by_values.get(self.joined.as_slice());
            for (number, role) in asks.into_iter().flatten() {
                then(*number, *role);
            }
        }
    }
}

/// No value has a line's end within.
fn join(joined: &mut Vec<u8>, value: &[u8]) {
    joined.extend_from_slice(value);
    joined.push(b'\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(tags: &[(&str, &str)]) -> Wanted {
        let tags = tags.iter();
        Wanted {
            in_flight: Some("load".to_owned()),
            seconds: Some("took".to_owned()),
            tags: tags
                .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
                .collect(),
            ..Wanted::default()
        }
    }

    #[test]
    fn a_line_finds_all_who_ask_for_it_and_no_other() {
        let all = [
            wanted(&[("revision", "a")]),
            wanted(&[("revision", "b")]),
            wanted(&[("revision", "a"), ("zone", "1")]),
            wanted(&[]),
        ];
        let mut catalogue = Catalogue::new(all.iter().enumerate());
        let mut found = |name: &str, tags: &str| {
            let mut found = Vec::new();
            let tags = Tags::default().and(tags.as_bytes());
            catalogue.each(name.as_bytes(), &tags, |number, role| {
                found.push((number, role));
            });
            found
        };
        let load = |numbers: &[usize]| -> Vec<(usize, Role)> {
            let each = numbers.iter();
            each.map(|number| (*number, Role::InFlight)).collect()
        };
        assert_eq!(found("load", "revision:a"), load(&[0, 3]));
        assert_eq!(found("load", "zone:1,revision:a"), load(&[0, 2, 3]));
        assert_eq!(found("load", "revision:c"), load(&[3]));
        assert_eq!(found("took", "revision:b")[0], (1, Role::Seconds));
        assert_eq!(found("other", "revision:b"), []);
    }
}
