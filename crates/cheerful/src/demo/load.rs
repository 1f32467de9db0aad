// SPDX-License-Identifier: Apache-2.0
//! An open-loop load: requests start at a given rate, whether or not earlier ones were answered, as
//! they do when many people use a service. So a slow answer cannot hide the wait of those behind it.
use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use hdrhistogram::Histogram;
use http_body_util::{BodyExt as _, Empty};
use hyper::{
    Request, StatusCode,
    client::conn::http1::{self, SendRequest},
    header::HOST,
};
use hyper_util::rt::TokioIo;
use tokio::{
    net::TcpStream,
    sync::Semaphore,
    task::JoinSet,
    time::{Instant, sleep_until},
};

/// Requests in flight at a time; one that would be more waits, and its wait counts as latency.
const MOST_IN_FLIGHT: usize = 2048;
/// The longest latency that is told apart, in microseconds: ten minutes.
const LONGEST_MICROS: u64 = 600_000_000;

/// A load on one address of this machine. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Load {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    address: SocketAddr,
    room: Semaphore,
    in_flight: AtomicU64,
    /// Connections without a request, the last used on top.
    idle: Mutex<Vec<SendRequest<Empty<Bytes>>>>,
    /// What drives the connections.
    drivers: Mutex<JoinSet<()>>,
    tally: Mutex<Tally>,
}

/// What the requests so far came to.
#[derive(Clone, Debug)]
pub(crate) struct Tally {
    /// Answers with 200 and a whole body.
    pub(crate) answered: u64,
    /// All others.
    pub(crate) failed: u64,
    /// Why the first one failed.
    pub(crate) first_failure: Option<String>,
    /// From the moment a request was due to the last byte of its answer, in microseconds.
    pub(crate) latencies: Histogram<u64>,
}

impl Load {
    /// A load that sends to this address. Nothing is sent yet.
    pub(crate) fn new(address: SocketAddr) -> Self {
        let shared = Shared {
            address,
            room: Semaphore::new(MOST_IN_FLIGHT),
            in_flight: AtomicU64::new(0),
            idle: Mutex::default(),
            drivers: Mutex::default(),
            tally: Mutex::new(Tally::default()),
        };
        Self {
            shared: Arc::new(shared),
        }
    }

    /// Requests under way.
    pub(crate) fn in_flight(&self) -> u64 {
        self.shared.in_flight.load(Ordering::Relaxed)
    }

    /// What came of the requests so far.
    pub(crate) fn tally(&self) -> Tally {
        lock(&self.shared.tally).clone()
    }

    /// Sends `rate` requests a second for so long, then waits for the last answer. They come as from
    /// many people who know nothing of each other: the gaps are exponential (a Poisson process). The
    /// same `seed` gives the same gaps. `at_once` more are sent at the beginning, all together.
    pub(crate) async fn phase(&self, rate: f64, length: Duration, seed: u64, at_once: u32) {
        let mut gaps = Gaps {
            state: seed | 1,
            rate,
        };
        let mut requests = JoinSet::new();
        let begun = Instant::now();
        for _ in 0..at_once {
            let load = self.clone();
            requests.spawn(async move { load.request(begun).await });
        }
        let mut due = begun + gaps.next();
        while due < begun + length {
            sleep_until(due).await;
            let load = self.clone();
            requests.spawn(async move { load.request(due).await });
            while requests.try_join_next().is_some() {}
            due += gaps.next();
        }
        requests.join_all().await;
    }

    /// Sends one request that is due now; the time until its whole answer was there, or why there was none.
    pub(crate) async fn one(&self) -> Result<Duration, String> {
        let due = Instant::now();
        self.request(due).await
    }

    async fn request(&self, due: Instant) -> Result<Duration, String> {
        let shared = &*self.shared;
        // The line is never closed.
        let _place = shared.room.acquire().await.ok();
        shared.in_flight.fetch_add(1, Ordering::Relaxed);
        let answer = shared.exchange().await;
        shared.in_flight.fetch_sub(1, Ordering::Relaxed);
        let latency = due.elapsed();
        let mut tally = lock(&shared.tally);
        match answer {
            Ok(()) => {
                tally.answered += 1;
                let micros = u64::try_from(latency.as_micros()).unwrap_or(LONGEST_MICROS);
                tally.latencies.saturating_record(micros);
                Ok(latency)
            }
            Err(why) => {
                tally.failed += 1;
                tally.first_failure.get_or_insert_with(|| why.clone());
                Err(why)
            }
        }
    }
}

