// SPDX-License-Identifier: Apache-2.0
use std::time::Duration;

use serde::Deserialize;

/// How the app is asked whether it answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    /// What is asked.
    pub kind: Kind,
    /// Where; `None`: the app's port.
    pub port: Option<u16>,
    /// For one answer.
    pub timeout: Duration,
    /// Before the first one.
    pub initial_delay: Duration,
    /// When it counts.
    pub thresholds: Thresholds,
}

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Kind {
    /// A connection.
    Tcp,
    /// A GET that answers 2xx or 3xx.
    Http(HttpProbe),
    /// `grpc.health.v1.Health/Check`, without TLS.
    Grpc { service: String },
}

/// What an HTTP probe asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct HttpProbe {
    pub path: String,
    pub headers: Vec<(String, String)>,
}

/// How many answers count, and how often is asked once the app has answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Thresholds {
    pub success: u32,
    pub failure: u32,
    pub period: Duration,
}

/// Why a text is no probe, and what would be right.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct WrongProbe(String);

/// A name in a health check; the message that we make has its length in one byte.
const MAX_SERVICE_BYTES: usize = 127;

impl Default for Probe {
    /// A connection to the app's port, as often as Kubernetes would.
    fn default() -> Self {
        Self {
            kind: Kind::Tcp,
            port: None,
            timeout: Duration::from_secs(1),
            initial_delay: Duration::ZERO,
            thresholds: Thresholds {
                success: 1,
                failure: 3,
                period: Duration::from_secs(10),
            },
        }
    }
}

