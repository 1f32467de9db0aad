// SPDX-License-Identifier: Apache-2.0
use std::{fmt, str::FromStr};

use http::Uri;

/// Where a Prometheus server is: `http://prometheus.monitoring:9090`, with a path where it does not stand at the root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// Without a slash at its end.
    base: String,
}

/// Why a text is no server: what would be right.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("should be the address of a Prometheus server such as http://prometheus:9090, {0}")]
pub struct NotAServer(&'static str);

/// A query longer than this goes in the body: there are proxies that take no longer line.
const LONGEST_LINE: usize = 2000;

impl Server {
    /// Where and what to ask: the address, and the body of a POST where the query is too long for a line. GET wherever
    /// it can be: rights to read suffice for it with proxies that look at the method.
    pub(super) fn query(&self, query: &str, seconds: u64) -> (String, Option<String>) {
        let mut form = String::from("query=");
        for byte in query.bytes() {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                    form.push(char::from(byte))
                }
                _ => form.push_str(&format!("%{byte:02X}")),
            }
        }
        form.push_str(&format!("&timeout={seconds}s"));
        let path = format!("{}/api/v1/query", self.base);
        if form.len() <= LONGEST_LINE {
            (format!("{path}?{form}"), None)
        } else {
            (path, Some(form))
        }
    }

    /// Whether it is asked by https.
    #[must_use]
    pub fn is_secure(&self) -> bool {
        self.base.starts_with("https://")
    }
}

impl FromStr for Server {
    type Err = NotAServer;

    fn from_str(text: &str) -> Result<Self, NotAServer> {
        let uri: Uri = text.parse().map_err(|_| NotAServer("which this is not"))?;
        if !matches!(uri.scheme_str(), Some("http" | "https")) {
            return Err(NotAServer("with http:// or https:// before it"));
        }
        let authority = uri.authority().map_or("", |authority| authority.as_str());
        if authority.is_empty() || uri.host().is_none_or(str::is_empty) {
            return Err(NotAServer("with a host"));
        }
        if authority.contains('@') {
            return Err(NotAServer("without a password, which belongs in a file"));
        }
        if uri.query().is_some() || text.contains('#') {
            return Err(NotAServer("without ? or #"));
        }
        Ok(Self {
            base: text.trim_end_matches('/').to_owned(),
        })
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.base)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_goes_in_the_line_or_in_the_body() {
        let server: Server = "http://prometheus:9090/here/".parse().unwrap();
        let (address, body) = server.query("sum(jobs{queue=\"a b\"})", 9);
        assert_eq!(
            address,
            "http://prometheus:9090/here/api/v1/query?query=sum%28jobs%7Bqueue%3D%22a%20b%22%7D%29&timeout=9s"
        );
        assert_eq!(body, None);
        let (address, body) = server.query(&"x".repeat(3000), 9);
        assert_eq!(address, "http://prometheus:9090/here/api/v1/query");
        assert_eq!(body.unwrap().len(), 3000 + 6 + 11);
    }

    #[test]
    fn what_is_wrong_is_told() {
        for (text, why) in [
            ("prometheus:9090", "with http:// or https:// before it"),
            ("ftp://a", "with http:// or https:// before it"),
            ("http://", "which this is not"),
            (
                "http://u:p@a",
                "without a password, which belongs in a file",
            ),
            ("http://a/?x=1", "without ? or #"),
            ("http://a/#b", "without ? or #"),
            ("", "which this is not"),
        ] {
            assert_eq!(text.parse::<Server>(), Err(NotAServer(why)), "{text}");
        }
        for text in [
            "https://a",
            "http://[::1]:9090",
            "http://10.0.0.1:9090/prometheus",
        ] {
            assert!(text.parse::<Server>().is_ok(), "{text}");
        }
    }
}
