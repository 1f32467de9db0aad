// SPDX-License-Identifier: Apache-2.0
//! `queue`: stands before the app in a pod.
mod args;
mod metrics;
mod way;

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use axum::{Router, routing::get};
use cheerful_queue::{Settings, Sidecar};
use tokio::{net::TcpListener, sync::mpsc};
use tokio_util::sync::CancellationToken;

pub(crate) use args::QueueArgs;

use self::way::Way;
use super::pages::Pages;
use crate::{exit::Failure, signals::Signals};

/// Messages of autoscalers that wait to be read; the link has a bound of its own.
const DOWN: usize = 16;

/// Runs it until it is told to stop and has drained.
///
/// # Errors
/// What a person has to know.
pub(crate) fn run(args: &QueueArgs) -> Result<(), Failure> {
    let settings = Settings::read(args.values()).map_err(|faults| {
        let lines: Vec<String> = faults.iter().map(|fault| format!("\n  {fault}")).collect();
        Failure::bad_input(format_args!(
            "the queue cannot start; nothing was started:{}",
            lines.concat()
        ))
    })?;
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::later(format_args!("the runtime cannot start: {error}")))?
        .block_on(serve(settings))
}

async fn serve(settings: Settings) -> Result<(), Failure> {
    let mut signals = Signals::new()
        .map_err(|error| Failure::later(format_args!("signals cannot be received: {error}")))?;
    let address = |port| SocketAddr::new(everywhere(settings.pod_ip), port);
    let listener = TcpListener::bind(address(settings.queue_port))
        .await
        .map_err(|error| taken("CHEERFUL_QUEUE_PORT", settings.queue_port, &error))?;
    let way = Arc::new(Way::default());
    let (to_sidecar, down) = mpsc::channel(DOWN);
    let opened = way.open(settings.link(), to_sidecar);
    let sidecar = Sidecar::new(settings.sidecar(unix_millis(), memory()));
    let stop = CancellationToken::new();
    let pages = pages(&sidecar, &way).serve(
        address(settings.admin_port),
        drain_page(&sidecar),
        stop.clone(),
    );
    tracing::info!(
        workload = %settings.workload,
        pod = settings.pod,
        "takes requests at port {} for the app at port {}",
        settings.queue_port,
        settings.app_port
    );
    let served = async {
        let served = sidecar.serve(listener, Arc::clone(&way), down).await;
        stop.cancel();
        served.map_err(|error| Failure::later(format_args!("requests cannot be taken: {error}")))
    };
    let paged = async {
        pages
            .await
            .map_err(|error| taken("CHEERFUL_ADMIN_PORT", settings.admin_port, &error))
    };
    let signalled = async {
        loop {
            let asked = signals.next().await;
            tracing::info!("{asked:?}: draining");
            sidecar.terminate();
        }
    };
    tokio::select! {
        ended = async { tokio::try_join!(served, paged) } => ended.map(|_| ()),
        () = signalled => Ok(()),
        () = opened => Ok(()),
    }
}

/// Read once, at the start.
#[expect(
    clippy::disallowed_methods,
    reason = "the role is a shell: it dates its beginning"
)]
fn unix_millis() -> u64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// What the container may have, by its control group; `None`: no limit, or none that can be read.
fn memory() -> Option<u64> {
    let text = std::fs::read_to_string("/sys/fs/cgroup/memory.max").ok()?;
    text.trim().parse().ok()
}

fn taken(name: &str, port: u16, error: &io::Error) -> Failure {
    Failure::bad_input(format_args!(
        "{name}={port}: {error}; give a port that is free in the pod"
    ))
}

/// The kubelet, endpoints and a port forward come by different addresses.
const fn everywhere(pod_ip: IpAddr) -> IpAddr {
    match pod_ip {
        IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    }
}

fn pages(sidecar: &Sidecar, way: &Arc<Way>) -> Pages {
    let (ready, counted, way) = (sidecar.clone(), sidecar.clone(), Arc::clone(way));
    Pages {
        live: Arc::new(|| Ok(())),
        ready: Arc::new(move || ready.ready()),
        metrics: Arc::new(move || metrics::text(&counted.metrics(), &way.metrics())),
    }
}

/// The preStop hook of the app's container.
fn drain_page(sidecar: &Sidecar) -> Router {
    let sidecar = sidecar.clone();
    let drained = move || async move {
        sidecar.wait_for_drain().await;
        "drained\n"
    };
    Router::new().route("/wait-for-drain", get(drained))
}