/// As it is written: Kubernetes' probe, whose names for the kinds are taken too.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Text {
    #[serde(alias = "tcpSocket")]
    tcp: Option<TcpText>,
    #[serde(alias = "httpGet")]
    http: Option<HttpText>,
    grpc: Option<GrpcText>,
    initial_delay_seconds: Option<u32>,
    timeout_seconds: Option<u32>,
    period_seconds: Option<u32>,
    success_threshold: Option<u32>,
    failure_threshold: Option<u32>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TcpText {
    port: Option<u16>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct HttpText {
    path: Option<String>,
    port: Option<u16>,
    scheme: Option<String>,
    #[serde(default, alias = "httpHeaders")]
    headers: Vec<HeaderText>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct HeaderText {
    name: String,
    value: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct GrpcText {
    port: Option<u16>,
    service: Option<String>,
}

impl Probe {
    /// From JSON.
    ///
    /// # Errors
    /// [`WrongProbe`].
    pub fn from_json(json: &str) -> Result<Self, WrongProbe> {
        let text: Text = serde_json::from_str(json).map_err(|error| {
            WrongProbe(format!(
                "{error}; should be a probe such as {{\"http\":{{\"path\":\"/healthz\"}}}}, \
                 {{\"tcp\":{{}}}} or {{\"grpc\":{{}}}}, ports as numbers"
            ))
        })?;
        text.probe()
    }
}

impl Text {
    fn probe(self) -> Result<Probe, WrongProbe> {
        let (kind, port) = match (self.tcp, self.http, self.grpc) {
            (None, Some(http), None) => (Kind::Http(http.request()?), http.port),
            (None, None, Some(grpc)) => {
                let service = grpc.service.unwrap_or_default();
                if service.len() > MAX_SERVICE_BYTES {
                    return Err(WrongProbe(format!(
                        "grpc.service {service:?}: should have at most {MAX_SERVICE_BYTES} bytes"
                    )));
                }
                (Kind::Grpc { service }, grpc.port)
            }
            (tcp, None, None) => (Kind::Tcp, tcp.and_then(|tcp| tcp.port)),
            _ => {
                return Err(WrongProbe(
                    "should have one of tcp, http and grpc".to_owned(),
                ));
            }
        };
        if port == Some(0) {
            return Err(WrongProbe("port 0: should be 1 to 65535".to_owned()));
        }
        let default = Probe::default();
        let at_least_1 = |name: &str, value: Option<u32>| match value {
            Some(0) => Err(WrongProbe(format!("{name} 0: should be at least 1"))),
            value => Ok(value),
        };
        let whole = |seconds: u32| Duration::from_secs(seconds.into());
        Ok(Probe {
            kind,
            port,
            timeout: at_least_1("timeoutSeconds", self.timeout_seconds)?
                .map_or(default.timeout, whole),
            initial_delay: self
                .initial_delay_seconds
                .map_or(default.initial_delay, whole),
            thresholds: Thresholds {
                success: at_least_1("successThreshold", self.success_threshold)?
                    .unwrap_or(default.thresholds.success),
                failure: at_least_1("failureThreshold", self.failure_threshold)?
                    .unwrap_or(default.thresholds.failure),
                period: at_least_1("periodSeconds", self.period_seconds)?
                    .map_or(default.thresholds.period, whole),
            },
        })
    }
}

impl HttpText {
    fn request(&self) -> Result<HttpProbe, WrongProbe> {
        match self.scheme.as_deref() {
            None | Some("" | "HTTP" | "http") => {}
            Some(scheme) => {
                return Err(WrongProbe(format!(
                    "http.scheme {scheme:?}: should be HTTP, for the app is spoken to without TLS"
                )));
            }
        }
        let path = match self.path.as_deref() {
            None | Some("") => "/".to_owned(),
            Some(path) if path.starts_with('/') => path.to_owned(),
            Some(path) => format!("/{path}"),
        };
        if !path.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(WrongProbe(format!(
                "http.path {path:?}: should have no spaces or control characters, and others percent-encoded"
            )));
        }
        let mut headers = Vec::new();
        for HeaderText { name, value } in &self.headers {
            let fits = http::HeaderName::try_from(name.as_str()).is_ok()
                && http::HeaderValue::try_from(value.as_str()).is_ok();
            if !fits {
                return Err(WrongProbe(format!(
                    "http.headers {name:?}: {value:?} cannot be sent as an HTTP header"
                )));
            }
            headers.push((name.clone(), value.clone()));
        }
        Ok(HttpProbe { path, headers })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(json: &str) -> String {
        Probe::from_json(json).unwrap_err().to_string()
    }

    #[test]
    fn what_kubernetes_writes_is_understood() {
        let probe = Probe::from_json(
            r#"{"httpGet":{"path":"healthz","port":9090,"scheme":"HTTP",
                "httpHeaders":[{"name":"Host","value":"a"}]},
                "timeoutSeconds":2,"periodSeconds":5,"successThreshold":1,"failureThreshold":4,
                "initialDelaySeconds":3}"#,
        )
        .unwrap();
        assert_eq!(
            probe,
            Probe {
                kind: Kind::Http(HttpProbe {
                    path: "/healthz".to_owned(),
                    headers: vec![("Host".to_owned(), "a".to_owned())],
                }),
                port: Some(9090),
                timeout: Duration::from_secs(2),
                initial_delay: Duration::from_secs(3),
                thresholds: Thresholds {
                    success: 1,
                    failure: 4,
                    period: Duration::from_secs(5),
                },
            }
        );
        assert_eq!(Probe::from_json(r#"{"tcp":{}}"#), Ok(Probe::default()));
        assert_eq!(
            Probe::from_json(r#"{"grpc":{"service":"shop"}}"#)
                .unwrap()
                .kind,
            Kind::Grpc {
                service: "shop".to_owned()
            }
        );
    }

    #[test]
    fn what_cannot_be_asked_is_refused_with_what_would_be_right() {
        assert!(wrong("tcp").contains(r#"{"http":{"path":"/healthz"}}"#));
        assert!(wrong(r#"{"exec":{"command":["true"]}}"#).contains("exec"));
        assert!(wrong(r#"{"http":{"port":"web"}}"#).contains("ports as numbers"));
        assert!(wrong(r#"{"http":{"scheme":"HTTPS"}}"#).contains("should be HTTP"));
        assert!(wrong(r#"{"http":{"path":"/a\r\nb"}}"#).contains("http.path"));
        assert!(wrong(r#"{"tcp":{},"grpc":{}}"#).contains("one of"));
        assert!(wrong(r#"{"tcp":{},"periodSeconds":0}"#).contains("periodSeconds 0"));
        let bad_header = r#"{"http":{"headers":[{"name":"a","value":"b\nc"}]}}"#;
        assert!(wrong(bad_header).contains("http.headers"));
    }
}
