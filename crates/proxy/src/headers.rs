// SPDX-License-Identifier: Apache-2.0
use std::{net::IpAddr, time::Duration};

use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Version,
    header::{
        CONNECTION, FORWARDED, HOST, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE,
        TRANSFER_ENCODING, UPGRADE,
    },
    request::Parts,
};

use crate::client::Client;

const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
const PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");
const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");
const HTTP2_SETTINGS: HeaderName = HeaderName::from_static("http2-settings");

/// The headers with which a request goes on: those of this hop left out, where it came from added.
/// `X-Forwarded-Proto` and `-Host` are kept when a proxy before us has set them.
pub(crate) fn onward(request: &Parts, client: &Client, upgrade: bool) -> HeaderMap {
    let named = named_by_connection(&request.headers);
    let mut onward = HeaderMap::with_capacity(request.headers.len() + 6);
    for (name, value) in &request.headers {
        if is_of_this_hop(name) || named.iter().flatten().any(|named| named == name) {
            continue;
        }
        onward.append(name.clone(), value.clone());
    }
    if accepts_trailers(&request.headers) {
        onward.insert(TE, HeaderValue::from_static("trailers"));
    }
    if upgrade && let Some(protocol) = request.headers.get(UPGRADE) {
        onward.insert(UPGRADE, protocol.clone());
        onward.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    }
    // The target's authority outranks Host (RFC 9112, 3.2.2); HTTP/2 has no Host at all.
    if let Some(authority) = request.uri.authority()
        && let Ok(host) = HeaderValue::from_str(authority.as_str())
    {
        onward.insert(HOST, host);
    }
    let host = onward.get(HOST).cloned();
    if let Some(address) = client.address_text() {
        append_to_list(&mut onward, X_FORWARDED_FOR, address);
    }
    append_to_list(&mut onward, FORWARDED, client.forwarded(host.as_ref()));
    onward
        .entry(X_FORWARDED_PROTO)
        .or_insert_with(|| HeaderValue::from_static(if client.secure { "https" } else { "http" }));
    if let Some(host) = host {
        onward.entry(X_FORWARDED_HOST).or_insert(host);
    }
    onward
}

/// Takes what belongs to the hop behind us out of a response's headers, and tells of a cold start.
pub(crate) fn back(headers: &mut HeaderMap, switched: bool, waited: Option<Duration>) {
    let protocol = if switched {
        headers.get(UPGRADE).cloned()
    } else {
        None
    };
    for name in named_by_connection(headers).into_iter().flatten() {
        headers.remove(name);
    }
    for name in [
        CONNECTION,
        KEEP_ALIVE,
        PROXY_CONNECTION,
        TRANSFER_ENCODING,
        UPGRADE,
    ] {
        headers.remove(name);
    }
    if switched {
        headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
        if let Some(protocol) = protocol {
            headers.insert(UPGRADE, protocol);
        }
    }
    if let Some(waited) = waited
        && let Ok(value) =
            HeaderValue::from_maybe_shared(format!("cold-start;dur={}", waited.as_millis()))
    {
        headers.append(SERVER_TIMING, value);
    }
}

/// Whether the client asks for another protocol on this connection.
pub(crate) fn asks_upgrade(request: &Parts) -> bool {
    request.version == Version::HTTP_11
        && request.method != Method::CONNECT
        && request.headers.contains_key(UPGRADE)
        && connection_options(&request.headers).any(|option| option.eq_ignore_ascii_case("upgrade"))
}

/// The `Forwarded` element of one hop (RFC 7239).
pub(crate) fn forwarded_element(
    address: Option<IpAddr>,
    host: Option<&HeaderValue>,
    secure: bool,
) -> String {
    let mut element = match address {
        Some(IpAddr::V4(address)) => format!("for={address}"),
        Some(IpAddr::V6(address)) => format!("for=\"[{address}]\""),
        None => "for=unknown".to_owned(),
    };
    if let Some(host) = host.and_then(|host| host.to_str().ok())
        && !host.contains(['"', '\\'])
    {
        element.push_str(";host=\"");
        element.push_str(host);
        element.push('"');
    }
    element.push_str(if secure {
        ";proto=https"
    } else {
        ";proto=http"
    });
    element
}

fn is_of_this_hop(name: &HeaderName) -> bool {
    // Compared by the enum's tag for standard names, so this is cheap.
    *name == CONNECTION
        || *name == TE
        || *name == TRANSFER_ENCODING
        || *name == UPGRADE
        || *name == KEEP_ALIVE
        || *name == PROXY_CONNECTION
        || *name == PROXY_AUTHORIZATION
        || *name == PROXY_AUTHENTICATE
        || *name == HTTP2_SETTINGS
}

fn connection_options(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
}

/// The headers that `Connection` names; no allocation in the common case that there are none.
fn named_by_connection(headers: &HeaderMap) -> Option<Vec<HeaderName>> {
    let names: Vec<HeaderName> = connection_options(headers)
        .filter(|option| {
            !["close", "keep-alive", "upgrade", "te", "host", ""]
                .iter()
                .any(|known| option.eq_ignore_ascii_case(known))
        })
        .filter_map(|option| option.parse().ok())
        .collect();
    (!names.is_empty()).then_some(names)
}

fn accepts_trailers(headers: &HeaderMap) -> bool {
    headers
        .get_all(TE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|coding| coding.trim().eq_ignore_ascii_case("trailers"))
}

/// Adds an element at the end of a comma-separated list; several lines become one.
fn append_to_list(headers: &mut HeaderMap, name: HeaderName, element: HeaderValue) {
    if !headers.contains_key(&name) {
        headers.insert(name, element);
        return;
    }
    let mut list = Vec::new();
    for value in headers.get_all(&name) {
        list.extend_from_slice(value.as_bytes());
        list.extend_from_slice(b", ");
    }
    list.extend_from_slice(element.as_bytes());
    if let Ok(list) = HeaderValue::from_maybe_shared(list) {
        headers.insert(name, list);
    }
}
