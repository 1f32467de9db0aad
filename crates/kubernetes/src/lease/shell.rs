// SPDX-License-Identifier: Apache-2.0
use std::time::Instant;

use k8s_openapi::{
    api::coordination::v1::{Lease as LeaseObject, LeaseSpec},
    apimachinery::pkg::apis::meta::v1::{MicroTime, OwnerReference},
    jiff::Timestamp,
};
use kube::{Api, Client, api::PostParams};
use tokio::{sync::watch, task::JoinSet, time};
use tokio_util::sync::CancellationToken;

use super::{Action, LeaseConfig, Record, Seen, evaluate};

/// Takes part in a lease for as long as it lives. Dropping it stops renewing without giving the lease back;
/// [`Lease::release`] gives it back, so that another leads at once.
#[derive(Debug)]
pub struct Lease {
    leadership: watch::Receiver<Leadership>,
    stop: CancellationToken,
    tasks: JoinSet<()>,
}

/// Whether one leads. Told on change of who leads only; `until` moves on silently with each renewal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Leadership {
    /// Who leads, as far as is known.
    pub leader: Option<String>,
    /// One leads oneself until then; ask [`Leadership::leads`] right before what only the leader may do.
    pub until: Option<Instant>,
}

impl Leadership {
    /// Whether one leads at this time: also right after the process was stopped for a while.
    #[must_use]
    pub fn leads(&self, now: Instant) -> bool {
        self.until.is_some_and(|until| now < until)
    }
}

impl Lease {
    /// Takes part from now on, on the present tokio runtime. `identity` is this process's own and no other's: the
    /// pod's name.
    #[must_use]
    pub fn run(
        client: Client,
        namespace: &str,
        name: &str,
        identity: &str,
        config: LeaseConfig,
    ) -> Self {
        Self::run_owned(client, namespace, name, identity, config, None)
    }

    /// The same of a lease that goes with the Service of its own name, by that one's uid.
    #[must_use]
    pub fn run_owned(
        client: Client,
        namespace: &str,
        name: &str,
        identity: &str,
        config: LeaseConfig,
        service_uid: Option<&str>,
    ) -> Self {
        let (sender, leadership) = watch::channel(Leadership::default());
        let stop = CancellationToken::new();
        let mut tasks = JoinSet::new();
        let part = Part {
            api: Api::namespaced(client, namespace),
            name: name.to_owned(),
            me: identity.to_owned(),
            config,
            owner: service_uid.map(|uid| OwnerReference {
                api_version: "v1".to_owned(),
                kind: "Service".to_owned(),
                name: name.to_owned(),
                uid: uid.to_owned(),
                ..OwnerReference::default()
            }),
            seen: Seen::nothing(now()),
            object: None,
            sender,
        };
        tasks.spawn(part.run(stop.clone()));
        Self {
            leadership,
            stop,
            tasks,
        }
    }

    /// Who leads.
    #[must_use]
    pub fn leadership(&self) -> watch::Receiver<Leadership> {
        self.leadership.clone()
    }

    /// Stops leading and gives the lease back; takes at most the time for which it holds anyway.
    pub async fn release(mut self) {
        self.stop.cancel();
        while self.tasks.join_next().await.is_some() {}
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the shell reads the clock that the rule is given"
)]
fn now() -> Instant {
    Instant::now()
}

struct Part {
    api: Api<LeaseObject>,
    name: String,
    me: String,
    config: LeaseConfig,
    owner: Option<OwnerReference>,
    seen: Seen,
    /// As it was read or written last; `None`: not known, it must be read before it is written.
    object: Option<LeaseObject>,
    sender: watch::Sender<Leadership>,
}

impl Part {
    async fn run(mut self, stop: CancellationToken) {
        loop {
            let wait = tokio::select! {
                wait = self.step() => wait,
                () = stop.cancelled() => break,
            };
            tokio::select! {
                () = time::sleep(wait) => {}
                () = stop.cancelled() => break,
            }
        }
        self.give_back().await;
    }

    /// One look and what follows from it; gives the time to the next. While it runs, leadership ends in time.
    async fn step(&mut self) -> time::Duration {
        let until = self.sender.borrow().until;
        // A request that hangs may take no longer than the lease; a standby's is given up likewise.
        let end = until.unwrap_or_else(|| now() + self.config.duration);
        // While one leads, what is written needs no look before: a foreign change shows as a conflict.
        let known = self.object.is_some() && until.is_some();
        let work = async {
            if !known {
                self.look().await?;
            }
            self.act().await
        };
        let result = time::timeout_at(end.into(), work).await;
        if let Ok(Ok(wait)) = result {
            return wait;
        }
        self.object = None;
        match result {
            Ok(Err(error)) => tracing::warn!(lease = self.name, %error, "the lease cannot be kept"),
            _ => tracing::warn!(lease = self.name, "the API server does not answer in time"),
        }
        self.lead_no_longer_than(now());
        self.config.retry
    }

