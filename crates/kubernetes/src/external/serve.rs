// SPDX-License-Identifier: Apache-2.0
use std::{
    collections::BTreeMap,
    convert::Infallible,
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use http::{Method, Request, Response, StatusCode, header::CONTENT_TYPE};
use http_body_util::Full;
use hyper::{
    body::{Bytes, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use k8s_openapi::jiff::Timestamp;
use rustls::{
    RootCertStore, ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    server::WebPkiClientVerifier,
};
use serde_json::Value;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
    time::{sleep, timeout},
};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use super::{
    FrontProxy, Knows, Unknown,
    answer::{self, Asked, Metric},
    status::Status,
};
use crate::scaler::Certificate;

/// Answers the API server, and nobody else.
pub struct ExternalMetrics<K> {
    /// Who knows how much is asked for.
    pub knows: K,
    /// Our certificate: before there is one nobody is let in.
    pub certificate: watch::Receiver<Option<Certificate>>,
    /// Who is let in: before that is known nobody is.
    pub front_proxy: watch::Receiver<Option<FrontProxy>>,
    /// What happens is counted here.
    pub counts: Arc<ExternalMetricsCounts>,
}

/// How many answers there were, by what came of them: `answered`, `unknown`, `bad_request`, `not_known`, `forbidden`;
/// and connections that came to none: `handshake`.
#[derive(Debug, Default)]
pub struct ExternalMetricsCounts(Mutex<BTreeMap<&'static str, u64>>);

impl ExternalMetricsCounts {
    /// All of them, those that are zero too.
    #[must_use]
    pub fn snapshot(&self) -> BTreeMap<&'static str, u64> {
        let always = [
            "answered",
            "unknown",
            "bad_request",
            "not_known",
            "forbidden",
            "handshake",
        ];
        let mut all: BTreeMap<_, _> = always.into_iter().map(|reason| (reason, 0)).collect();
        let counted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.extend(counted.iter());
        all
    }

    fn add(&self, reason: &'static str) {
        let mut counted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *counted.entry(reason).or_default() += 1;
    }
}

/// Connections at once; an API server has one or two.
const MAX_CONNECTIONS: usize = 64;
const HANDSHAKE: Duration = Duration::from_secs(5);
const HEAD: Duration = Duration::from_secs(60);
const MAX_BUFFER_BYTES: usize = 16 * 1024;
/// After a failed accept, mostly for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

impl<K> fmt::Debug for ExternalMetrics<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExternalMetrics").finish_non_exhaustive()
    }
}

