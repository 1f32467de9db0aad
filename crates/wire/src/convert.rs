// SPDX-License-Identifier: Apache-2.0
//! Between the messages as protobuf and as plain Rust. What comes in is bounded here; what numbers mean is for others.
use std::{net::SocketAddr, time::Duration};

use cheerful_scaling::{Latency, Report};

use crate::{
    Downward, Hello, Holding, Pace, Replica, ReplicaReport, Upward, Who, Workload, WorkloadKind,
    proto,
};

/// Longest name of a workload, a pod or a namespace, as Kubernetes has it.
const NAME_BYTES: usize = 253;
/// Longest text for people; what is longer is cut.
const TEXT_BYTES: usize = 256;
/// Longest name of a software; what is longer is cut.
const SOFTWARE_BYTES: usize = 64;
/// Longest token. One of Kubernetes has about 1 KiB.
const TOKEN_BYTES: usize = 16 * 1024;

/// What came up.
#[derive(Debug, PartialEq)]
pub(crate) enum Arrived {
    Hello(Hello),
    Message(Upward),
    /// Of a kind that this version does not know, or empty: a sign of life.
    Unknown,
}

/// Why a message cannot be taken.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {why}")]
pub(crate) struct Unfit {
    pub(crate) field: &'static str,
    pub(crate) why: String,
}

fn unfit(field: &'static str, why: impl Into<String>) -> Unfit {
    Unfit {
        field,
        why: why.into(),
    }
}

/// What came up, `pod` being the one that the stream has proved to be.
pub(crate) fn arrived(message: proto::Upward, pod: &str) -> Result<Arrived, Unfit> {
    use proto::upward::Content;
    Ok(match message.content {
        None => Arrived::Unknown,
        Some(Content::Hello(message)) => Arrived::Hello(hello(message)?),
        Some(Content::Report(message)) => {
            Arrived::Message(Upward::Report(replica_report(message, pod)?))
        }
        Some(Content::Holding(message)) => match holding(message)? {
            Some(holding) => Arrived::Message(Upward::Holding(holding)),
            None => Arrived::Unknown,
        },
        Some(Content::Token(message)) => {
            Arrived::Message(Upward::Token(token("token", message.token)?))
        }
    })
}

fn hello(message: proto::Hello) -> Result<Hello, Unfit> {
    use proto::hello::Who as Sent;
    let who = match message.who {
        None => return Err(unfit("who", "it must be a queue or a gateway")),
        Some(Sent::Queue(queue)) => Who::Queue {
            workload: workload(queue.workload)?
                .ok_or_else(|| unfit("workload.kind", "it must be Revision or Autoscaler"))?,
            pod: name("pod", queue.pod)?,
            address: address(&queue.address)?,
        },
        Some(Sent::Gateway(gateway)) => Who::Gateway {
            namespace: name("namespace", gateway.namespace)?,
            pod: name("pod", gateway.pod)?,
        },
    };
    Ok(Hello {
        version: message.version,
        software: cut(message.software, SOFTWARE_BYTES),
        token: token("token", message.token)?,
        who,
    })
}

fn replica_report(message: proto::Report, pod: &str) -> Result<ReplicaReport, Unfit> {
    Ok(ReplicaReport {
        report: Report {
            replica: pod.to_owned(),
            sequence: message.sequence,
            age_seconds: message.age_seconds,
            seconds: message.seconds,
            request_seconds: message.request_seconds,
            waiting_seconds: message.waiting_seconds,
            requests: message.requests,
            refused: message.refused,
            in_flight: message.in_flight,
            latency: latency(&message.latency)?,
        },
        ready: message.ready,
        draining: message.draining,
    })
}