    /// Reads it.
    async fn look(&mut self) -> Result<(), kube::Error> {
        self.object = self.api.get_opt(&self.name).await?;
        let record = self.object.as_ref().map(Record::from);
        self.seen.look(record, now());
        let leader = self.seen.record.as_ref().and_then(|r| r.holder.clone());
        if leader.as_deref() != Some(&self.me) {
            self.tell(leader, None);
        }
        Ok(())
    }

    async fn act(&mut self) -> Result<time::Duration, kube::Error> {
        let sent = now();
        let transitions = match evaluate(&self.seen, &self.me, &self.config, sent) {
            Action::Wait { until } => {
                let left = until.saturating_duration_since(sent);
                return Ok(left.min(self.config.retry));
            }
            Action::Create => 0,
            Action::Take { transitions } => transitions,
            Action::Renew => self.seen.record.as_ref().map_or(0, |r| r.transitions),
        };
        let mut object = self.object.take().unwrap_or_default();
        object.metadata.name = Some(self.name.clone());
        object.metadata.managed_fields = None;
        if let Some(owner) = &self.owner {
            object.metadata.owner_references = Some(vec![owner.clone()]);
        }
        let mine = object.spec.as_ref().is_some_and(|spec| {
            spec.holder_identity.as_deref() == Some(&self.me) && spec.acquire_time.is_some()
        });
        let wall = MicroTime(Timestamp::now());
        let spec = object.spec.get_or_insert_with(LeaseSpec::default);
        if !mine {
            spec.acquire_time = Some(wall.clone());
        }
        spec.renew_time = Some(wall);
        spec.holder_identity = Some(self.me.clone());
        spec.lease_duration_seconds = Some(self.config.seconds());
        spec.lease_transitions = Some(transitions);
        let written = self.write(&object).await?;
        self.seen.look(Some(Record::from(&written)), now());
        self.object = Some(written);
        self.tell(Some(self.me.clone()), Some(sent + self.config.leads()));
        Ok(self.config.renew)
    }

    /// Creates it, or replaces the very one that was read.
    async fn write(&self, object: &LeaseObject) -> Result<LeaseObject, kube::Error> {
        let parameters = PostParams::default();
        if object.metadata.resource_version.is_some() {
            self.api.replace(&self.name, &parameters, object).await
        } else {
            self.api.create(&parameters, object).await
        }
    }

    /// After a failure: one leads to the end of what was granted, and is no longer told to when that is over.
    fn lead_no_longer_than(&self, now: Instant) {
        let (leader, until) = {
            let told = self.sender.borrow();
            (told.leader.clone(), told.until)
        };
        if until.is_some_and(|until| now >= until) {
            tracing::warn!(
                lease = self.name,
                "no longer leading: it could not be renewed"
            );
            self.tell(leader.filter(|leader| *leader != self.me), None);
        }
    }

    fn tell(&self, leader: Option<String>, until: Option<Instant>) {
        self.sender.send_if_modified(|told| {
            let changed = told.leader != leader || told.until.is_some() != until.is_some();
            *told = Leadership { leader, until };
            changed
        });
    }

    /// Stops leading first, then says so to the others.
    async fn give_back(mut self) {
        let held = self.sender.borrow().until.is_some();
        self.tell(None, None);
        if !held {
            return;
        }
        let limit = self.config.duration;
        let write = async {
            // What was last written may not have been heard of: read it.
            let Some(mut object) = self.api.get_opt(&self.name).await? else {
                return Ok(());
            };
            if Record::from(&object).holder.as_deref() != Some(&self.me) {
                return Ok(());
            }
            if let Some(spec) = &mut object.spec {
                spec.holder_identity = None;
            }
            object.metadata.managed_fields = None;
            self.object = Some(self.write(&object).await?);
            Ok::<(), kube::Error>(())
        };
        match time::timeout(limit, write).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::warn!(lease = self.name, %error, "the lease is not given back, it will end");
            }
            Err(_) => tracing::warn!(
                lease = self.name,
                "the lease is not given back, it will end"
            ),
        }
    }
}
