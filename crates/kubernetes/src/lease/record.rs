// SPDX-License-Identifier: Apache-2.0
use std::time::{Duration, Instant};

use k8s_openapi::api::coordination::v1::{Lease as LeaseObject, LeaseSpec};

/// What a lease says, as it was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// Who leads; `None`: nobody, it was given back.
    pub holder: Option<String>,
    /// When its holder renewed it last, as text: only whether it changes counts, for it is the holder's own clock.
    pub renewed: Option<String>,
    /// For how long it holds, as its holder means it.
    pub duration: Option<Duration>,
    /// How often it changed hands.
    pub transitions: i32,
}

/// A record and since when it has been seen like this.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// What it says; `None`: there is no lease.
    pub record: Option<Record>,
    /// By the clock of the one who looks.
    pub since: Instant,
}

impl Seen {
    /// Nothing yet.
    #[must_use]
    pub const fn nothing(now: Instant) -> Self {
        Self {
            record: None,
            since: now,
        }
    }

    /// Takes what was read: a record that did not change keeps its age.
    pub fn look(&mut self, record: Option<Record>, now: Instant) {
        if self.record != record {
            *self = Self { record, since: now };
        }
    }
}

impl From<&LeaseObject> for Record {
    fn from(lease: &LeaseObject) -> Self {
        let spec = lease.spec.as_ref();
        let of = |get: fn(&LeaseSpec) -> Option<String>| spec.and_then(get);
        Self {
            holder: of(|spec| spec.holder_identity.clone()).filter(|holder| !holder.is_empty()),
            renewed: of(|spec| spec.renew_time.as_ref().map(|time| time.0.to_string())),
            duration: spec
                .and_then(|spec| spec.lease_duration_seconds)
                .and_then(|seconds| u64::try_from(seconds).ok())
                .map(Duration::from_secs),
            transitions: spec.and_then(|spec| spec.lease_transitions).unwrap_or(0),
        }
    }
}
