// SPDX-License-Identifier: Apache-2.0
use std::{
    io,
    path::{Path, PathBuf},
};

use bytes::{Bytes, BytesMut};
use cheerful_autoscaler::RevisionView;
use cheerful_kubernetes::scaler::{LeaderError, LeaderPages};
use http::{Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Empty, Limited, combinators::UnsyncBoxBody};
use hyper::{body::Body, client::conn::http1};
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use tokio::{net::UnixStream, task::JoinSet};

use super::view::{DecisionEvent, RevisionDetail};

/// Asks a running instance over its Unix socket, or the autoscaler that leads in a cluster. Each question is a
/// connection of its own.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    way: Way,
}

#[derive(Clone, Debug)]
enum Way {
    Socket(PathBuf),
    Leader(LeaderPages),
}

/// An answer as it comes.
type Answer = UnsyncBoxBody<Bytes, BoxError>;
type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ClientError {
    /// Nobody listens.
    #[error("no instance answers at {}: {error}", socket.display())]
    Connect { socket: PathBuf, error: io::Error },
    /// The connection broke, or what came was no HTTP.
    #[error("the instance at {at} does not answer as it should: {error}")]
    Http { at: String, error: BoxError },
    /// The API server does not lead there.
    #[error(transparent)]
    Leader(#[from] LeaderError),
    /// It said no.
    #[error("the instance says {status}: {text}")]
    Refused { status: StatusCode, text: String },
}

/// No answer is longer: 65,536 revisions with a kilobyte each.
const MAX_ANSWER_BYTES: usize = 64 * 1024 * 1024;
/// No event is longer.
const MAX_EVENT_BYTES: usize = 1024 * 1024;

impl Client {
    /// No connection is made yet.
    pub(crate) fn new(socket: &Path) -> Self {
        Self {
            way: Way::Socket(socket.to_owned()),
        }
    }

    /// Through the API server.
    pub(crate) const fn of_leader(leader: LeaderPages) -> Self {
        Self {
            way: Way::Leader(leader),
        }
    }

    /// All revisions, sorted by name, without their decisions.
    pub(crate) async fn revisions(&self) -> Result<Vec<RevisionView>, ClientError> {
        self.json("/v1/revisions").await
    }

    /// One revision with its decisions and replicas; `None` if there is none of that name.
    pub(crate) async fn revision(&self, name: &str) -> Result<Option<RevisionDetail>, ClientError> {
        let is_local = matches!(self.way, Way::Socket(_));
        if Uri::try_from(format!("/v1/revisions/{name}")).is_err()
            || name.contains(['?', '%'])
            || (is_local && name.contains('/'))
        {
            return Ok(None);
        }
        match self.json(&format!("/v1/revisions/{name}")).await {
            Err(ClientError::Refused {
                status: StatusCode::NOT_FOUND,
                ..
            }) => Ok(None),
            answer => answer.map(Some),
        }
    }

    /// Decisions from now on.
    pub(crate) async fn events(&self) -> Result<Events, ClientError> {
        let (body, connection) = self.get("/v1/events").await?;
        Ok(Events {
            at: self.at(),
            body,
            buffer: BytesMut::new(),
            _connection: connection,
        })
    }

    async fn json<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        let (body, _connection) = self.get(path).await?;
        let body = Limited::new(body, MAX_ANSWER_BYTES)
            .collect()
            .await
            .map_err(|error| self.http(error))?;
        serde_json::from_slice(&body.to_bytes()).map_err(|error| self.http(error))
    }

    /// The body of an answer, and the task of its connection.
    async fn get(&self, path: &str) -> Result<(Answer, JoinSet<()>), ClientError> {
        let (response, task) = match &self.way {
            Way::Socket(socket) => self.get_local(socket, path).await?,
            Way::Leader(leader) => {
                let response = leader.get(path).await?;
                let body = |body: cheerful_kubernetes::Body| boxed(body);
                (response.map(body), JoinSet::new())
            }
        };
        let status = response.status();
        if status.is_success() {
            return Ok((response.into_body(), task));
        }
        let text = Limited::new(response.into_body(), MAX_EVENT_BYTES)
            .collect()
            .await
            .map_err(|error| self.http(error))?;
        let text = String::from_utf8_lossy(&text.to_bytes()).trim().to_owned();
        Err(ClientError::Refused { status, text })
    }

    async fn get_local(
        &self,
        socket: &Path,
        path: &str,
    ) -> Result<(Response<Answer>, JoinSet<()>), ClientError> {
        let stream = UnixStream::connect(socket)
            .await
            .map_err(|error| ClientError::Connect {
                socket: socket.to_owned(),
                error,
            })?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|error| self.http(error))?;
        let mut task = JoinSet::new();
        task.spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!("the connection to the instance ended: {error}");
            }
        });
        let request = Request::get(path)
            .header("host", "localhost")
            .body(Empty::<Bytes>::new())
            .map_err(|error| self.http(error))?;
        let response = sender
            .send_request(request)
            .await
            .map_err(|error| self.http(error))?;
        Ok((response.map(boxed), task))
    }

    fn http(&self, error: impl Into<BoxError>) -> ClientError {
        ClientError::Http {
            at: self.at(),
            error: error.into(),
        }
    }

    fn at(&self) -> String {
        match &self.way {
            Way::Socket(socket) => socket.display().to_string(),
            Way::Leader(leader) => leader.pod().to_owned(),
        }
    }
}