fn latency(buckets: &[proto::LatencyBucket]) -> Result<Option<Latency>, Unfit> {
    if buckets.is_empty() {
        return Ok(None);
    }
    if buckets.len() > Latency::BUCKETS {
        let why = format!("{} buckets; there are {}", buckets.len(), Latency::BUCKETS);
        return Err(unfit("latency", why));
    }
    let counts = buckets.iter().map(|bucket| {
        let number = u8::try_from(bucket.bucket);
        let number =
            number.map_err(|_| unfit("latency", format!("no bucket {}", bucket.bucket)))?;
        Ok((number, bucket.count))
    });
    let counts = counts.collect::<Result<Vec<_>, Unfit>>()?;
    let latency = Latency::try_from(counts).map_err(|why| unfit("latency", why))?;
    Ok(Some(latency))
}

/// `None`: of a kind of workload that this version does not know.
fn holding(message: proto::Holding) -> Result<Option<Holding>, Unfit> {
    let Some(workload) = workload(message.workload)? else {
        return Ok(None);
    };
    Ok(Some(Holding {
        workload,
        held: message.held,
        arrived: message.arrived,
        woken_by: text(message.woken_by),
        last_request: text(message.last_request),
    }))
}

/// `None`: of a kind that this version does not know.
fn workload(message: Option<proto::Workload>) -> Result<Option<Workload>, Unfit> {
    let message = message.ok_or_else(|| unfit("workload", "it is missing"))?;
    let kind = match message.kind.as_str() {
        "Revision" => WorkloadKind::Revision,
        "Autoscaler" => WorkloadKind::Autoscaler,
        _ => return Ok(None),
    };
    Ok(Some(Workload {
        namespace: name("workload.namespace", message.namespace)?,
        kind,
        name: name("workload.name", message.name)?,
    }))
}

fn name(field: &'static str, name: String) -> Result<String, Unfit> {
    if name.is_empty() || name.len() > NAME_BYTES {
        let why = format!("{} bytes; it must have 1 to {NAME_BYTES}", name.len());
        return Err(unfit(field, why));
    }
    Ok(name)
}

fn token(field: &'static str, token: String) -> Result<String, Unfit> {
    if token.len() > TOKEN_BYTES {
        let why = format!("{} bytes; it may have {TOKEN_BYTES}", token.len());
        return Err(unfit(field, why));
    }
    Ok(token)
}

fn address(text: &str) -> Result<SocketAddr, Unfit> {
    text.parse().map_err(|_| {
        let shown = cut(text.to_owned(), SOFTWARE_BYTES);
        unfit("address", format!("{shown:?}; it must be address:port"))
    })
}

fn text(text: String) -> Option<String> {
    (!text.is_empty()).then(|| cut(text, TEXT_BYTES))
}

/// At most so many bytes of it.
fn cut(mut text: String, bytes: usize) -> String {
    text.truncate(text.floor_char_boundary(bytes));
    text
}

/// What comes down, for the one who gets it.
#[derive(Debug, PartialEq)]
pub(crate) enum Told {
    Welcome {
        version: u32,
        interval: Duration,
    },
    Message(Downward),
    Refused {
        reason: String,
        text: String,
    },
    /// Of a kind that this version does not know.
    Unknown,
}

pub(crate) fn told(message: proto::Downward) -> Result<Told, Unfit> {
    use proto::downward::Content;
    Ok(match message.content {
        None => Told::Unknown,
        Some(Content::Welcome(message)) => Told::Welcome {
            version: message.version,
            interval: millis(message.interval_millis),
        },
        Some(Content::Pace(message)) => {
            let workload = match message.workload {
                None => None,
                Some(sent) => match workload(Some(sent))? {
                    Some(workload) => Some(workload),
                    None => return Ok(Told::Unknown),
                },
            };
            if message.interval_millis == 0 {
                return Err(unfit("intervalMillis", "0; it must be more"));
            }
            Told::Message(Downward::from(Pace {
                workload,
                interval: millis(message.interval_millis),
                burst_threshold: message.burst_threshold,
            }))
        }
        Some(Content::Replica(message)) => match workload(message.workload)? {
            None => Told::Unknown,
            Some(workload) => Told::Message(Downward::from(Replica {
                workload,
                pod: name("pod", message.pod)?,
                address: address(&message.address)?,
                ready: message.ready,
            })),
        },
        Some(Content::Refused(message)) => Told::Refused {
            reason: cut(message.reason, SOFTWARE_BYTES),
            text: cut(message.text, TEXT_BYTES),
        },
    })
}

