// SPDX-License-Identifier: Apache-2.0
use super::Check;
use crate::{Hold, Matches, Route};

/// Most routes, paths or user agents in one list.
const MAX_LIST: usize = 1_000;

/// Which requests are a revision's, which wait and which wake.
impl Check<'_> {
    fn list(&mut self, field: &str, length: usize) {
        if length > MAX_LIST {
            let message = format!("should have at most {MAX_LIST} items");
            self.say(field, Some(format!("a list of {length}")), &message);
        }
    }

    pub(super) fn routes(&mut self, routes: &[Route]) {
        self.list("spec.routes", routes.len());
        for (index, route) in routes.iter().enumerate().take(MAX_LIST) {
            let field = format!("spec.routes[{index}]");
            if let Some(host) = &route.host {
                let message = "should be a host name in lower case without a port, such as shop.example.com or *.example.com";
                self.text(&format!("{field}.host"), host, message, is_host);
            }
            if let Some(prefix) = &route.path_prefix {
                let message = "should be a path such as /shop, without / at its end";
                self.text(&format!("{field}.pathPrefix"), prefix, message, |text| {
                    is_path(text) && (text == "/" || !text.ends_with('/'))
                });
            }
            if route.host.is_none() && route.path_prefix.is_none() {
                self.say(&field, None, "should have a host or a pathPrefix");
            }
        }
    }

    pub(super) fn hold(&mut self, hold: &Hold) {
        if hold.requests() == 0 {
            self.say(
                "spec.hold.requests",
                Some("0".to_owned()),
                "should be at least 1",
            );
        }
        if hold.bytes() < 1024 {
            self.say(
                "spec.hold.bytes",
                Some(hold.bytes().to_string()),
                "should be at least 1024",
            );
        }
        if let Some(wait) = hold.wait.filter(|_| hold.wait().is_zero()) {
            self.say(
                "spec.hold.wait",
                Some(wait.to_string()),
                "should be longer than 0s",
            );
        }
    }

    pub(super) fn matches(&mut self, field: &str, matches: &Matches) {
        self.list(&format!("{field}.paths"), matches.paths.len());
        self.list(&format!("{field}.userAgents"), matches.user_agents.len());
        for (index, path) in matches.paths.iter().enumerate().take(MAX_LIST) {
            let message = "should be a path such as /healthz or /static/*";
            self.text(&format!("{field}.paths[{index}]"), path, message, |text| {
                is_path(text.strip_suffix('*').unwrap_or(text))
            });
        }
        for (index, agent) in matches.user_agents.iter().enumerate().take(MAX_LIST) {
            let message = "should be what the user agent begins with, such as kube-probe/";
            self.text(
                &format!("{field}.userAgents[{index}]"),
                agent,
                message,
                |text| !text.is_empty(),
            );
        }
    }
}

pub(super) fn is_dns_label(text: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=63).contains(&text.len())
        && text.bytes().all(inner)
        && !text.starts_with('-')
        && !text.ends_with('-')
}

fn is_host(text: &str) -> bool {
    text.len() <= 253
        && text
            .strip_prefix("*.")
            .unwrap_or(text)
            .split('.')
            .all(is_dns_label)
}

/// A path as it stands in a request: printable ASCII without `?` and `#`.
pub(super) fn is_path(text: &str) -> bool {
    text.starts_with('/')
        && text
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'?' | b'#' | b'*'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_paths_and_labels() {
        for host in [
            "localhost",
            "shop.example.com",
            "*.example.com",
            "127.0.0.1",
        ] {
            assert!(is_host(host), "{host}");
        }
        for host in [
            "",
            "Shop.example.com",
            "shop:80",
            "*",
            "a..b",
            "*.*.com",
            "-a.com",
            "a_b",
        ] {
            assert!(!is_host(host), "{host}");
        }
        for path in ["/", "/a/b.c", "/%20"] {
            assert!(is_path(path), "{path}");
        }
        for path in ["", "a", "/a b", "/ä", "/a?b", "/a#b"] {
            assert!(!is_path(path), "{path}");
        }
    }
}
