// SPDX-License-Identifier: Apache-2.0
use std::{
    convert::Infallible,
    future::{Future, poll_fn},
    pin::pin,
    sync::Arc,
    task::Poll,
};

use http::{
    HeaderValue, Method, Request, Response, StatusCode, Uri, Version,
    header::{CONNECTION, HOST, UPGRADE},
    request::Parts,
};
use hyper::{
    body::{Body, Incoming},
    upgrade::OnUpgrade,
};
use tokio::time::Instant;

use crate::{
    Drain, answer,
    body::{Held, RequestBody, ResponseBody, Upload},
    choose::{Answer, Attempt, Choose, Failure, Place},
    client::{Busy, Client, Upgrade},
    framing::Refusal,
    headers,
    limits::{Deadlines, Passed},
    retry::{self, Next},
    tunnel::Tunnel,
    upstream::{SendError, Sender, Upstream},
};

/// One request and its response.
pub(crate) async fn exchange<C: Choose>(
    choose: Arc<C>,
    client: Arc<Client>,
    drain: Drain,
    mut request: Request<Incoming>,
) -> Result<Response<ResponseBody<C::Place>>, Infallible> {
    if let Some(refusal) = client.call() {
        return Ok(answer::refuse(refusal));
    }
    let switch = request
        .headers()
        .contains_key(UPGRADE)
        .then(|| hyper::upgrade::on(&mut request));
    let (parts, body) = request.into_parts();
    if parts.method == Method::CONNECT {
        return Ok(answer::refuse(Refusal::Connect));
    }
    let upload = (!body.is_end_stream()).then(|| Upload::new(body));
    let begun = Instant::now();
    let asked = switch.is_some();
    let one_at_a_time = parts.version != Version::HTTP_2;
    let upgrade = switch.filter(|_| headers::asks_upgrade(&parts));
    let busy = Busy::new(&client);
    let exchange = Exchange {
        choose: &*choose,
        client,
        parts,
        upload,
        begun,
        upgrade,
        busy,
    };
    let client = Arc::clone(&exchange.client);
    let mut response = exchange.run().await.unwrap_or_else(answer::respond);
    let switched = response.status() == StatusCode::SWITCHING_PROTOCOLS;
    if asked && !switched {
        client.decide_upgrade(Upgrade::Declined);
    }
    if one_at_a_time && !switched && drain.is_announced() {
        response
            .headers_mut()
            .insert(CONNECTION, HeaderValue::from_static("close"));
    }
    Ok(response)
}

struct Exchange<'a, C: Choose> {
    choose: &'a C,
    client: Arc<Client>,
    parts: Parts,
    upload: Option<Arc<Upload>>,
    begun: Instant,
    /// Asked for by the client.
    upgrade: Option<OnUpgrade>,
    busy: Busy,
}

