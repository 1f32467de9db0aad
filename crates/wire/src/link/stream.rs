// SPDX-License-Identifier: Apache-2.0
use std::{convert::Infallible, net::SocketAddr, sync::Arc, time::Duration};

use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep, timeout, timeout_at};

use super::{
    backoff::{Backoff, random},
    connect::{ClientEnd, PING_INTERVAL, connect},
    director::token,
    shared::{Shared, Waiting, count},
};
use crate::{
    Hello, Upward, VERSION,
    convert::{Told, Unfit, told},
    end::{End, Fault},
    proto,
    server::software,
};

/// For the connection, the handshakes and the welcome together.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);
/// For a message to be taken.
const SEND_LIMIT: Duration = Duration::from_secs(10);
/// Something is said at least so often, for the other side ends a stream that is silent.
const SILENCE: Duration = Duration::from_secs(10);
/// A stream that was up for so long has worked: the next try after it comes soon.
const WORKED: Duration = Duration::from_secs(5);

/// Keeps a stream to an address for as long as the address is listed. Gives the address back.
pub(super) async fn keep_up(address: SocketAddr, shared: Arc<Shared>) -> SocketAddr {
    let mut backoff = Backoff::default();
    loop {
        let began = Instant::now();
        match once(address, &shared).await {
            Ended::Refused { reason, text } => {
                count(&shared.counted.refused);
                tracing::warn!(%address, reason, text, "an autoscaler refuses the reports");
            }
            Ended::Closed => tracing::debug!(%address, "an autoscaler ended the stream"),
            Ended::Failed(why) => {
                count(&shared.counted.failures);
                tracing::debug!(%address, why, "the stream to an autoscaler failed");
            }
        }
        if began.elapsed() >= WORKED + CONNECT_LIMIT {
            backoff.reset();
        }
        if !shared.listed.borrow().contains(&address) {
            return address;
        }
        sleep(backoff.next(random())).await;
        if !shared.listed.borrow().contains(&address) {
            return address;
        }
    }
}

/// An end whose other end is an autoscaler's.
trait Up: End<In = proto::Downward, Out = proto::Upward> {}
impl<E: End<In = proto::Downward, Out = proto::Upward>> Up for E {}

/// How a stream ended.
enum Ended {
    /// By the other side, as it does when it stops.
    Closed,
    Refused {
        reason: String,
        text: String,
    },
    Failed(String),
}

impl From<Fault> for Ended {
    fn from(fault: Fault) -> Self {
        Self::Failed(fault.to_string())
    }
}

impl From<Unfit> for Ended {
    fn from(unfit: Unfit) -> Self {
        Self::Failed(unfit.to_string())
    }
}

async fn once(address: SocketAddr, shared: &Arc<Shared>) -> Ended {
    let deadline = Instant::now() + CONNECT_LIMIT;
    match timeout_at(deadline, connect(address, shared)).await {
        Ok(Ok(ClientEnd::Grpc(end))) => live(end, deadline, address, shared).await,
        Ok(Ok(ClientEnd::WebSocket(end))) => live(end, deadline, address, shared).await,
        Ok(Err(fault)) => fault.into(),
        Err(_) => Ended::Failed(format!("no connection within {CONNECT_LIMIT:?}")),
    }
}

async fn live<E: Up>(
    mut end: E,
    deadline: Instant,
    address: SocketAddr,
    shared: &Arc<Shared>,
) -> Ended {
    let token = match timeout_at(deadline, greet(&mut end, shared)).await {
        Ok(Ok(token)) => token,
        Ok(Err(ended)) => return ended,
        Err(_) => return Ended::Failed(format!("no welcome within {CONNECT_LIMIT:?}")),
    };
    let Err(ended) = converse(&mut end, token, address, shared).await;
    // Perhaps the name has other addresses by now.
    shared.look_again.notify_one();
    end.close().await;
    ended
}

/// Says who it is and is welcomed. Gives the token that it has shown.
async fn greet<E: Up>(end: &mut E, shared: &Shared) -> Result<String, Ended> {
    let token = token(shared.config.token_file.as_deref())
        .await
        .map_err(|error| Ended::Failed(format!("the token cannot be read: {error}")))?;
    let hello = Hello {
        version: VERSION,
        software: software(),
        token: token.clone(),
        who: shared.config.who.clone(),
    };
    end.send(hello.into()).await?;
    loop {
        match next(end).await? {
            Told::Welcome { version: 0, .. } => {
                return Err(Ended::Failed("it speaks version 0".to_owned()));
            }
            Told::Welcome { interval, .. } => {
                count(&shared.counted.connects);
                shared.tell_welcome(interval);
                return Ok(token);
            }
            Told::Refused { reason, text } => return Err(Ended::Refused { reason, text }),
            Told::Message(_) | Told::Unknown => {}
        }
    }
}

async fn converse<E: Up>(
    end: &mut E,
    mut shown: String,
    address: SocketAddr,
    shared: &Arc<Shared>,
) -> Result<Infallible, Ended> {
    let (mut line, _place) = shared.line(address);
    let mut token = shared.token.subscribe();
    // What was read just now for this stream is at least as new as what others have read.
    token.borrow_and_update();
    let mut said = Instant::now();
    let mut beat = interval_at(said + PING_INTERVAL, PING_INTERVAL);
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            Some(waiting) = line.recv() => {
                send(end, aged(waiting)).await?;
                count(&shared.counted.sent);
                said = Instant::now();
            }
            Ok(()) = token.changed() => {
                let newest = token.borrow_and_update().clone();
                if newest != shown {
                    shown.clone_from(&newest);
                    send(end, Upward::Token(newest).into()).await?;
                }
            }
            _ = beat.tick() => {
                limited(end.keep_alive()).await?;
                if said.elapsed() >= SILENCE {
                    send(end, proto::Upward::default()).await?;
                    said = Instant::now();
                }
            }
            told = next(end) => match told? {
                Told::Message(message) => shared.tell(message),
                Told::Refused { reason, text } => return Err(Ended::Refused { reason, text }),
                Told::Welcome { .. } | Told::Unknown => {}
            }
        }
    }
}

/// A report says how long ago its interval ended: waiting in the line counts.
fn aged((since, mut message): Waiting) -> proto::Upward {
    if let Upward::Report(message) = &mut message {
        message.report.age_seconds += since.elapsed().as_secs_f64();
    }
    message.into()
}

async fn next<E: Up>(end: &mut E) -> Result<Told, Ended> {
    let message = end.receive().await?.ok_or(Ended::Closed)?;
    Ok(told(message)?)
}

async fn send<E: Up>(end: &mut E, message: proto::Upward) -> Result<(), Ended> {
    limited(end.send(message)).await
}

async fn limited(sending: impl Future<Output = Result<(), Fault>>) -> Result<(), Ended> {
    match timeout(SEND_LIMIT, sending).await {
        Ok(sent) => Ok(sent?),
        Err(_) => Err(Ended::Failed(format!(
            "it took no message for {SEND_LIMIT:?}"
        ))),
    }
}
