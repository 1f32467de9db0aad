// SPDX-License-Identifier: Apache-2.0
//! `controller`: turns Revisions into Deployments, Services and EndpointSlices.
use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener},
    sync::{Arc, atomic::Ordering::Relaxed},
};

use axum::Router;
use cheerful_kubernetes::{
    ApiServer, Client,
    certificates::{Authority, Lifetimes},
    controller::{Controller, ControllerConfig, ControllerMetrics, Policy},
    external::{Registration, RegistrationState},
    lease::{Lease, LeaseConfig},
    names,
};
use cheerful_manifest::DurationText;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::pages::Pages;
use crate::{exit::Failure, signals::Signals};

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct ControllerArgs {
    /// Namespace in which the controller, the autoscalers and the gateways run
    #[arg(long, env = "CHEERFUL_NAMESPACE", default_value = names::SYSTEM_NAMESPACE, value_name = "NAMESPACE")]
    namespace: String,

    /// The one namespace to serve [default: all]
    #[arg(long, env = "CHEERFUL_WATCH_NAMESPACE", value_name = "NAMESPACE")]
    watch_namespace: Option<String>,

    /// Name of this pod, by which it leads
    #[arg(long, env = "CHEERFUL_POD", value_name = "NAME")]
    pod: String,

    /// Image of the queue in each pod: that of this very program
    #[arg(long, env = "CHEERFUL_QUEUE_IMAGE", value_name = "IMAGE")]
    queue_image: String,

    /// Where queues report [default: the autoscalers' Service in the namespace]
    #[arg(long, env = "CHEERFUL_AUTOSCALER", value_name = "HOST:PORT")]
    autoscaler: Option<String>,

    /// Make an autoscaler of its own for each Revision that asks for one
    #[arg(long, env = "CHEERFUL_DEDICATED")]
    dedicated: bool,

    /// Register external.metrics.k8s.io for HPAs, unless it is somebody else's
    #[arg(long, env = "CHEERFUL_EXTERNAL_METRICS")]
    external_metrics: bool,

    /// How long the gateway stays in the path after the pods are back
    #[arg(
        long,
        env = "CHEERFUL_GRACE",
        default_value = "30s",
        value_name = "TIME"
    )]
    grace: DurationText,

    /// Port of the pages /livez, /readyz and /metrics
    #[arg(long, env = "CHEERFUL_ADMIN_PORT", default_value_t = names::ADMIN_PORT, value_name = "PORT")]
    admin_port: u16,
}

/// Runs it until it is told to stop; then another leads at once.
///
/// # Errors
/// What a person has to know.
pub(crate) fn run(args: ControllerArgs) -> Result<(), Failure> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::later(format_args!("the runtime cannot start: {error}")))?
        .block_on(serve(args))
}

async fn serve(args: ControllerArgs) -> Result<(), Failure> {
    let mut signals = Signals::new()
        .map_err(|error| Failure::later(format_args!("signals cannot be received: {error}")))?;
    let client = ApiServer::default().client().await.map_err(|error| {
        Failure::bad_input(format_args!(
            "{error}; run it in a pod with a service account, or set KUBECONFIG"
        ))
    })?;
    let stop = CancellationToken::new();
    let metrics = Arc::new(ControllerMetrics::default());
    let address = SocketAddr::new(everywhere(), args.admin_port);
    let pages = pages(&metrics).serve(address, Router::new(), stop.clone());
    let namespace = &args.namespace;
    let lease = Lease::run(
        client.clone(),
        namespace,
        names::CONTROLLER,
        &args.pod,
        LeaseConfig::default(),
    );
    let (authority, bundle) = Authority::new(client.clone(), namespace, Lifetimes::default());
    let config = config(&args);
    let controller = Controller::new(client.clone(), config, Arc::clone(&metrics));
    let authority = authority.also_for(controller.dedicated());
    let registering = register(&args, client, bundle.clone(), &lease, metrics, stop.clone());
    let certificates = authority.run(lease.leadership(), stop.clone());
    let controlling = controller.run(lease.leadership(), bundle, stop.clone());
    let signalled = async {
        tokio::select! {
            asked = signals.next() => tracing::info!("{asked:?}: ending"),
            () = stop.cancelled() => {}
        }
        stop.cancel();
    };
    let ((), (), (), (), paged) =
        tokio::join!(certificates, controlling, registering, signalled, async {
            let paged = pages.await;
            // Without its pages it would be ended for it anyway.
            if paged.is_err() {
                stop.cancel();
            }
            paged
        });
    lease.release().await;
    paged.map_err(|error| {
        Failure::bad_input(format_args!("--admin-port {}: {error}", args.admin_port))
    })
}

/// Keeps the API for HPAs registered, where that is asked for.
async fn register(
    args: &ControllerArgs,
    client: Client,
    authorities: watch::Receiver<Option<Arc<str>>>,
    lease: &Lease,
    metrics: Arc<ControllerMetrics>,
    stop: CancellationToken,
) {
    if !args.external_metrics {
        return;
    }
    let namespaced = args.watch_namespace.is_some();
    let (registration, mut state) =
        Registration::new(client, &args.namespace, namespaced, authorities);
    let count = async {
        loop {
            let is = *state.borrow_and_update() == RegistrationState::Registered;
            metrics.registered.store(is.into(), Relaxed);
            if state.changed().await.is_err() {
                return;
            }
        }
    };
    tokio::join!(registration.run(lease.leadership(), stop), count);
}

/// All addresses: of both families where the node has IPv6.
fn everywhere() -> IpAddr {
    let both = IpAddr::from(Ipv6Addr::UNSPECIFIED);
    match TcpListener::bind((both, 0)) {
        Ok(_) => both,
        Err(_) => Ipv4Addr::UNSPECIFIED.into(),
    }
}

fn config(args: &ControllerArgs) -> ControllerConfig {
    let namespace = args.namespace.clone();
    let DurationText(grace) = args.grace;
    let autoscaler = args.autoscaler.clone().unwrap_or_else(|| {
        format!(
            "{}.{namespace}.svc:{}",
            names::AUTOSCALER,
            names::REPORTS_PORT
        )
    });
    ControllerConfig {
        watch_namespace: args.watch_namespace.clone(),
        pod: args.pod.clone(),
        policy: Policy {
            queue_image: args.queue_image.clone(),
            autoscaler,
            grace,
            system: namespace.clone(),
            namespaced: args.watch_namespace.is_some(),
            dedicated: args.dedicated,
        },
        namespace,
    }
}

fn pages(metrics: &Arc<ControllerMetrics>) -> Pages {
    let (known, counted) = (Arc::clone(metrics), Arc::clone(metrics));
    Pages {
        live: Arc::new(|| Ok(())),
        ready: Arc::new(move || match known.known.load(Relaxed) {
            0 => Err("not everything in the cluster was listed yet".to_owned()),
            _ => Ok(()),
        }),
        metrics: Arc::new(move || format!("{}# EOF\n", counted.text())),
    }
}