fn boxed<B>(body: B) -> Answer
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    body.map_err(Into::into).boxed_unsync()
}

/// Decisions of a running instance as they are made.
#[derive(Debug)]
pub(crate) struct Events {
    at: String,
    body: Answer,
    buffer: BytesMut,
    _connection: JoinSet<()>,
}

impl Events {
    /// The next one; `None` when the instance has ended. May be dropped and called again.
    pub(crate) async fn next(&mut self) -> Result<Option<DecisionEvent>, ClientError> {
        loop {
            if let Some(event) = take_event(&mut self.buffer) {
                match event {
                    Some(Ok(event)) => return Ok(Some(event)),
                    Some(Err(error)) => return Err(self.http(error.into())),
                    None => continue,
                }
            }
            if self.buffer.len() > MAX_EVENT_BYTES {
                return Err(self.http("an event without an end".into()));
            }
            match self.body.frame().await {
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        self.buffer.extend_from_slice(&data);
                    }
                }
                Some(Err(error)) => return Err(self.http(error)),
                None => return Ok(None),
            }
        }
    }

    fn http(&self, error: Box<dyn std::error::Error + Send + Sync>) -> ClientError {
        ClientError::Http {
            at: self.at.clone(),
            error,
        }
    }
}

/// Takes one whole block (up to an empty line) off the buffer; the inner `None` is a block without data, a comment.
#[expect(
    clippy::option_option,
    reason = "no whole block yet, and a block that carries nothing, are two things"
)]
fn take_event(buffer: &mut BytesMut) -> Option<Option<Result<DecisionEvent, serde_json::Error>>> {
    let end = buffer.windows(2).position(|pair| pair == b"\n\n")?;
    let block = buffer.split_to(end + 2);
    let data: Vec<u8> = block[..]
        .split(|byte| *byte == b'\n')
        .filter_map(|line| line.strip_prefix(b"data:"))
        .flatten()
        .copied()
        .collect();
    Some((!data.is_empty()).then(|| serde_json::from_slice(&data)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_taken_one_by_one() {
        let mut buffer = BytesMut::from(": still here\n\nevent: decision\ndata: {\"a\"");
        assert!(take_event(&mut buffer).unwrap().is_none());
        assert!(take_event(&mut buffer).is_none());
        buffer.extend_from_slice(b":1}\n\n");
        assert!(take_event(&mut buffer).unwrap().unwrap().is_err());
        assert!(buffer.is_empty());
    }

    #[tokio::test]
    async fn nobody_there_is_said_with_the_path() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("none.sock");
        let error = Client::new(&path).revisions().await.unwrap_err();
        assert!(error.to_string().contains("none.sock"), "{error}");
    }
}
