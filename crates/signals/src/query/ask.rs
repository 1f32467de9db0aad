// SPDX-License-Identifier: Apache-2.0
use std::{path::PathBuf, time::Duration};

use bytes::Bytes;
use cheerful_manifest::PrometheusSignal;
use http::{Request, header};
use http_body_util::Full;

use super::{MAX_ANSWER_BYTES, Server, answer};
use crate::{
    Unread,
    asking::Ask,
    client::{self, Limits},
    tls::{self, Trust},
};

/// How we are let in, and whom we trust. The files are read for each question, so that a change holds at once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Access {
    /// A bearer token.
    pub token_file: Option<PathBuf>,
    /// PEM certificates of the authorities; `None`: those that the machine trusts.
    pub ca_file: Option<PathBuf>,
    /// Our PEM certificate chain and its key.
    pub identity: Option<(PathBuf, PathBuf)>,
}

/// An instant query against a server.
#[derive(Debug)]
pub struct Query {
    server: Server,
    text: String,
    token_file: Option<PathBuf>,
    trust: Trust,
    limit: Duration,
}

/// The longest wait for an answer.
const LONGEST: Duration = Duration::from_secs(10);

impl Query {
    /// What a manifest says.
    ///
    /// # Errors
    /// What is wrong with it: nothing once the manifest is checked.
    pub fn of(given: &PrometheusSignal) -> Result<Self, Unread> {
        let server = given
            .server
            .parse()
            .map_err(|wrong| Unread::Setup(format!("server: {:?}: {wrong}", given.server)))?;
        let file = |file: &Option<String>| file.as_ref().map(Into::into);
        let access = Access {
            token_file: file(&given.token_file),
            ca_file: file(&given.ca_file),
            identity: file(&given.cert_file).zip(file(&given.key_file)),
        };
        Ok(Self::new(server, &given.query, access, given.every()))
    }

    /// Asked once in `every`: an answer that takes longer, or longer than 10 s, is none.
    #[must_use]
    pub fn new(server: Server, text: &str, access: Access, every: Duration) -> Self {
        Self {
            server,
            text: text.to_owned(),
            token_file: access.token_file,
            trust: Trust::new(access.ca_file, access.identity),
            limit: every.min(LONGEST),
        }
    }

    async fn request(&self) -> Result<Request<Full<Bytes>>, Unread> {
        // A server that still works on what nobody waits for is of no use to anybody.
        let (address, form) = self.server.query(&self.text, self.limit.as_secs().max(1));
        let request = match form {
            None => Request::get(address),
            Some(_) => Request::post(address)
                .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded"),
        };
        let request = match &self.token_file {
            None => request,
            Some(file) => {
                let token = tls::text(file).await?;
                let bearer = format!("Bearer {}", token.trim());
                let mut value = header::HeaderValue::from_str(&bearer).map_err(|_| {
                    Unread::Setup(format!("{}: should be a token of one line", file.display()))
                })?;
                value.set_sensitive(true);
                request.header(header::AUTHORIZATION, value)
            }
        };
        request
            .header(header::ACCEPT, "application/json")
            .body(Full::from(form.unwrap_or_default()))
            .map_err(|error| Unread::Setup(error.to_string()))
    }
}

impl Ask for Query {
    async fn ask(&mut self) -> Result<f64, Unread> {
        let limits = Limits {
            bytes: MAX_ANSWER_BYTES,
            time: self.limit,
        };
        let request = self.request().await?;
        let (status, body) = client::send(request, &self.trust, limits).await?;
        answer::value(status.as_u16(), &body)
    }
}
