// SPDX-License-Identifier: Apache-2.0
//! `console`: the page of a cluster, on this machine.
mod acts;
mod detail;
mod leading;

use std::{net::SocketAddr, path::PathBuf, sync::Arc};

use axum::{
    Router,
    extract::{Request, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::get,
};
use cheerful_console::{assets, guarded};
use cheerful_kubernetes::{ApiServer, names};
use tokio::net::TcpListener;

use self::{detail::Details, leading::Leading};

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
    /// Let the page pause, hold and wake, with the rights of the kubeconfig
    ///
    /// Anyone on this machine may then, through the page.
    #[arg(long, env = "CHEERFUL_ALLOW_ACTIONS", hide_env = true)]
    allow_actions: bool,
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
    let server = ApiServer {
        kubeconfig: args.kubeconfig,
        context: args.context,
    };
    let leading = Arc::new(Leading::new(server, args.system_namespace));
    let pod = leading
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
        .with_state(Arc::clone(&leading))
        .merge(Details::new(Arc::clone(&leading)).router())
        .merge(acts::router(leading, args.allow_actions))
        .merge(assets());
    tokio::select! {
        () = serve(listener, guarded(router)) => Ok(()),
        () = end_asked(&mut signals) => Ok(()),
    }
}

async fn end_asked(signals: &mut Signals) {
    while signals.next().await == Asked::HangUp {}
}

async fn forward(State(leading): State<Arc<Leading>>, request: Request) -> Response {
    let path = request.uri().path_and_query();
    let path = path.map_or_else(|| request.uri().path(), |path| path.as_str());
    leading.ask(path).await.unwrap_or_else(bad_gateway)
}

fn bad_gateway(why: String) -> Response {
    (StatusCode::BAD_GATEWAY, format!("{why}\n")).into_response()
}
