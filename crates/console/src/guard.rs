// SPDX-License-Identifier: Apache-2.0
use axum::{
    Router,
    extract::Request,
    http::{HeaderMap, StatusCode, header},
    middleware::{Next, from_fn},
    response::{IntoResponse, Response},
};

/// Lets in only who asks for this machine by a name that nobody else can hand out: `localhost` or a loopback address.
/// Else a page from anywhere could ask us through a person's browser, by a name of its own that suddenly means 127.0.0.1
/// (DNS rebinding).
pub fn guarded(router: Router) -> Router {
    router.layer(from_fn(check))
}

async fn check(request: Request, next: Next) -> Response {
    if is_for_us(request.headers()) {
        return next.run(request).await;
    }
    let text = "this is asked for by a name that is not this machine's; http://127.0.0.1 and http://localhost are right\n";
    (StatusCode::MISDIRECTED_REQUEST, text).into_response()
}

fn is_for_us(headers: &HeaderMap) -> bool {
    let mut hosts = headers.get_all(header::HOST).iter();
    match (hosts.next().map(|host| host.to_str()), hosts.next()) {
        (Some(Ok(host)), None) => is_loopback(host),
        _ => false,
    }
}

/// Of `host` or `host:port`.
pub(crate) fn is_loopback(authority: &str) -> bool {
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => authority,
    };
    if host.eq_ignore_ascii_case("localhost") {
        return true;
    }
    let bare = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    bare.map_or_else(
        || (host.parse::<std::net::Ipv4Addr>()).is_ok_and(|address| address.is_loopback()),
        |host| (host.parse::<std::net::Ipv6Addr>()).is_ok_and(|address| address.is_loopback()),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_that_nobody_else_can_hand_out() {
        for ours in [
            "localhost",
            "LocalHost:8800",
            "127.0.0.1",
            "127.0.0.1:8800",
            "127.9.9.9:1",
            "[::1]:8800",
            "[::1]",
        ] {
            assert!(is_loopback(ours), "{ours}");
        }
        for other in [
            "",
            ":80",
            "evil.example",
            "evil.example:8800",
            "localhost.evil.example",
            "127.0.0.1.nip.io:8800",
            "10.0.0.1",
            "[::1",
            "::1",
            "[fe80::1]:80",
            "localhost:80@evil",
        ] {
            assert!(!is_loopback(other), "{other}");
        }
    }

    #[test]
    fn a_request_has_one_host() {
        let mut headers = HeaderMap::new();
        assert!(!is_for_us(&headers));
        headers.append(header::HOST, "localhost".parse().unwrap());
        assert!(is_for_us(&headers));
        headers.append(header::HOST, "localhost".parse().unwrap());
        assert!(!is_for_us(&headers));
    }
}