impl Shared {
    /// One request and its whole answer, over a connection that is kept when it can be.
    async fn exchange(&self) -> Result<(), String> {
        let kept = {
            let mut idle = lock(&self.idle);
            idle.retain(|connection| !connection.is_closed());
            idle.pop()
        };
        if let Some(mut connection) = kept {
            match self.send(&mut connection).await {
                // It was closed between two requests, before a byte of this one was sent.
                Err(error) if error.is_canceled() => {}
                Err(error) => return Err(error.to_string()),
                Ok(answer) => return self.finish(connection, answer),
            }
        }
        let mut connection = self.connect().await?;
        let answer = self
            .send(&mut connection)
            .await
            .map_err(|error| error.to_string())?;
        self.finish(connection, answer)
    }

    async fn connect(&self) -> Result<SendRequest<Empty<Bytes>>, String> {
        let stream = TcpStream::connect(self.address)
            .await
            .map_err(|error| error.to_string())?;
        stream
            .set_nodelay(true)
            .map_err(|error| error.to_string())?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|error| error.to_string())?;
        let mut drivers = lock(&self.drivers);
        while drivers.try_join_next().is_some() {}
        // How a connection ended shows in its requests.
        drivers.spawn(async move { drop(connection.await) });
        Ok(sender)
    }

    async fn send(
        &self,
        connection: &mut SendRequest<Empty<Bytes>>,
    ) -> Result<StatusCode, hyper::Error> {
        connection.ready().await?;
        let mut request = Request::new(Empty::new());
        if let Ok(host) = self.address.to_string().parse() {
            request.headers_mut().insert(HOST, host);
        }
        let response = connection.send_request(request).await?;
        let status = response.status();
        response.into_body().collect().await?;
        Ok(status)
    }

    fn finish(
        &self,
        connection: SendRequest<Empty<Bytes>>,
        status: StatusCode,
    ) -> Result<(), String> {
        lock(&self.idle).push(connection);
        if status == StatusCode::OK {
            Ok(())
        } else {
            Err(format!("answered {status}"))
        }
    }
}

impl Default for Tally {
    fn default() -> Self {
        #[expect(
            clippy::expect_used,
            reason = "1 <= 1, 600 s >= 2 x 1 us, and 3 digits <= 5"
        )]
        let latencies = Histogram::new_with_bounds(1, LONGEST_MICROS, 3).expect("bounds are right");
        Self {
            answered: 0,
            failed: 0,
            first_failure: None,
            latencies,
        }
    }
}

/// The gaps of a Poisson process.
struct Gaps {
    /// Of a xorshift64 generator (Marsaglia 2003); never 0.
    state: u64,
    rate: f64,
}

impl Gaps {
    fn next(&mut self) -> Duration {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        #[expect(clippy::cast_precision_loss, reason = "52 bits fit")]
        let uniform = ((self.state >> 12) as f64 + 0.5) / (1_u64 << 52) as f64;
        Duration::from_secs_f64(-uniform.ln() / self.rate)
    }
}

/// Nothing that could panic runs under these locks.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::TcpListener,
    };

    use super::*;

    #[test]
    fn gaps_have_the_mean_and_the_spread_of_a_poisson_process() {
        let mut gaps = Gaps {
            state: 7,
            rate: 50.0,
        };
        let drawn: Vec<f64> = (0..20_000).map(|_| gaps.next().as_secs_f64()).collect();
        let mean = drawn.iter().sum::<f64>() / 20_000.0;
        let variance = drawn.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / 20_000.0;
        assert!((mean - 0.02).abs() < 0.0006, "{mean}");
        assert!((variance.sqrt() - 0.02).abs() < 0.001, "{variance}");
    }

    #[tokio::test]
    async fn answers_and_failures_are_counted() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let load = Load::new(listener.local_addr().unwrap());
        let mut server = JoinSet::new();
        server.spawn(async move {
            // Each connection: one good answer, one that says no, then it closes within an answer.
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut head = [0; 1024];
                for answer in [
                    "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok",
                    "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n",
                    "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\no",
                ] {
                    assert!(stream.read(&mut head).await.unwrap() > 0);
                    stream.write_all(answer.as_bytes()).await.unwrap();
                }
            }
        });
        assert!(load.one().await.is_ok());
        assert_eq!(
            load.one().await.unwrap_err(),
            "answered 503 Service Unavailable"
        );
        assert!(load.one().await.is_err());
        assert!(load.one().await.is_ok(), "a new connection is made");
        let tally = load.tally();
        assert_eq!(
            (tally.answered, tally.failed, tally.latencies.len()),
            (2, 2, 2)
        );
        assert_eq!(
            tally.first_failure.as_deref(),
            Some("answered 503 Service Unavailable")
        );
        assert_eq!(load.in_flight(), 0);
    }

    #[tokio::test]
    async fn nobody_there_is_a_failure() {
        let address = TcpListener::bind("127.0.0.1:0")
            .await
            .unwrap()
            .local_addr()
            .unwrap();
        assert!(Load::new(address).one().await.is_err());
    }
}
