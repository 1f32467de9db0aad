// SPDX-License-Identifier: Apache-2.0
use std::{fmt, sync::Arc, time::Duration};

use cheerful_autoscaler::Input;
use cheerful_scaling::Holding as Held;
use cheerful_wire::{
    Admit, Downward, Hello, Holding, Refusal, ReplicaReport, Session, Upward, Who, Workload,
};
use k8s_openapi::api::authentication::v1::{TokenReview, TokenReviewSpec};
use kube::{Api, Client, api::PostParams};
use tokio::{
    sync::{Semaphore, mpsc},
    time::{Instant, sleep, timeout},
};

use super::{
    admission::{Proven, before_review, judge, refusal},
    fleet::Verdict,
    pace::PaceRule,
    shared::Shared,
};
use crate::names;

/// Lets pods speak that prove who they are, each for itself alone.
pub(crate) struct Reception {
    shared: Arc<Shared>,
    client: Client,
    gateway_namespace: String,
    /// Reviews that are asked for at once; the others wait.
    reviews: Arc<Semaphore>,
}

/// Reviews at once.
const REVIEWS: usize = 32;
/// For a turn and for the answer, each.
const REVIEW: Duration = Duration::from_secs(5);
/// For the watch to tell of a pod that is new.
const NEW_POD: Duration = Duration::from_secs(5);
/// Between two looks for it.
const LOOK: Duration = Duration::from_millis(50);

impl Reception {
    pub(crate) fn new(shared: Arc<Shared>, client: Client, gateway_namespace: String) -> Self {
        Self {
            shared,
            client,
            gateway_namespace,
            reviews: Arc::new(Semaphore::new(REVIEWS)),
        }
    }

    async fn enter(
        self: Arc<Self>,
        hello: Hello,
        down: mpsc::Sender<Downward>,
    ) -> Result<Stream, Refusal> {
        before_review(hello.version, &hello.token)?;
        let proven = self.prove(&hello.token, &hello.who).await?;
        let (workload, address) = match hello.who.clone() {
            Who::Gateway { .. } => {
                let number = self.shared.fleet().gateway(down);
                let part = Part::Gateway;
                return Ok(Stream {
                    reception: self,
                    who: hello.who,
                    proven,
                    number,
                    part,
                });
            }
            Who::Queue {
                workload, address, ..
            } => (workload, address),
        };
        let start = Instant::now();
        loop {
            let verdict = self.shared.fleet().verdict(&proven, &workload, address);
            match verdict {
                Verdict::Fine => break,
                Verdict::NotYet(_) if start.elapsed() < NEW_POD => sleep(LOOK).await,
                Verdict::NotYet(refusal) | Verdict::Refused(refusal) => return Err(refusal),
            }
        }
        let now = self.shared.now();
        let number = self
            .shared
            .fleet()
            .queue(&workload, &proven, address, down, now);
        self.shared.news.notify_one();
        Ok(Stream {
            reception: self,
            who: hello.who,
            proven,
            number,
            part: Part::Queue {
                key: workload.to_string(),
                workload,
            },
        })
    }

    async fn prove(&self, token: &str, who: &Who) -> Result<Proven, Refusal> {
        let unavailable = |why: &str| {
            refusal(
                "unavailable",
                format!("tokens cannot be reviewed now: {why}"),
            )
        };
        let turn = timeout(REVIEW, self.reviews.acquire()).await;
        let Ok(Ok(_turn)) = turn else {
            self.shared.count(|counts| &mut counts.reviews, "failed");
            return Err(unavailable("too many are waiting"));
        };
        let review = TokenReview {
            spec: TokenReviewSpec {
                audiences: Some(vec![names::TOKEN_AUDIENCE.to_owned()]),
                token: Some(token.to_owned()),
            },
            ..TokenReview::default()
        };
        let reviews: Api<TokenReview> = Api::all(self.client.clone());
        let params = PostParams::default();
        let answer = timeout(REVIEW, reviews.create(&params, &review)).await;
        let reviewed = match answer {
            Ok(Ok(reviewed)) => reviewed,
            Ok(Err(error)) => {
                self.shared.count(|counts| &mut counts.reviews, "failed");
                tracing::warn!("a token cannot be reviewed: {error}");
                return Err(unavailable("the API server refuses"));
            }
            Err(_) => {
                self.shared.count(|counts| &mut counts.reviews, "failed");
                return Err(unavailable("the API server does not answer"));
            }
        };
        let judged = judge(
            &reviewed.status.unwrap_or_default(),
            who,
            &self.gateway_namespace,
        );
        let outcome = if judged.is_ok() {
            "accepted"
        } else {
            "refused"
        };
        self.shared.count(|counts| &mut counts.reviews, outcome);
        judged
    }

