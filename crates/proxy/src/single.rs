// SPDX-License-Identifier: Apache-2.0
use std::{sync::Arc, time::Duration};

use http::{StatusCode, request::Parts};

use crate::{
    Accounting, Answer, Attempt, Choose, InFlight, Line, Place, TimeLimits, Turn, Upstream,
};

/// One upstream for all requests: what a sidecar has behind it.
#[derive(Debug)]
pub struct SingleUpstream {
    upstream: Arc<Upstream>,
    accounting: Arc<Accounting>,
    line: Option<Line>,
    time_limits: TimeLimits,
}

/// Over the limit a client is asked to come back after so long.
const RETRY_AFTER: Duration = Duration::from_secs(1);

impl SingleUpstream {
    /// `line`: the concurrency limit, if there is one.
    #[must_use]
    pub fn new(upstream: Arc<Upstream>, line: Option<Line>, time_limits: TimeLimits) -> Self {
        Self {
            upstream,
            accounting: Accounting::new(),
            line,
            time_limits,
        }
    }

    /// What was counted. A request counts from its coming, waiting included.
    #[must_use]
    pub fn accounting(&self) -> &Arc<Accounting> {
        &self.accounting
    }
}

impl Choose for SingleUpstream {
    type Place = SinglePlace;

    async fn choose(&self, _request: &Parts, _attempt: Attempt<'_>) -> Result<SinglePlace, Answer> {
        let in_flight = self.accounting.enter();
        let turn = match &self.line {
            None => None,
            Some(line) => Some(line.enter().await.map_err(|_full| {
                self.accounting.refuse();
                Answer {
                    status: StatusCode::SERVICE_UNAVAILABLE,
                    retry_after: Some(RETRY_AFTER),
                    text: "too many requests wait for the service".into(),
                }
            })?),
        };
        Ok(SinglePlace {
            upstream: Arc::clone(&self.upstream),
            time_limits: self.time_limits,
            _in_flight: in_flight,
            _turn: turn,
        })
    }
}

/// A place at the one upstream.
#[derive(Debug)]
pub struct SinglePlace {
    upstream: Arc<Upstream>,
    time_limits: TimeLimits,
    _in_flight: InFlight,
    _turn: Option<Turn>,
}

impl Place for SinglePlace {
    fn upstream(&self) -> &Arc<Upstream> {
        &self.upstream
    }

    fn time_limits(&self) -> TimeLimits {
        self.time_limits
    }
}
