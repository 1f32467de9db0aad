// SPDX-License-Identifier: Apache-2.0
use std::{sync::Arc, time::Duration};

use cheerful_autoscaler::{Platform, ScaleError, ScaleErrorKind};
use cheerful_scaling::{Decision, Mode};
use cheerful_signals::scrape::Scraper;
use futures_util::{StreamExt as _, stream};
use k8s_openapi::{api::core::v1::Pod, apimachinery::pkg::apis::meta::v1::Time, jiff::Timestamp};
use kube::{
    Api, Client,
    api::{Patch, PatchParams},
};
use serde_json::json;
use tokio::{
    sync::watch,
    time::{Instant, timeout},
};

use super::{
    cost::{COST_ANNOTATION, Mark, marks},
    fleet::{Plan, SpecSeen, WritePlan},
    gate::Gate,
    key,
    shared::Shared,
    target::{ScaleSeen, Scales, TargetError},
};
use crate::lease::Leadership;

/// Where the replicas are: pods, by the `/scale` of what makes them.
pub(crate) struct Cluster {
    pub(crate) shared: Arc<Shared>,
    pub(crate) scraper: Scraper,
    pub(crate) client: Client,
    pub(crate) scales: Scales,
    pub(crate) gate: Gate,
    /// By shard.
    pub(crate) leads: Vec<watch::Receiver<Leadership>>,
}

/// How long the marks of those that go first may hold up a step down.
const MARKING: Duration = Duration::from_secs(1);
/// Marks that are written at once.
const MARKS_AT_ONCE: usize = 16;

impl Platform for Cluster {
    async fn scale(&self, key: &str, replicas: u32) -> Result<(), ScaleError> {
        let error = |kind, why: String| ScaleError {
            revision: key.to_owned(),
            replicas,
            kind,
            why,
        };
        let plan = self
            .plan(key, replicas)
            .map_err(|why| error(ScaleErrorKind::Withheld, why))?;
        let Some(plan) = plan else {
            return Ok(());
        };
        let _leave = self.gate.pass(plan.urgent).await;
        // While it stood in line everything may have changed.
        let plan = self
            .plan(key, replicas)
            .map_err(|why| error(ScaleErrorKind::Withheld, why))?;
        let Some(plan) = plan else {
            return Ok(());
        };
        let outcome = self.write(&plan, replicas).await;
        self.count(&outcome);
        outcome.map_err(|failed| error(ScaleErrorKind::Failed, failed.to_string()))
    }

    fn burst_threshold(&self, key: &str, requests: f64) {
        self.scraper.threshold(key, requests);
        self.shared.fleet().threshold(key, requests);
        self.shared.news.notify_one();
    }

    fn decided(&self, key: &str, decision: &Decision) {
        self.scraper.panics(key, decision.mode == Mode::Panic);
        let (now, at) = (self.shared.now(), Time(Timestamp::now()));
        self.shared.fleet().decided(key, decision, now, at);
        self.shared.news.notify_one();
    }
}

impl Cluster {
    /// `Ok(None)`: there is nothing to write.
    fn plan(&self, key: &str, replicas: u32) -> Result<Option<WritePlan>, String> {
        let now = self.shared.now();
        match self.shared.fleet().plan(key, replicas, now) {
            Plan::Write(plan) if self.leads(&plan) => Ok(Some(plan)),
            Plan::Write(_) => Err("another autoscaler may write by now".to_owned()),
            Plan::Done => Ok(None),
            Plan::Withheld(why) => Err(why),
        }
    }

    /// Asked right before the write, for this process may have been stopped for a while.
    #[expect(
        clippy::disallowed_methods,
        reason = "the shell reads the clock that the lease is judged by"
    )]
    fn leads(&self, plan: &WritePlan) -> bool {
        let shard = key::shard(&plan.workload, self.leads.len());
        let leads = self.leads.get(shard);
        leads.is_some_and(|leads| leads.borrow().leads(std::time::Instant::now()))
    }

    async fn write(&self, plan: &WritePlan, replicas: u32) -> Result<(), TargetError> {
        let known = match plan.known {
            Some(known) => known,
            None => self.read(plan).await?.replicas,
        };
        if known == replicas {
            return Ok(());
        }
        if replicas < known && !plan.candidates.is_empty() {
            let stay = usize::try_from(replicas).unwrap_or(usize::MAX);
            self.mark(plan, marks(plan.candidates.clone(), stay)).await;
        }
        let start = Instant::now();
        let written = self
            .scales
            .write(&self.client, &plan.target, known, replicas)
            .await;
        match written {
            Ok(scale) => {
                self.shared.counts().write_seconds.add(start.elapsed());
                self.seen(plan, &scale);
                Ok(())
            }
            Err(conflict @ TargetError::Conflict(_)) => {
                // What it is now is told, and it is decided again.
                let now = self.read(plan).await?;
                if now.replicas == known {
                    let why = format!("the count {replicas} is refused");
                    return Err(TargetError::Strange(plan.target.shown(), why));
                }
                Err(conflict)
            }
            Err(failed) => Err(failed),
        }
    }

    async fn read(&self, plan: &WritePlan) -> Result<ScaleSeen, TargetError> {
        let scale = self.scales.get(&self.client, &plan.target).await?;
        self.seen(plan, &scale);
        Ok(scale)
    }

    fn seen(&self, plan: &WritePlan, scale: &ScaleSeen) {
        let spec = SpecSeen {
            replicas: scale.replicas,
            version: scale.version,
        };
        self.shared.fleet().spec(&plan.workload, spec);
        self.shared.news.notify_one();
    }

    /// Marks the pods that go first, and takes wrong marks away. What does not come about in time is left: then they go
    /// as Kubernetes likes.
    async fn mark(&self, plan: &WritePlan, marks: Vec<Mark>) {
        if marks.is_empty() {
            return;
        }
        let pods: Api<Pod> = Api::namespaced(self.client.clone(), &plan.target.namespace);
        let all = stream::iter(marks)
            .map(|Mark { pod, cost }| {
                let pods = pods.clone();
                async move {
                    let cost = cost.map(|cost| cost.to_string());
                    let patch = json!({"metadata": {"annotations": {COST_ANNOTATION: cost}}});
                    let patched = pods
                        .patch_metadata(&pod, &PatchParams::default(), &Patch::Merge(&patch))
                        .await;
                    let mut counts = self.shared.counts();
                    match patched {
                        Ok(_) => counts.marks += 1,
                        Err(error) => {
                            counts.marks_failed += 1;
                            tracing::debug!("pod {pod} is not marked: {error}");
                        }
                    }
                }
            })
            .buffer_unordered(MARKS_AT_ONCE)
            .collect::<Vec<()>>();
        if timeout(MARKING, all).await.is_err() {
            self.shared.counts().marks_failed += 1;
            tracing::debug!("{}: not all that go first are marked", plan.workload);
        }
    }

    fn count(&self, outcome: &Result<(), TargetError>) {
        let label = match outcome {
            Ok(()) => "written",
            Err(TargetError::Conflict(_)) => "conflict",
            Err(_) => "failed",
        };
        self.shared.count(|counts| &mut counts.writes, label);
    }
}
