// SPDX-License-Identifier: Apache-2.0
//! Metrics and decisions for an OpenTelemetry collector: OTLP over HTTP, as protobuf.
mod args;
mod counts;
mod message;

use std::{
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use cheerful_autoscaler::DecisionLine;
use cheerful_signals::client::{Limits, Trust, send};
use http::{Request, StatusCode, header};
use http_body_util::Full;
use prost::Message as _;
use tokio::{
    sync::broadcast::{self, error::RecvError},
    time::{MissedTickBehavior, interval},
};

pub(crate) use args::{OtlpArgs, OtlpOptions};
pub(crate) use counts::OtlpCounts;

use crate::api::{metrics::Samples, rows::ROWS};
use message::Teller;

/// Decisions that wait to be sent; over it the oldest are dropped and counted.
const MAX_DECISIONS: usize = 1024;

/// A collector that takes longer is given up until the next time, and what was to be sent is not sent again.
const LIMITS: Limits = Limits {
    bytes: 64 * 1024,
    time: Duration::from_secs(10),
};

/// What has metrics.
pub(crate) trait Readable: Send + Sync {
    /// The samples as they are now; `None`: there will be none any more.
    fn samples(&self) -> impl Future<Output = Option<Samples>> + Send;
}

/// Sends until dropped.
pub(crate) async fn export(
    options: OtlpOptions,
    instance: String,
    counts: Arc<OtlpCounts>,
    mut decided: broadcast::Receiver<(String, DecisionLine)>,
    read: impl Readable,
) {
    let teller = Teller {
        service: options.service.clone(),
        instance,
        began: now(),
    };
    let collector = Collector {
        trust: Trust::default(),
        options,
    };
    let mut ticks = interval(collector.options.interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut waiting: Vec<(String, DecisionLine)> = Vec::new();
    loop {
        tokio::select! {
            decision = decided.recv() => match decision {
                Ok(_) if waiting.len() >= MAX_DECISIONS => counts.dropped(1),
                Ok(decision) => waiting.push(decision),
                Err(RecvError::Lagged(lost)) => counts.dropped(lost),
                Err(RecvError::Closed) => return,
            },
            _ = ticks.tick() => {
                let Some(samples) = read.samples().await else { return };
                let message = message::metrics(&teller, &samples, ROWS, now());
                let sent = collector.send("/v1/metrics", message.encode_to_vec()).await;
                counts.metrics(sent);
                if waiting.is_empty() {
                    continue;
                }
                let decisions = std::mem::take(&mut waiting);
                let message = message::decisions(&teller, &decisions, now());
                let sent = collector.send("/v1/logs", message.encode_to_vec()).await;
                counts.decisions(sent);
                if !sent {
                    counts.dropped(u64::try_from(decisions.len()).unwrap_or(u64::MAX));
                }
            }
        }
    }
}

struct Collector {
    options: OtlpOptions,
    trust: Trust,
}

impl Collector {
    /// Whether it was taken.
    async fn send(&self, path: &str, message: Vec<u8>) -> bool {
        let mut request = Request::new(Full::new(Bytes::from(message)));
        *request.method_mut() = http::Method::POST;
        let url = format!("{}{path}", self.options.endpoint);
        match url.parse() {
            Ok(uri) => *request.uri_mut() = uri,
            Err(error) => {
                tracing::warn!("OpenTelemetry: {url}: {error}");
                return false;
            }
        }
        *request.headers_mut() = self.options.headers.clone();
        let protobuf = header::HeaderValue::from_static("application/x-protobuf");
        request.headers_mut().insert(header::CONTENT_TYPE, protobuf);
        match send(request, &self.trust, LIMITS).await {
            Ok((StatusCode::OK | StatusCode::ACCEPTED | StatusCode::NO_CONTENT, _)) => true,
            Ok((status, _)) => {
                tracing::debug!("OpenTelemetry: {url} answered {status}");
                false
            }
            Err(error) => {
                tracing::debug!("OpenTelemetry: {url}: {error}");
                false
            }
        }
    }
}

/// Nanoseconds since 1970.
#[expect(
    clippy::disallowed_methods,
    reason = "what goes to others carries the time of day, and no decision hangs on it"
)]
fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
    })
}

#[cfg(test)]
mod tests;
