// SPDX-License-Identifier: Apache-2.0
use std::{net::SocketAddr, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode, header};
use http_body_util::Empty;
use tokio::time::timeout;

use super::{
    Answer, Plan, Target,
    answer::Reader,
    connection::{Connection, silent},
    parked::Parked,
};
use crate::{Unread, exposition::ACCEPT};

/// The longest page that is read.
pub const LONGEST_PAGE: usize = 16 * 1024 * 1024;

/// How long one read may take, from its connection to the last byte.
pub(super) const LIMIT: Duration = Duration::from_secs(1);

/// Reads one replica. Also gives how many bytes of its answer were read.
pub(super) async fn fetch(
    address: SocketAddr,
    target: &Target,
    parked: &Parked,
) -> (Result<Answer, Unread>, usize) {
    let mut bytes = 0;
    let whole = exchange(address, target, parked, &mut bytes);
    let result = match timeout(LIMIT, whole).await {
        Ok(result) => result,
        Err(_) => Err(Unread::Silent(format!("none in {LIMIT:?}"))),
    };
    (result, bytes)
}

async fn exchange(
    address: SocketAddr,
    target: &Target,
    parked: &Parked,
    count: &mut usize,
) -> Result<Answer, Unread> {
    let secure = target.endpoint.https.is_some();
    let kept = parked.take(address, secure);
    let mut sent = None;
    if let Some(mut connection) = kept {
        // The other side may have closed it: then another is tried.
        if let Ok(answer) = connection.send(request(address, target)?).await {
            sent = Some((connection, answer));
        }
    }
    let (mut connection, answer) = match sent {
        Some(sent) => sent,
        None => {
            let mut connection = Connection::open(address, target).await?;
            let answer = connection.send(request(address, target)?).await;
            (connection, answer.map_err(silent)?)
        }
    };
    let (head, mut body) = answer.into_parts();
    if head.status.is_redirection() {
        return Err(redirect(&head.headers));
    }
    if head.status != StatusCode::OK {
        return Err(Unread::Status(head.status.as_u16()));
    }
    let kind = head.headers.get(header::CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or("");
    let mut reader = Reader::new(&target.plan, kind)?;
    while let Some(bytes) = connection.next(&mut body).await {
        let bytes = bytes?;
        *count += bytes.len();
        if *count > LONGEST_PAGE {
            return Err(Unread::TooLong(LONGEST_PAGE));
        }
        reader.feed(&bytes)?;
    }
    let result = reader.finish();
    if connection.is_reusable().await {
        parked.put(address, secure, connection);
    }
    result
}

fn redirect(headers: &HeaderMap) -> Unread {
    let to = headers
        .get(header::LOCATION)
        .and_then(|to| to.to_str().ok());
    Unread::Redirect(to.unwrap_or("somewhere").chars().take(200).collect())
}

fn request(address: SocketAddr, target: &Target) -> Result<Request<Empty<Bytes>>, Unread> {
    let accept = match &target.plan {
        Plan::Page(_) | Plan::Value(_) => ACCEPT,
        Plan::App(_) => "application/json, text/plain;version=0.0.4;q=0.5",
        Plan::StubStatus => "text/plain",
        Plan::Knative => "application/protobuf",
    };
    Request::get(&target.endpoint.path)
        .header(header::HOST, address.to_string())
        .header(header::ACCEPT, accept)
        .header(header::USER_AGENT, "cheerful")
        .body(Empty::new())
        .map_err(|error| Unread::Setup(format!("path {:?}: {error}", target.endpoint.path)))
}
