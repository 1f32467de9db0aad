// SPDX-License-Identifier: Apache-2.0
use std::net::SocketAddr;

use http::{header::USER_AGENT, request::Parts};

/// Characters in such a line at most.
const LONGEST: usize = 200;

/// Who asked for what, for `explain`: `GET /path, user agent, client address`. The query is left out (it
/// may carry secrets), control characters are escaped, and it is cut to 200 characters.
pub(crate) fn requester(request: &Parts, client: Option<SocketAddr>) -> String {
    let agent = request
        .headers
        .get(USER_AGENT)
        .map(|agent| String::from_utf8_lossy(agent.as_bytes()));
    let mut line = String::new();
    let raw = [
        request.method.as_str(),
        " ",
        request.uri.path(),
        ", ",
        agent.as_deref().unwrap_or("no user agent"),
    ];
    let address = client.map_or_else(
        || ", local socket".to_owned(),
        |client| format!(", {}", client.ip()),
    );
    // The address is short and what a person looks for: it is not cut.
    let room = LONGEST.saturating_sub(address.len());
    let mut used = 0;
    for character in raw.iter().flat_map(|part| part.chars()).take(room) {
        let width = if character.is_control() {
            character.escape_default().len()
        } else {
            1
        };
        if used + width > room {
            break;
        }
        used += width;
        if character.is_control() {
            line.extend(character.escape_default());
        } else {
            line.push(character);
        }
    }
    line.push_str(&address);
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(path: &str, agent: &[u8]) -> String {
        let request = http::Request::builder()
            .uri(path)
            .header("user-agent", http::HeaderValue::from_bytes(agent).unwrap())
            .body(())
            .unwrap();
        requester(
            &request.into_parts().0,
            Some(SocketAddr::from(([10, 1, 2, 3], 4567))),
        )
    }

    #[test]
    fn says_method_path_agent_and_address() {
        assert_eq!(
            line("/a/b?key=secret", b"curl/8"),
            "GET /a/b, curl/8, 10.1.2.3"
        );
        let request = http::Request::builder()
            .uri("/")
            .body(())
            .unwrap()
            .into_parts()
            .0;
        assert_eq!(
            requester(&request, None),
            "GET /, no user agent, local socket"
        );
    }

    #[test]
    fn control_characters_are_escaped() {
        assert_eq!(line("/", b"a\tb"), "GET /, a\\tb, 10.1.2.3");
    }

    #[test]
    fn is_cut_to_200_characters_and_keeps_the_address() {
        let long = line("/", "\u{e4}".repeat(500).as_bytes());
        assert_eq!(long.chars().count(), 200);
        assert!(long.ends_with("\u{e4}, 10.1.2.3"));
        let escaped = line("/", "\u{85}".repeat(500).as_bytes());
        assert!(
            escaped.chars().count() <= 200 && escaped.ends_with("}, 10.1.2.3"),
            "{escaped}"
        );
    }
}
