// SPDX-License-Identifier: Apache-2.0
use std::time::Duration;

use cheerful_signals::Unread;
use http::{Request, header};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Status;
use kube::{Client, client::Body};
use serde::de::DeserializeOwned;
use tokio::time::timeout;

/// The longest answer that is read: some 30,000 pods.
const LONGEST: usize = 16 * 1024 * 1024;
/// For one answer.
pub(super) const LIMIT: Duration = Duration::from_secs(10);
/// Of what people are told of another's words.
const MOST_WORDS: usize = 300;

/// Asks the API server for one of the APIs of metrics, with our own rights.
///
/// # Errors
/// What it says in place of an answer; none in time; one that is too long, or not of the form that was asked for.
pub(crate) async fn get<T: DeserializeOwned>(client: &Client, path: &str) -> Result<T, Unread> {
    match timeout(LIMIT, exchange(client, path)).await {
        Ok(answer) => answer,
        Err(_) => Err(Unread::Silent(format!("none in {LIMIT:?}"))),
    }
}

async fn exchange<T: DeserializeOwned>(client: &Client, path: &str) -> Result<T, Unread> {
    let request = Request::get(path)
        .header(header::ACCEPT, "application/json")
        .body(Body::empty())
        .map_err(|error| Unread::Setup(format!("{path:?}: {error}")))?;
    let answer = client.send(request).await.map_err(silent)?;
    let (head, body) = answer.into_parts();
    if head.status.is_redirection() {
        let to = head.headers.get(header::LOCATION);
        let to = to.and_then(|to| to.to_str().ok()).unwrap_or("somewhere");
        return Err(Unread::Redirect(short(to)));
    }
    let body = match Limited::new(body, LONGEST).collect().await {
        Ok(whole) => whole.to_bytes(),
        Err(error) if error.is::<LengthLimitError>() => return Err(Unread::TooLong(LONGEST)),
        Err(error) => return Err(silent(error)),
    };
    if head.status != 200 {
        let told = serde_json::from_slice::<Status>(&body).ok();
        return Err(match told.and_then(|status| status.message) {
            Some(message) => {
                Unread::Refused(short(&format!("{}: {message}", head.status.as_u16())))
            }
            None => Unread::Status(head.status.as_u16()),
        });
    }
    serde_json::from_slice(&body).map_err(|error| Unread::Malformed(short(&error.to_string())))
}

/// As a part of a path or a query.
pub(crate) fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

fn silent(error: impl std::fmt::Display) -> Unread {
    Unread::Silent(short(&error.to_string()))
}

fn short(text: &str) -> String {
    let line = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    line.take(MOST_WORDS).collect()
}
