// SPDX-License-Identifier: Apache-2.0
use std::{borrow::Cow, future::Future, sync::Arc, time::Duration};

use http::StatusCode;

use crate::Upstream;

/// Decides for each request where it goes. The gateway and the queue each are one.
pub trait Choose: Send + Sync + 'static {
    /// What a request holds from the choice until the last byte of its response.
    type Place: Place;
    /// Finds a place, waiting for one if need be. Dropping the future gives the place in the line back
    /// (the client has left). Called again after a failure when the request can be replayed.
    ///
    /// # Errors
    /// An [`Answer`] to give in place of forwarding: 503 with Retry-After, 404, a health check at zero.
    fn choose(
        &self,
        request: &http::request::Parts,
        attempt: Attempt<'_>,
    ) -> impl Future<Output = Result<Self::Place, Answer>> + Send;
}

/// Which try this is, and where the earlier ones went.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs)]
pub struct Attempt<'a> {
    /// 0 for the first.
    pub number: u32,
    /// Upstreams that refused this request.
    pub failed: &'a [Arc<Upstream>],
    /// The client's address, as the connection gives it; `None` on a Unix socket.
    pub client: Option<std::net::SocketAddr>,
}

/// A place in a replica. It is dropped when the response has ended, or the client or the replica has gone:
/// dropping it ends the accounting and lets the next request in.
pub trait Place: Send + Sync + 'static {
    /// Where to send the request.
    fn upstream(&self) -> &Arc<Upstream>;
    /// How long the request waited for a cold start, to be told in `Server-Timing`; `None` if it did not.
    fn waited(&self) -> Option<Duration> {
        None
    }
    /// The limits that hold for this request.
    fn time_limits(&self) -> TimeLimits;
    /// The head of its response has come, whatever its status.
    fn answered(&self) {}
    /// The request has become an upgraded connection (a WebSocket), and holds its place until that ends.
    fn upgraded(&self) {}
    /// The upstream did not take the request.
    fn failed(&self, _failure: &Failure) {}
}

/// How long what may take. Zero: no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeLimits {
    /// To connect to a replica.
    pub connect: Duration,
    /// From the end of sending the request's head to the first byte of the response: 504.
    pub first_byte: Duration,
    /// Without a byte in either direction.
    pub idle: Duration,
    /// The whole request, waiting in a line included.
    pub whole: Duration,
}

impl Default for TimeLimits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            first_byte: Duration::from_secs(300),
            idle: Duration::ZERO,
            whole: Duration::from_secs(300),
        }
    }
}

/// A response made here.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// Goes into a `Retry-After` header, in whole seconds, rounded up.
    pub retry_after: Option<Duration>,
    /// One line for a person, without internals. Sent as `text/plain`.
    pub text: Cow<'static, str>,
}

/// Why an upstream did not answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// No connection: nothing listens there.
    Refused,
    /// No connection within the limit.
    ConnectTimeout,
    /// The connection ended before a byte of the response.
    Closed,
    /// What came was no HTTP response.
    NotHttp,
    /// No first byte within the limit.
    FirstByteTimeout,
}
