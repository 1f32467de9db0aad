// SPDX-License-Identifier: Apache-2.0
use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;

use super::{
    plan::{is_dedicated, own_autoscaler},
    world::World,
};

/// Where there are autoscalers that serve one Revision alone: their Services, by namespace.
pub type DedicatedAutoscalers = BTreeMap<String, Vec<OwnerReference>>;

/// So many of them may have tokens reviewed: a bound for the size of their one binding.
pub const MAX_DEDICATED: usize = 1_024;

/// All that are asked for and whose Services are there.
pub(super) fn dedicated(world: &World) -> DedicatedAutoscalers {
    let mut all = DedicatedAutoscalers::new();
    for (key, revision) in world.revisions.rows() {
        if is_dedicated(revision)
            && revision.metadata.deletion_timestamp.is_none()
            && let Some(service) = own_autoscaler(world, revision)
        {
            all.entry(key.namespace.clone()).or_default().push(service);
        }
    }
    all
}

/// Who may have tokens reviewed, as it was written last. One write at a time.
#[derive(Debug, Default)]
pub(super) struct Reviewers {
    written: Option<Vec<(String, String)>>,
    under_way: Option<Vec<(String, String)>>,
    again: Option<Instant>,
}

/// After a failure.
const RETRY: Duration = Duration::from_secs(5);

impl Reviewers {
    /// What was written is no longer known.
    pub(super) fn forget(&mut self) {
        self.written = None;
    }

    /// When it is tried again.
    pub(super) const fn again(&self) -> Option<Instant> {
        self.again
    }

    /// The service accounts (namespace, name) that have to be written now.
    pub(super) fn due(
        &mut self,
        all: &DedicatedAutoscalers,
        now: Instant,
    ) -> Option<Vec<(String, String)>> {
        if self.under_way.is_some() || self.again.is_some_and(|again| now < again) {
            return None;
        }
        self.again = None;
        let accounts = all.iter().flat_map(|(namespace, services)| {
            services
                .iter()
                .map(|service| (namespace.clone(), service.name.clone()))
        });
        let accounts: Vec<_> = accounts.take(MAX_DEDICATED).collect();
        if self.written.as_ref() == Some(&accounts) {
            return None;
        }
        self.under_way = Some(accounts.clone());
        Some(accounts)
    }

    /// What came of it.
    pub(super) fn done(&mut self, bound: bool, now: Instant) {
        let accounts = self.under_way.take();
        if bound {
            self.written = accounts;
        } else {
            self.again = Some(now + RETRY);
        }
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "any moment will do")]
mod tests {
    use super::*;

    fn all(names: &[&str]) -> DedicatedAutoscalers {
        let service = |name: &&str| OwnerReference {
            name: (*name).to_owned(),
            ..OwnerReference::default()
        };
        BTreeMap::from([("shop".to_owned(), names.iter().map(service).collect())])
    }

    #[test]
    fn each_change_is_written_once_one_at_a_time_and_after_a_failure_again() {
        let (mut reviewers, now) = (Reviewers::default(), Instant::now());
        let one = reviewers.due(&all(&["a"]), now).unwrap();
        assert_eq!(one, [("shop".to_owned(), "a".to_owned())]);
        assert_eq!(reviewers.due(&all(&["a", "b"]), now), None, "under way");
        reviewers.done(true, now);
        assert_eq!(reviewers.due(&all(&["a"]), now), None, "written");
        assert_eq!(reviewers.due(&all(&["a", "b"]), now).unwrap().len(), 2);
        reviewers.done(false, now);
        assert_eq!(reviewers.due(&all(&["a", "b"]), now), None, "not at once");
        let later = reviewers.again().unwrap();
        assert_eq!(reviewers.due(&all(&["a", "b"]), later).unwrap().len(), 2);
        reviewers.done(true, later);
        reviewers.forget();
        assert_eq!(reviewers.due(&all(&[]), later), Some(vec![]));
    }
}
