// SPDX-License-Identifier: Apache-2.0
use axum::{body::Body, http::header, response::Response};
use cheerful_kubernetes::{ApiServer, person::Person, scaler::LeaderPages};
use tokio::sync::Mutex;

/// The autoscaler that leads, asked by the person's own rights.
pub(super) struct Leading {
    server: ApiServer,
    system: String,
    /// Who led when last asked.
    leader: Mutex<Option<LeaderPages>>,
}

impl Leading {
    pub(super) fn new(server: ApiServer, system: String) -> Self {
        Self {
            server,
            system,
            leader: Mutex::default(),
        }
    }

    /// The person whose kubeconfig it is.
    pub(super) async fn person(&self) -> Result<Person, String> {
        let client = self.server.client().await.map_err(|e| e.to_string())?;
        Ok(Person::new(client))
    }

    pub(super) async fn leader(&self) -> Result<LeaderPages, String> {
        let mut known = self.leader.lock().await;
        if let Some(leader) = &*known {
            return Ok(leader.clone());
        }
        let client = self.server.client().await.map_err(|e| e.to_string())?;
        let found = LeaderPages::find(client, &self.system, None).await;
        let leader = found.map_err(|error| error.to_string())?;
        Ok(known.insert(leader).clone())
    }

    /// Asks; another may lead by now where that one does not answer.
    pub(super) async fn ask(&self, path: &str) -> Result<Response, String> {
        let answer = self.leader().await?.get(path).await;
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) => {
                *self.leader.lock().await = None;
                return Err(error.to_string());
            }
        };
        let status = answer.status();
        let kind = answer.headers().get(header::CONTENT_TYPE).cloned();
        // What the API server says itself is JSON; what the autoscaler refuses is text.
        let is_of_server = !status.is_success()
            && (kind.as_ref()).is_some_and(|kind| kind.as_bytes().starts_with(b"application/json"));
        if is_of_server || status.is_server_error() {
            *self.leader.lock().await = None;
        }
        let mut response = Response::new(Body::new(answer.into_body()));
        *response.status_mut() = status;
        if let Some(kind) = kind {
            response.headers_mut().insert(header::CONTENT_TYPE, kind);
        }
        Ok(response)
    }
}
