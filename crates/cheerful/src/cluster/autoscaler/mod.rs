// SPDX-License-Identifier: Apache-2.0
//! `autoscaler`: decides how many replicas there are.
mod api;
mod args;
mod metrics;

use std::{net::SocketAddr, sync::Arc};

use cheerful_console::Console;
use cheerful_kubernetes::{
    ApiServer,
    external::{ExternalMetrics, follow_front_proxy},
    lease::{Lease, LeaseConfig},
    names,
    scaler::{Certificate, ClusterAutoscaler, follow_certificate},
};
use cheerful_wire::{ServerConfig, ServerMetrics, ServerTls};
use tokio::{net::TcpListener, sync::watch, task::JoinSet};
use tokio_util::sync::CancellationToken;

pub(crate) use args::AutoscalerArgs;

use super::pages::Pages;
use crate::{
    exit::Failure,
    otlp,
    signals::{Asked, Signals},
};
use args::Options;
use metrics::Counted;

/// Runs it until it is told to stop.
///
/// # Errors
/// What a person has to know.
pub(crate) fn run(args: AutoscalerArgs) -> Result<(), Failure> {
    let options = args.options()?;
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::later(format_args!("the runtime cannot start: {error}")))?
        .block_on(serve(options))
}

async fn serve(options: Options) -> Result<(), Failure> {
    let mut signals = Signals::new().map_err(Failure::later)?;
    let client = ApiServer::default()
        .client()
        .await
        .map_err(Failure::bad_input)?;
    let listener = TcpListener::bind(options.reports)
        .await
        .map_err(|error| taken("--reports-address", &options.reports, &error))?;
    let scaler = &options.scaler;
    let leases: Vec<Lease> = (options.leases.iter())
        .map(|lease| {
            let config = LeaseConfig::default();
            Lease::run_owned(
                client.clone(),
                &options.namespace,
                lease,
                &scaler.pod,
                config,
                options.service_uid.as_deref(),
            )
        })
        .collect();
    let leads = leases.iter().map(Lease::leadership).collect();
    let running = ClusterAutoscaler::start(client.clone(), scaler.clone(), leads)
        .map_err(Failure::bad_input)?;
    let (secured, certificate) = watch::channel(None);
    let stop = CancellationToken::new();
    let streams = Arc::new(ServerMetrics::default());
    let mut tasks = JoinSet::new();
    if options.plaintext {
        secured.send_replace(Some(Certificate {
            chain: String::new(),
            key: String::new(),
        }));
    } else {
        let secret = names::AUTOSCALER_TLS_SECRET.to_owned();
        tasks.spawn(follow_certificate(
            client.clone(),
            options.namespace.clone(),
            secret,
            secured,
        ));
    }
    let counted = Counted::new(&running, &streams);
    if let Some(collector) = options.otlp {
        let decided = running.autoscaler().follow();
        let (pod, counts) = (scaler.pod.clone(), Arc::clone(&counted.otlp));
        tasks.spawn(otlp::export(
            collector,
            pod,
            counts,
            decided,
            counted.clone(),
        ));
    }
    let dropped = Arc::clone(&counted.console);
    let figures = running.figures(&client, &options.namespace, options.admin_port);
    if let Some(address) = options.external {
        let listener = TcpListener::bind(address)
            .await
            .map_err(|error| taken("--external-metrics-port", &address, &error))?;
        let (to, front_proxy) = watch::channel(None);
        tasks.spawn(follow_front_proxy(client.clone(), to));
        let server = ExternalMetrics {
            knows: figures.clone(),
            certificate: certificate.clone(),
            front_proxy,
            counts: Arc::clone(&counted.external),
        };
        tasks.spawn(server.serve(listener, stop.clone()));
    }
    let texts = metrics::follow(&mut tasks, counted);
    let pages = pages(&running, certificate.clone(), texts);
    let reports = reports(
        listener,
        options.plaintext,
        certificate,
        &running,
        streams,
        stop.clone(),
    );
    let admin = SocketAddr::new(options.reports.ip(), options.admin_port);
    let (console, follow) = Console::of(running.autoscaler().clone(), false, dropped);
    tasks.spawn(follow);
    let api =
        api::router(running.autoscaler().clone(), running.view(), figures).merge(console.data());
    let paged = pages.serve(admin, api, stop.clone());
    tracing::info!(pod = scaler.pod, "takes reports at {}", options.reports);
    let ended = tokio::select! {
        ended = reports => ended,
        ended = paged => ended.map_err(|error| taken("--admin-port", &admin, &error)),
        () = end_asked(&mut signals) => Ok(()),
    };
    stop.cancel();
    // Who takes over need not wait for the lease to end.
    for lease in leases {
        lease.release().await;
    }
    tasks.shutdown().await;
    running.stop().await;
    ended
}

/// Takes reports once there is a certificate, and each new one that comes.
async fn reports(
    listener: TcpListener,
    plaintext: bool,
    mut certificate: watch::Receiver<Option<Certificate>>,
    running: &ClusterAutoscaler,
    metrics: Arc<ServerMetrics>,
    stop: CancellationToken,
) -> Result<(), Failure> {
    let door = Arc::new(running.door());
    let config = ServerConfig::default();
    if plaintext {
        let served = cheerful_wire::serve(listener, None, door, config, metrics, stop);
        return served.await.map_err(Failure::later);
    }
    let tls = loop {
        let seen = certificate.borrow_and_update().clone();
        match seen.map(|seen| ServerTls::new(&seen.chain, &seen.key)) {
            Some(Ok(tls)) => break tls,
            Some(Err(error)) => tracing::warn!("the certificate cannot be used: {error}"),
            None => {}
        }
        if certificate.changed().await.is_err() {
            return Err(Failure::later("the certificate is not followed any more"));
        }
    };
    let renewed = async {
        while certificate.changed().await.is_ok() {
            let seen = certificate.borrow_and_update().clone();
            let replaced = seen.map(|seen| tls.replace(&seen.chain, &seen.key));
            match replaced {
                Some(Err(error)) => tracing::warn!("the certificate before stays: {error}"),
                Some(Ok(())) => tracing::info!("the certificate was renewed"),
                None => {}
            }
        }
        std::future::pending::<()>().await;
    };
    tokio::select! {
        served = cheerful_wire::serve(listener, Some(tls.clone()), door, config, metrics, stop) => {
            served.map_err(Failure::later)
        }
        () = renewed => Ok(()),
    }
}

fn pages(
    running: &ClusterAutoscaler,
    certificate: watch::Receiver<Option<Certificate>>,
    texts: watch::Receiver<String>,
) -> Pages {
    let view = running.view();
    Pages {
        live: Arc::new(|| Ok(())),
        ready: Arc::new(move || {
            view.ready()?;
            if certificate.borrow().is_none() {
                let secret = names::AUTOSCALER_TLS_SECRET;
                return Err(format!(
                    "waits for Secret {secret}, which the controller makes"
                ));
            }
            Ok(())
        }),
        metrics: Arc::new(move || texts.borrow().clone()),
    }
}

async fn end_asked(signals: &mut Signals) {
    while signals.next().await == Asked::HangUp {}
}

fn taken(what: &str, address: &SocketAddr, error: &std::io::Error) -> Failure {
    Failure::bad_input(format_args!(
        "{what}: {address}: {error}; an address that is free is right"
    ))
}