    fn refused(&self, refusal: &Refusal) {
        self.shared
            .count(|counts| &mut counts.refusals, refusal.reason);
    }
}

/// The `Reception` as the server of the streams takes it.
#[derive(Clone, Debug)]
pub struct Door(pub(crate) Arc<Reception>);

impl Admit for Door {
    type Session = Stream;

    async fn admit(&self, hello: Hello, down: mpsc::Sender<Downward>) -> Result<Stream, Refusal> {
        let entered = Arc::clone(&self.0).enter(hello, down).await;
        entered.inspect_err(|refusal| self.0.refused(refusal))
    }

    fn interval(&self) -> Duration {
        PaceRule::QUICK
    }
}

impl fmt::Debug for Reception {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reception").finish_non_exhaustive()
    }
}

/// One stream of a pod that has proved who it is.
#[derive(Debug)]
pub struct Stream {
    reception: Arc<Reception>,
    who: Who,
    proven: Proven,
    number: u64,
    part: Part,
}

#[derive(Debug)]
enum Part {
    Queue { key: String, workload: Workload },
    Gateway,
}

impl Session for Stream {
    async fn take(&mut self, message: Upward) -> Result<(), Refusal> {
        let taken = match (&self.part, message) {
            (Part::Queue { key, workload }, Upward::Report(report)) => {
                self.report(key, workload, report)
            }
            (Part::Gateway, Upward::Holding(holding)) => {
                self.holding(holding);
                Ok(())
            }
            (_, Upward::Token(token)) => self.renew(&token).await,
            (Part::Queue { .. }, Upward::Holding(_)) => Err(refusal(
                "bad_report",
                "a queue holds for no gateway".to_owned(),
            )),
            (Part::Gateway, Upward::Report(_)) => {
                Err(refusal("bad_report", "a gateway is no replica".to_owned()))
            }
        };
        taken.inspect_err(|refusal| self.reception.refused(refusal))
    }
}

impl Stream {
    fn report(
        &self,
        key: &str,
        workload: &Workload,
        mut report: ReplicaReport,
    ) -> Result<(), Refusal> {
        let shared = &self.reception.shared;
        let now = shared.now();
        let (changed, counts) = {
            let mut fleet = shared.fleet();
            let changed = fleet.report(workload, self.number, &mut report, now)?;
            (changed, !fleet.counted_by_signal(workload))
        };
        if changed {
            shared.news.notify_one();
        }
        // Where a signal counts the requests, a queue tells only that its app answers.
        if counts {
            shared.offer(key, Input::Report(report.report));
        }
        Ok(())
    }

    fn holding(&self, holding: Holding) {
        let shared = &self.reception.shared;
        let now = shared.now();
        let workload = &holding.workload;
        let sum = shared
            .fleet()
            .holding(self.number, workload, holding.held, now);
        let Some(held) = sum else {
            return;
        };
        let key = workload.to_string();
        if let Some(by) = holding.woken_by {
            shared.offer(&key, Input::Woken { by });
        }
        let arrived = holding.arrived;
        shared.offer(&key, Input::Holding(Held { held, arrived }));
        if let Some(by) = holding.last_request {
            shared.offer(&key, Input::LastRequest { by });
        }
        shared.news.notify_one();
    }

    /// A stream that is up stays up while nobody can review its renewed token.
    async fn renew(&self, token: &str) -> Result<(), Refusal> {
        match self.reception.prove(token, &self.who).await {
            Ok(proven) if proven == self.proven => Ok(()),
            Ok(proven) => {
                let text = format!("the renewed token is of another pod, uid {}", proven.uid);
                Err(refusal("pod", text))
            }
            Err(refusal) if refusal.reason == "unavailable" => Ok(()),
            Err(refusal) => Err(refusal),
        }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        let shared = &self.reception.shared;
        let now = shared.now();
        match &self.part {
            Part::Queue { workload, .. } => {
                shared.fleet().queue_gone(workload, self.number, now);
            }
            Part::Gateway => {
                let left = shared.fleet().gateway_gone(self.number);
                for (workload, held) in left {
                    let holding = Held { held, arrived: 0 };
                    shared.offer(&workload.to_string(), Input::Holding(holding));
                }
            }
        }
        shared.news.notify_one();
    }
}