impl<C: Choose> Exchange<'_, C> {
    async fn run(self) -> Result<Response<ResponseBody<C::Place>>, Answer> {
        let mut failed: Vec<Arc<Upstream>> = Vec::new();
        let mut number = 0;
        loop {
            let attempt = Attempt {
                number,
                failed: &failed,
                client: self.client.address,
            };
            let place = self.choose.choose(&self.parts, attempt).await?;
            let mut deadlines =
                Deadlines::new(place.time_limits(), self.begun, Arc::clone(&self.client));
            match self.on_one(&place, &mut deadlines, number).await {
                Ok((response, sender)) => return self.respond(response, place, deadlines, sender),
                Err((answer, next)) => {
                    if next != Next::Other {
                        return Err(answer);
                    }
                    failed.push(Arc::clone(place.upstream()));
                    number += 1;
                }
            }
        }
    }

    /// Sends the request to one replica: on a kept connection, and if that was stale on a new one.
    async fn on_one(
        &self,
        place: &C::Place,
        deadlines: &mut Deadlines,
        number: u32,
    ) -> Result<(Response<Incoming>, Sender), (Answer, Next)> {
        let mut fresh = false;
        loop {
            let (error, reused) = match self.once(place, deadlines, fresh).await {
                Ok(answered) => return Ok(answered),
                Err(Lost::Passed(passed)) => {
                    place.failed(&Failure::FirstByteTimeout);
                    tracing::debug!(?passed, "a limit has passed before the response began");
                    return Err((answer::passed(), Next::GiveUp));
                }
                Err(Lost::NotSent(error, reused)) => (error, reused),
            };
            if self
                .upload
                .as_ref()
                .is_some_and(|upload| upload.has_failed())
            {
                return Err((answer::bad_body(), Next::GiveUp));
            }
            let replayable = self
                .upload
                .as_ref()
                .is_none_or(|upload| !upload.has_begun());
            let next = retry::next(&error, &self.parts.method, replayable, reused, number);
            if next == Next::SameOnFresh && !fresh {
                fresh = true;
                continue;
            }
            if error.failure == Failure::NotHttp
                && replayable
                && place
                    .upstream()
                    .is_http2_after_all(place.time_limits().connect)
                    .await
            {
                continue;
            }
            place.failed(&error.failure);
            return Err((answer::failed(error.failure), next));
        }
    }

    async fn once(
        &self,
        place: &C::Place,
        deadlines: &mut Deadlines,
        fresh: bool,
    ) -> Result<(Response<Incoming>, Sender), Lost> {
        let limits = place.time_limits();
        // An upgrade is asked for in HTTP/1.1's way only.
        let http2 = self.parts.version == Version::HTTP_2 && self.upgrade.is_none();
        let mut connection = pin!(place.upstream().connection(http2, fresh, limits.connect));
        let connected = self
            .within(deadlines, connection.as_mut())
            .await
            .map_err(Lost::Passed)?;
        let (mut sender, reused) = connected.map_err(|failure| {
            Lost::NotSent(
                SendError {
                    failure,
                    sent: false,
                },
                false,
            )
        })?;
        let request = self.request(sender.is_http2());
        deadlines.sent();
        let response = {
            let mut response = pin!(sender.send(request));
            self.within(deadlines, response.as_mut())
                .await
                .map_err(Lost::Passed)?
        };
        let response = response.map_err(|error| Lost::NotSent(error, reused))?;
        Ok((response, sender))
    }

    async fn within<F: Future + Unpin>(
        &self,
        deadlines: &mut Deadlines,
        mut future: F,
    ) -> Result<F::Output, Passed> {
        let mut seen = 0;
        poll_fn(|cx| {
            if let Poll::Ready(output) = std::pin::Pin::new(&mut future).poll(cx) {
                return Poll::Ready(Ok(output));
            }
            deadlines
                .poll_passed(cx, || {
                    let frames = self.upload.as_ref().map_or(0, |upload| upload.frames());
                    std::mem::replace(&mut seen, frames) != frames
                })
                .map(Err)
        })
        .await
    }

    /// The request as it goes on; made anew for each try.
    fn request(&self, http2: bool) -> Request<RequestBody> {
        let body = self.upload.as_ref().map_or(RequestBody::Empty, |upload| {
            RequestBody::Stream(Arc::clone(upload))
        });
        let mut request = Request::new(body);
        *request.method_mut() = self.parts.method.clone();
        let mut headers = headers::onward(&self.parts, &self.client, self.upgrade.is_some());
        let uri = if http2 {
            let host = headers.remove(HOST);
            *request.version_mut() = Version::HTTP_2;
            full_uri(
                &self.parts.uri,
                host.as_ref().and_then(|host| host.to_str().ok()),
            )
        } else {
            origin_form(&self.parts.uri)
        };
        *request.uri_mut() = uri;
        *request.headers_mut() = headers;
        request
    }

    fn respond(
        self,
        response: Response<Incoming>,
        place: C::Place,
        mut deadlines: Deadlines,
        sender: Sender,
    ) -> Result<Response<ResponseBody<C::Place>>, Answer> {
        let (mut parts, incoming) = response.into_parts();
        let switched = parts.status == StatusCode::SWITCHING_PROTOCOLS;
        if switched && self.upgrade.is_none() {
            place.failed(&Failure::NotHttp);
            return Err(answer::failed(Failure::NotHttp));
        }
        deadlines.responded();
        place.answered();
        parts.version = Version::HTTP_11;
        headers::back(&mut parts.headers, switched, place.waited());
        if let Some(client) = self.upgrade.filter(|_| switched) {
            let mut response = Response::from_parts(parts, incoming);
            let upstream = hyper::upgrade::on(&mut response);
            let idle = deadlines.idle();
            place.upgraded();
            self.client.set_tunnel(Tunnel {
                client,
                upstream,
                place: Box::new(place),
                idle,
            });
            self.client.decide_upgrade(Upgrade::Switched);
            return Ok(response.map(|_| ResponseBody::empty()));
        }
        let upload_frames = self.upload.as_ref().map_or(0, |upload| upload.frames());
        let held = Held {
            place,
            deadlines,
            upload: self.upload,
            upload_frames,
            sender,
            _busy: self.busy,
        };
        Ok(Response::from_parts(
            parts,
            ResponseBody::Forwarded {
                incoming,
                held: Some(held),
            },
        ))
    }
}

/// A request that has no response.
enum Lost {
    Passed(Passed),
    NotSent(SendError, bool),
}

/// What an HTTP/1.1 server is asked for: path and query, byte for byte, or `*`.
fn origin_form(uri: &Uri) -> Uri {
    if uri.authority().is_none() {
        return uri.clone();
    }
    uri.path_and_query()
        .and_then(|path| Uri::try_from(path.as_str()).ok())
        .unwrap_or_else(|| Uri::from_static("/"))
}

/// HTTP/2 names the host in the request's target.
fn full_uri(uri: &Uri, host: Option<&str>) -> Uri {
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    Uri::builder()
        .scheme("http")
        .authority(host.unwrap_or("localhost"))
        .path_and_query(path)
        .build()
        .unwrap_or_else(|_| uri.clone())
}