fn millis(millis: u32) -> Duration {
    Duration::from_millis(u64::from(millis))
}

impl From<Upward> for proto::Upward {
    fn from(message: Upward) -> Self {
        use proto::upward::Content;
        let content = match message {
            Upward::Report(message) => Content::Report(message.into()),
            Upward::Holding(message) => Content::Holding(proto::Holding {
                workload: Some(message.workload.into()),
                held: message.held,
                arrived: message.arrived,
                woken_by: message.woken_by.unwrap_or_default(),
                last_request: message.last_request.unwrap_or_default(),
            }),
            Upward::Token(token) => Content::Token(proto::Token { token }),
        };
        Self {
            content: Some(content),
        }
    }
}

impl From<ReplicaReport> for proto::Report {
    fn from(message: ReplicaReport) -> Self {
        let report = message.report;
        let buckets: Vec<(u8, u32)> = report.latency.map(Into::into).unwrap_or_default();
        Self {
            sequence: report.sequence,
            age_seconds: report.age_seconds,
            seconds: report.seconds,
            request_seconds: report.request_seconds,
            waiting_seconds: report.waiting_seconds,
            requests: report.requests,
            refused: report.refused,
            in_flight: report.in_flight,
            latency: buckets
                .into_iter()
                .map(|(bucket, count)| proto::LatencyBucket {
                    bucket: bucket.into(),
                    count,
                })
                .collect(),
            ready: message.ready,
            draining: message.draining,
        }
    }
}

impl From<Hello> for proto::Upward {
    fn from(message: Hello) -> Self {
        use proto::hello::Who as Sent;
        let who = match message.who {
            Who::Queue {
                workload,
                pod,
                address,
            } => Sent::Queue(proto::Queue {
                workload: Some(workload.into()),
                pod,
                address: address.to_string(),
            }),
            Who::Gateway { namespace, pod } => Sent::Gateway(proto::Gateway { namespace, pod }),
        };
        Self {
            content: Some(proto::upward::Content::Hello(proto::Hello {
                version: message.version,
                software: message.software,
                token: message.token,
                who: Some(who),
            })),
        }
    }
}

impl From<Workload> for proto::Workload {
    fn from(workload: Workload) -> Self {
        let kind = match workload.kind {
            WorkloadKind::Revision => "Revision",
            WorkloadKind::Autoscaler => "Autoscaler",
        };
        Self {
            namespace: workload.namespace,
            kind: kind.to_owned(),
            name: workload.name,
        }
    }
}

impl From<Downward> for proto::Downward {
    fn from(message: Downward) -> Self {
        use proto::downward::Content;
        let content = match message {
            Downward::Pace(message) => Content::Pace(proto::Pace {
                interval_millis: whole_millis(message.interval),
                burst_threshold: message.burst_threshold,
                workload: message.workload.map(Into::into),
            }),
            Downward::Replica(message) => Content::Replica(proto::Replica {
                workload: Some(message.workload.into()),
                pod: message.pod,
                address: message.address.to_string(),
                ready: message.ready,
            }),
        };
        Self {
            content: Some(content),
        }
    }
}

/// At least 1: an interval of nothing is none.
pub(crate) fn whole_millis(interval: Duration) -> u32 {
    u32::try_from(interval.as_millis())
        .unwrap_or(u32::MAX)
        .max(1)
}

#[cfg(test)]
#[path = "convert_tests.rs"]
mod tests;
