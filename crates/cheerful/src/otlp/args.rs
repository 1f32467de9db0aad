// SPDX-License-Identifier: Apache-2.0
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, Uri};

use crate::exit::Failure;

/// What OpenTelemetry is told, by its own variables.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct OtlpArgs {
    /// Send metrics and decisions to this OpenTelemetry collector
    #[arg(
        long = "otlp",
        value_name = "URL",
        env = "OTEL_EXPORTER_OTLP_ENDPOINT",
        hide_env_values = true,
        hide_short_help = true
    )]
    endpoint: Option<String>,
    /// Headers to send along: name=value, name=value
    #[arg(
        long = "otlp-headers",
        value_name = "HEADERS",
        env = "OTEL_EXPORTER_OTLP_HEADERS",
        hide_env_values = true,
        hide = true
    )]
    headers: Option<String>,
    /// Milliseconds between two sendings
    #[arg(
        long = "otlp-interval",
        value_name = "MILLISECONDS",
        env = "OTEL_METRIC_EXPORT_INTERVAL",
        default_value_t = 15_000,
        value_parser = clap::value_parser!(u64).range(100..=3_600_000),
        hide = true
    )]
    interval: u64,
    /// The service's name
    #[arg(
        long = "otlp-service",
        value_name = "NAME",
        env = "OTEL_SERVICE_NAME",
        default_value = "cheerful",
        hide = true
    )]
    service: String,
}

/// Where to send it, and how.
#[derive(Clone, Debug)]
pub(crate) struct OtlpOptions {
    /// Without the path of what is sent.
    pub(super) endpoint: String,
    pub(super) headers: HeaderMap,
    pub(super) interval: Duration,
    pub(super) service: String,
}

impl OtlpArgs {
    /// `None`: nothing is sent.
    ///
    /// # Errors
    /// Names the flag, the value, and what would be right.
    pub(crate) fn options(&self) -> Result<Option<OtlpOptions>, Failure> {
        let Some(endpoint) = self.endpoint.as_deref().filter(|url| !url.is_empty()) else {
            return Ok(None);
        };
        let wrong = || {
            Failure::bad_input(format_args!(
                "--otlp (or OTEL_EXPORTER_OTLP_ENDPOINT): {endpoint:?}; a URL such as http://localhost:4318 is right"
            ))
        };
        let uri: Uri = endpoint.parse().map_err(|_| wrong())?;
        let is_http = matches!(uri.scheme_str(), Some("http" | "https"));
        if !is_http || uri.host().is_none_or(str::is_empty) || uri.query().is_some() {
            return Err(wrong());
        }
        Ok(Some(OtlpOptions {
            endpoint: endpoint.trim_end_matches('/').to_owned(),
            headers: headers(self.headers.as_deref().unwrap_or_default())?,
            interval: Duration::from_millis(self.interval),
            service: self.service.clone(),
        }))
    }
}

/// `name=value,name=value`, as the variable has it.
fn headers(text: &str) -> Result<HeaderMap, Failure> {
    let mut headers = HeaderMap::new();
    for pair in text.split(',').filter(|pair| !pair.trim().is_empty()) {
        let parsed = pair.split_once('=').and_then(|(name, value)| {
            let name: HeaderName = name.trim().parse().ok()?;
            let mut value: HeaderValue = value.trim().parse().ok()?;
            value.set_sensitive(true);
            Some((name, value))
        });
        // The value may be a secret.
        let name = pair.split('=').next().unwrap_or_default();
        let (name, value) = parsed.ok_or_else(|| {
            Failure::bad_input(format_args!(
                "--otlp-headers (or OTEL_EXPORTER_OTLP_HEADERS): {:?}; name=value,name=value is right",
                name.trim()
            ))
        })?;
        headers.insert(name, value);
    }
    Ok(headers)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(endpoint: &str, headers: &str) -> Result<Option<OtlpOptions>, Failure> {
        OtlpArgs {
            endpoint: Some(endpoint.to_owned()),
            headers: Some(headers.to_owned()),
            interval: 1_000,
            service: "cheerful".to_owned(),
        }
        .options()
    }

    #[test]
    fn an_endpoint_and_headers_are_read() {
        let read = options("http://localhost:4318/", "authorization=Bearer x, a=b").unwrap();
        let read = read.unwrap();
        assert_eq!(read.endpoint, "http://localhost:4318");
        assert_eq!(read.headers["authorization"], "Bearer x");
        assert_eq!(read.headers["a"], "b");
        assert!(options("", "").unwrap().is_none());
    }

    #[test]
    fn what_cannot_be_used_is_told_without_its_secret() {
        for endpoint in ["localhost:4318", "ftp://a", "http://", "http://a?b=c"] {
            let told = options(endpoint, "").unwrap_err();
            assert!(told.message.contains("http://localhost:4318"), "{told:?}");
        }
        let told = options("http://a", "to ken=secret").unwrap_err();
        assert!(
            told.message.contains("to ken") && !told.message.contains("secret"),
            "{told:?}"
        );
    }
}
