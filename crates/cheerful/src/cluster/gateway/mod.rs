// SPDX-License-Identifier: Apache-2.0
//! `gateway`: holds requests while there is no replica, and spreads a burst.
mod args;
mod ending;
mod metrics;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::Router;
use cheerful_gateway::Gateway;
use cheerful_kubernetes::{
    ApiServer,
    front::{Front, FrontConfig, Links},
};
use tokio::{runtime, sync::mpsc, task::JoinSet};
use tokio_util::sync::CancellationToken;

pub(crate) use args::GatewayArgs;
#[cfg(test)]
pub(crate) use metrics::ROWS;

use self::{args::Options, ending::end};
use super::pages::Pages;
use crate::{
    exit::Failure,
    run::{listen::Door, serve::Serving},
    signals::Signals,
};

/// Events of the gateway that wait for the control path. A full channel costs the data path nothing: the gateway
/// counts the event and raises it again.
const GATEWAY_EVENTS: usize = 4096;

/// Runs it until it is told to end. Blocks.
///
/// # Errors
/// 2: something that was given cannot be used, and nothing was started. 1: something failed later.
/// 130: ended at once by a second signal.
pub(crate) fn run(args: &GatewayArgs) -> Result<(), Failure> {
    let options = args.options()?;
    let door = Door::open(Vec::new(), options.listen)?;
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::later(format_args!("the runtime cannot start: {error}")))?;
    let result = runtime.block_on(start(options, door));
    // What still waits for the API server or an autoscaler is not waited for.
    runtime.shutdown_timeout(Duration::from_millis(100));
    result
}

/// All that is asked from outside the tasks.
#[derive(Clone)]
struct Seen {
    gateway: Arc<Gateway>,
    front: Front,
    links: Arc<Links>,
    ending: Arc<AtomicBool>,
}

async fn start(options: Options, door: Door) -> Result<(), Failure> {
    let mut signals = Signals::new()
        .map_err(|error| Failure::later(format_args!("signals cannot be received: {error}")))?;
    let client = ApiServer::default()
        .client()
        .await
        .map_err(Failure::bad_input)?;
    let (events, gateway_events) = mpsc::channel(GATEWAY_EVENTS);
    let gateway = Gateway::new(events);
    let (links, news) = Links::start(options.link.clone());
    let seen = Seen {
        gateway: Arc::clone(&gateway),
        front: Front::default(),
        links: Arc::clone(&links),
        ending: Arc::default(),
    };
    let stop = CancellationToken::new();
    let mut tasks = JoinSet::new();
    let front = seen.front.clone().run(FrontConfig {
        client,
        watch_namespace: options.watch_namespace.clone(),
        gateway: Arc::clone(&gateway),
        gateway_events,
        news,
        autoscalers: links,
    });
    tasks.spawn(async move {
        front.await;
        Failure::later("the watch of the cluster ended by itself")
    });
    let pages = seen
        .pages()
        .serve(options.admin, Router::new(), stop.clone());
    let admin = options.admin;
    tasks.spawn(async move {
        match pages.await {
            Ok(()) => Failure::later("its pages ended by themselves"),
            Err(error) => Failure::bad_input(format_args!(
                "--admin-port: cannot listen on {admin}: {error}"
            )),
        }
    });
    let mut serving =
        Serving::start(&door, None, &gateway, options.threads).map_err(Failure::later)?;
    let url = door.url(false);
    // The serving threads have their own handles: when they stop accepting, nobody accepts.
    drop(door);
    tracing::info!(url, %admin, "listening on {url}");
    let asked = tokio::select! {
        asked = signals.next() => asked,
        Some(failed) = tasks.join_next() => return Err(failed.unwrap_or_else(Failure::later)),
        ended = serving.next_end() => return Err(Failure::later(match ended {
            Some(Err(error)) => format!("requests cannot be accepted any more: {error}"),
            Some(Ok(())) | None => "serving ended by itself".to_owned(),
        })),
    };
    tracing::info!(
        "{asked:?}: unready; what is in flight or held is finished; once more to end at once"
    );
    seen.ending.store(true, Ordering::Relaxed);
    let result = tokio::select! {
        () = end(&gateway, &mut serving, options.grace, options.drain) => Ok(()),
        again = signals.next() => Err(Failure {
            exit_code: again.exit_code(),
            message: String::new(),
        }),
    };
    stop.cancel();
    result
}

impl Seen {
    /// It hangs on no autoscaler: with all of them dead, requests to replicas that are there go on.
    fn ready(&self) -> Result<(), String> {
        if self.ending.load(Ordering::Relaxed) {
            Err("about to end".to_owned())
        } else if self.front.is_complete() {
            Ok(())
        } else {
            Err("not all revisions are known yet".to_owned())
        }
    }

    fn pages(&self) -> Pages {
        let (ready, counted) = (self.clone(), self.clone());
        Pages {
            live: Arc::new(|| Ok(())),
            ready: Arc::new(move || ready.ready()),
            metrics: Arc::new(move || {
                metrics::text(
                    counted.ready().is_ok(),
                    &counted.gateway,
                    &counted.front.metrics(),
                    &counted.links.metrics(),
                )
            }),
        }
    }
}
