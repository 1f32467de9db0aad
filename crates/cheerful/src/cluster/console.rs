// SPDX-License-Identifier: Apache-2.0
//! `console`: the page of a cluster, on this machine.
use std::{net::SocketAddr, path::PathBuf, sync::Arc};

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use cheerful_console::{assets, guarded};
use cheerful_kubernetes::{ApiServer, names, scaler::LeaderPages};
use tokio::{net::TcpListener, sync::Mutex};

use crate::{
    api::serve,
    exit::{Failure, print},
    run::Admin,
    signals::{Asked, Signals},
};

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct ConsoleArgs {
    /// Where the page is: a loopback address [default: port 8800, or a free one]
    #[arg(long, value_name = "ADDRESS:PORT")]
    address: Option<SocketAddr>,
    /// By this context of the kubeconfig [default: the current one]
    #[arg(long, value_name = "NAME")]
    context: Option<String>,
    /// By this kubeconfig [default: kubectl's]
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
    /// Where cheerful is installed in the cluster
    #[arg(long, hide = true, value_name = "NAMESPACE", default_value = names::SYSTEM_NAMESPACE)]
    system_namespace: String,
}

/// Serves it until somebody asks for the end.
///
/// # Errors
/// The address cannot be listened on, no cluster is known, or nobody leads in it.
pub(crate) fn run(args: ConsoleArgs) -> Result<(), Failure> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::later(format_args!("the runtime cannot start: {error}")))?
        .block_on(show(args))
}

async fn show(args: ConsoleArgs) -> Result<(), Failure> {
    let mut signals = Signals::new().map_err(Failure::later)?;
    let place = args.address.map_or(Admin::Usual, Admin::At);
    let Some(listener) = place.listen("--address")? else {
        return Ok(());
    };
    let cluster = Cluster {
        server: ApiServer {
            kubeconfig: args.kubeconfig,
            context: args.context,
        },
        system: args.system_namespace,
        leader: Mutex::default(),
    };
    let pod = cluster
        .leader()
        .await
        .map_err(Failure::later)?
        .pod()
        .to_owned();
    let address = listener.local_addr().map_err(Failure::later)?;
    let listener = TcpListener::from_std(listener).map_err(Failure::later)?;
    print(&format!(
        "The console of the cluster, as {pod} sees it: http://{address}/ (Ctrl-C ends it)\n"
    ))?;
    let router = Router::new()
        .route("/v1/{*path}", get(forward))
        .with_state(Arc::new(cluster))
        .merge(assets());
    tokio::select! {
        () = serve(listener, guarded(router)) => Ok(()),
        () = end_asked(&mut signals) => Ok(()),
    }
}

async fn end_asked(signals: &mut Signals) {
    while signals.next().await == Asked::HangUp {}
}

/// The autoscaler that leads, asked by the person's own rights.
struct Cluster {
    server: ApiServer,
    system: String,
    /// Who led when last asked.
    leader: Mutex<Option<LeaderPages>>,
}

impl Cluster {
    async fn leader(&self) -> Result<LeaderPages, String> {
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
    async fn ask(&self, path: &str) -> Result<Response, String> {
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

async fn forward(State(cluster): State<Arc<Cluster>>, request: Request) -> Response {
    let path = request.uri().path_and_query();
    let path = path.map_or_else(|| request.uri().path(), |path| path.as_str());
    cluster
        .ask(path)
        .await
        .unwrap_or_else(|why| (StatusCode::BAD_GATEWAY, format!("{why}\n")).into_response())
}