impl<K: Knows> ExternalMetrics<K> {
    /// Until `stop`.
    pub async fn serve(self, listener: TcpListener, stop: CancellationToken) {
        let this = Arc::new(self);
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                Some(_) = connections.join_next(), if !connections.is_empty() => {}
                accepted = listener.accept(), if connections.len() < MAX_CONNECTIONS => match accepted {
                    Ok((stream, _)) => {
                        connections.spawn(Arc::clone(&this).connection(stream));
                    }
                    Err(error) => {
                        tracing::warn!(%error, "external metrics: could not accept a connection");
                        sleep(ACCEPT_PAUSE).await;
                    }
                },
            }
        }
    }

    async fn connection(self: Arc<Self>, stream: TcpStream) {
        let let_in = match self.config() {
            Ok((config, front_proxy)) => {
                let acceptor = TlsAcceptor::from(Arc::new(config));
                match timeout(HANDSHAKE, acceptor.accept(stream)).await {
                    Ok(Ok(secured)) => Ok((secured, front_proxy)),
                    Ok(Err(error)) => Err(error.to_string()),
                    Err(_) => Err("the handshake took too long".to_owned()),
                }
            }
            Err(why) => Err(why),
        };
        let (secured, front_proxy) = match let_in {
            Ok(both) => both,
            Err(why) => {
                self.counts.add("handshake");
                return tracing::debug!("external metrics: {why}");
            }
        };
        let shown = secured.get_ref().1.peer_certificates();
        let is_server = shown
            .and_then(<[_]>::first)
            .is_some_and(|shown| front_proxy.is(shown));
        let this = &self;
        let service = service_fn(move |request: Request<Incoming>| async move {
            Ok::<_, Infallible>(this.respond(&request, is_server).await)
        });
        let served = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD)
            .max_buf_size(MAX_BUFFER_BYTES)
            .serve_connection(TokioIo::new(secured), service)
            .await;
        if let Err(error) = served {
            tracing::debug!(%error, "external metrics: connection ended");
        }
    }

    /// As certificates are now: the API server connects seldom, and each connection sees the newest.
    fn config(&self) -> Result<(ServerConfig, FrontProxy), String> {
        let front_proxy = self.front_proxy.borrow().clone();
        let front_proxy = front_proxy.ok_or("the front proxy's authority is not known yet")?;
        let ours = self.certificate.borrow().clone();
        let ours = ours.ok_or("there is no certificate yet")?;
        let text = |error: &dyn fmt::Display| error.to_string();
        let mut roots = RootCertStore::empty();
        for authority in front_proxy.authorities()? {
            roots.add(authority).map_err(|error| text(&error))?;
        }
        let provider = Arc::new(ring::default_provider());
        let verifier =
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
                .build()
                .map_err(|error| text(&error))?;
        let chain = CertificateDer::pem_slice_iter(ours.chain.as_bytes());
        let chain = (chain.collect::<Result<Vec<_>, _>>()).map_err(|error| text(&error))?;
        let key = PrivateKeyDer::from_pem_slice(ours.key.as_bytes());
        let key = key.map_err(|error| text(&error))?;
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| text(&error))?
            .with_client_cert_verifier(verifier)
            .with_single_cert(chain, key)
            .map_err(|error| text(&error))?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok((config, front_proxy))
    }

    async fn respond(&self, request: &Request<Incoming>, is_server: bool) -> Response<Full<Bytes>> {
        let answered = if is_server {
            self.answer(request).await
        } else {
            Err(Status {
                code: StatusCode::FORBIDDEN,
                reason: "forbidden",
                message: "only the API server is answered".to_owned(),
            })
        };
        let (code, json) = match answered {
            Ok(json) => {
                self.counts.add("answered");
                (StatusCode::OK, json)
            }
            Err(status) => {
                self.counts.add(status.reason);
                (status.code, status.json())
            }
        };
        let mut response = Response::new(Full::new(Bytes::from(json.to_string())));
        *response.status_mut() = code;
        let json = http::HeaderValue::from_static("application/json");
        response.headers_mut().insert(CONTENT_TYPE, json);
        response
    }

    async fn answer(&self, request: &Request<Incoming>) -> Result<Value, Status> {
        if request.method() != Method::GET {
            return Err(Status {
                code: StatusCode::METHOD_NOT_ALLOWED,
                ..Status::bad("should be GET")
            });
        }
        let uri = request.uri();
        let (metric, of) = match Asked::of(uri.path(), uri.query())? {
            Asked::Groups => return Ok(answer::groups()),
            Asked::Group => return Ok(answer::group()),
            Asked::Metrics => return Ok(answer::metrics()),
            Asked::Figure { metric, of } => (metric, of),
        };
        let figures = self.knows.figures(&of).await.map_err(|why| match &why {
            Unknown::NotThere(_) => Status::unknown(why.to_string()),
            Unknown::Now(_) => Status::not_known(why.to_string()),
        })?;
        let value = match metric {
            Metric::Wanted => f64::from(figures.wanted),
            Metric::InFlight => figures.in_flight.ok_or_else(|| {
                Status::bad(format!(
                    "no signal of {of} counts requests; should be cheerful_wanted_replicas"
                ))
            })?,
        };
        let at = Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        Ok(answer::figure(metric, &of, value, &at))
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
