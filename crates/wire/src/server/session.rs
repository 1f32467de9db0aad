// SPDX-License-Identifier: Apache-2.0
use std::{pin::pin, time::Duration};

use tokio::{
    sync::mpsc,
    time::{Instant, sleep_until, timeout},
};

use super::{
    Admit, Refusal, Session,
    accept::Server,
    metrics::{Place, count},
};
use crate::{
    Downward, Hello, VERSION, Who,
    convert::{Arrived, Unfit, arrived, whole_millis},
    end::{End, Fault},
    proto::{self, downward::Content},
};

/// Messages that wait to go down.
const DOWN: usize = 256;
/// For the one who speaks to be proved.
const ADMIT_LIMIT: Duration = Duration::from_secs(10);
/// For a message to be taken by the other side.
const SEND_LIMIT: Duration = Duration::from_secs(10);
/// For the last words.
const REFUSE_LIMIT: Duration = Duration::from_secs(1);

/// One stream, from its first message to its end.
pub(super) async fn run<A, E>(mut end: E, server: &Server<A>)
where
    A: Admit,
    E: End<In = proto::Upward, Out = proto::Downward>,
{
    let Err(ending) = converse(&mut end, server).await;
    let metrics = &server.metrics;
    let refusal = match ending {
        Ending::Gone | Ending::Stopped => None,
        Ending::NoHello => {
            count(&metrics.hello_timeouts);
            None
        }
        Ending::Idle => {
            count(&metrics.idle_timeouts);
            None
        }
        Ending::SlowReader => {
            count(&metrics.slow_readers);
            None
        }
        Ending::Fault(fault) => {
            match &fault {
                Fault::TooLarge(_) => count(&metrics.too_large),
                Fault::Garbage(_) => count(&metrics.garbage),
                Fault::Lost(_) => {}
            }
            (!matches!(fault, Fault::Lost(_))).then(|| Refusal {
                reason: "bad_report",
                text: fault.to_string(),
            })
        }
        Ending::Refused(refusal) => {
            metrics.refused(refusal.reason);
            Some(refusal)
        }
    };
    if let Some(refusal) = refusal {
        tracing::debug!(
            reason = refusal.reason,
            text = refusal.text,
            "a stream was refused"
        );
        let refused = Content::Refused(proto::Refused {
            reason: refusal.reason.to_owned(),
            text: refusal.text,
        });
        drop(timeout(REFUSE_LIMIT, end.send(down(refused))).await);
    }
    end.close().await;
}

/// Why a stream ended.
enum Ending {
    /// The other side ended it.
    Gone,
    /// This side stops.
    Stopped,
    NoHello,
    Idle,
    SlowReader,
    Fault(Fault),
    Refused(Refusal),
}

impl From<Refusal> for Ending {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<Unfit> for Ending {
    fn from(unfit: Unfit) -> Self {
        Self::Refused(Refusal {
            reason: "bad_report",
            text: unfit.to_string(),
        })
    }
}

async fn converse<A, E>(end: &mut E, server: &Server<A>) -> Result<std::convert::Infallible, Ending>
where
    A: Admit,
    E: End<In = proto::Upward, Out = proto::Downward>,
{
    let config = &server.config;
    let hello = tokio::select! {
        () = server.stop.cancelled() => return Err(Ending::Stopped),
        first = timeout(config.hello_timeout, end.receive()) => first_message(first)?,
    };
    let _place = enter(server)?;
    let version = VERSION.min(hello.version);
    let pod = match &hello.who {
        Who::Queue { pod, .. } | Who::Gateway { pod, .. } => pod.clone(),
    };
    let (down_sender, mut down_line) = mpsc::channel(DOWN);
    let admitted = tokio::select! {
        () = server.stop.cancelled() => return Err(Ending::Stopped),
        admitted = timeout(ADMIT_LIMIT, server.admit.admit(hello, down_sender)) => admitted,
    };
    let mut session = admitted.unwrap_or_else(|_| {
        Err(Refusal {
            reason: "unavailable",
            text: format!("who you are could not be proved within {ADMIT_LIMIT:?}"),
        })
    })?;
    let welcome = Content::Welcome(proto::Welcome {
        version,
        software: software(),
        interval_millis: whole_millis(server.admit.interval()),
    });
    send(end, down(welcome)).await?;
    count(&server.metrics.welcomed);

    // The timer is set again only when it fires: mostly a message has come by then.
    let mut last = Instant::now();
    let mut idle = pin!(sleep_until(last + config.idle_timeout));
    let mut down_open = true;
    loop {
        tokio::select! {
            () = server.stop.cancelled() => return Err(Ending::Stopped),
            message = end.receive() => {
                last = Instant::now();
                let message = message.map_err(Ending::Fault)?.ok_or(Ending::Gone)?;
                match arrived(message, &pod)? {
                    Arrived::Message(message) => {
                        count(&server.metrics.messages);
                        session.take(message).await?;
                    }
                    Arrived::Unknown => count(&server.metrics.unknown),
                    Arrived::Hello(_) => return Err(bad("Hello comes once, and first").into()),
                }
            }
            message = down_line.recv(), if down_open => match message {
                Some(message) => {
                    let message: Downward = message;
                    send(end, message.into()).await?;
                    count(&server.metrics.sent);
                }
                None => down_open = false,
            },
            () = idle.as_mut() => {
                let until = last + config.idle_timeout;
                if until <= Instant::now() {
                    return Err(Ending::Idle);
                }
                idle.as_mut().reset(until);
            }
        }
    }
}

type First = Result<Result<Option<proto::Upward>, Fault>, tokio::time::error::Elapsed>;

fn first_message(first: First) -> Result<Hello, Ending> {
    let message = first.map_err(|_| Ending::NoHello)?;
    let message = message.map_err(Ending::Fault)?.ok_or(Ending::Gone)?;
    let Arrived::Hello(hello) = arrived(message, "")? else {
        return Err(bad("the first message must be Hello").into());
    };
    if hello.version == 0 {
        return Err(Ending::Refused(Refusal {
            reason: "version",
            text: format!("version 0; it must be 1 or more, and {VERSION} is spoken here"),
        }));
    }
    Ok(hello)
}

fn enter<A>(server: &Server<A>) -> Result<Place, Refusal> {
    let most = server.config.max_streams;
    server.metrics.stream(most).ok_or_else(|| Refusal {
        reason: "too_many",
        text: format!("there are {most} streams already"),
    })
}

async fn send<E: End<Out = proto::Downward>>(
    end: &mut E,
    message: proto::Downward,
) -> Result<(), Ending> {
    match timeout(SEND_LIMIT, end.send(message)).await {
        Ok(sent) => sent.map_err(Ending::Fault),
        Err(_) => Err(Ending::SlowReader),
    }
}

fn bad(text: &str) -> Refusal {
    Refusal {
        reason: "bad_report",
        text: text.to_owned(),
    }
}

fn down(content: Content) -> proto::Downward {
    proto::Downward {
        content: Some(content),
    }
}

/// What this side is, for people.
pub(crate) fn software() -> String {
    format!("cheerful {}", env!("CARGO_PKG_VERSION"))
}
