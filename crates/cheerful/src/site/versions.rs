// SPDX-License-Identifier: Apache-2.0
use std::{
    collections::BTreeMap,
    sync::{PoisonError, RwLock},
};

use super::name::revision_of;

/// Which version of each revision takes the requests, for the tasks that translate between the two kinds of name.
///
/// Only revisions that are not in their first and only version have an entry, so it costs nothing with 10,000 of them.
#[derive(Debug, Default)]
pub(crate) struct Versions(RwLock<BTreeMap<String, Standing>>);

#[derive(Clone, Debug)]
struct Standing {
    current: String,
    next: Option<String>,
}

impl Versions {
    /// Says which version takes the requests and which one is about to.
    pub(crate) fn set(&self, revision: &str, current: &str, next: Option<&str>) {
        let mut map = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if current == revision && next.is_none() {
            map.remove(revision);
        } else {
            map.insert(
                revision.to_owned(),
                Standing {
                    current: current.to_owned(),
                    next: next.map(str::to_owned),
                },
            );
        }
    }

    /// Forgets a revision.
    pub(crate) fn forget(&self, revision: &str) {
        self.0
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(revision);
    }

    /// The version that takes the requests.
    pub(crate) fn current(&self, revision: &str) -> String {
        let map = self.0.read().unwrap_or_else(PoisonError::into_inner);
        map.get(revision)
            .map_or_else(|| revision.to_owned(), |standing| standing.current.clone())
    }

    /// All versions of a revision that are not on their way out.
    pub(crate) fn all(&self, revision: &str) -> Vec<String> {
        let map = self.0.read().unwrap_or_else(PoisonError::into_inner);
        map.get(revision).map_or_else(
            || vec![revision.to_owned()],
            |standing| {
                [Some(&standing.current), standing.next.as_ref()]
                    .into_iter()
                    .flatten()
                    .cloned()
                    .collect()
            },
        )
    }

    /// Whether a version is the one that takes its revision's requests. The load of the others is no demand:
    /// one is not asked yet, another only finishes what it has.
    pub(crate) fn is_current(&self, version: &str) -> bool {
        let revision = revision_of(version);
        let map = self.0.read().unwrap_or_else(PoisonError::into_inner);
        map.get(revision)
            .map_or(version == revision, |standing| standing.current == version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_version_that_takes_requests_is_current() {
        let versions = Versions::default();
        assert!(versions.is_current("a"));
        versions.set("a", "a", Some("a~2"));
        assert!(versions.is_current("a"));
        assert!(!versions.is_current("a~2"));
        assert_eq!(versions.all("a"), ["a", "a~2"]);
        versions.set("a", "a~2", None);
        assert!(!versions.is_current("a"));
        assert!(versions.is_current("a~2"));
        assert_eq!(versions.current("a"), "a~2");
        versions.forget("a");
        assert!(versions.is_current("a"));
    }
}
