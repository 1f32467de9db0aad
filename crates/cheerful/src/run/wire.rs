// SPDX-License-Identifier: Apache-2.0
use std::{io, sync::Arc, time::Duration};

use cheerful_autoscaler::{AutoscalerConfig, DecisionLine};
use cheerful_console::{Console, guarded};
use cheerful_gateway::Gateway;
use cheerful_processes::{ProcessesConfig, WardenCommand};
use tokio::{
    runtime,
    sync::{
        broadcast::{self, error::RecvError},
        mpsc,
    },
    task::JoinSet,
};

use super::{
    RunOptions,
    control::{Control, names},
    keeping::Keeping,
    listen::Door,
    output, revisions,
    serve::Serving,
    systemd, tls,
};
use crate::{
    api::{Acts, Api, ApiSocket, Readiness, serve},
    exit::Failure,
    instance, otlp,
    signals::Signals,
    site::{Hand, Site, Spec, Statsd},
};

/// Events of the gateway that wait for the control path. A full channel costs the data path nothing: the gateway
/// counts the event and raises it again.
const GATEWAY_EVENTS: usize = 4096;

/// Runs until somebody asks for the end. Blocks.
///
/// # Errors
/// 2: something that was given cannot be used, and nothing was started. 1: something failed later.
/// 130: ended at once by a second Ctrl-C.
pub(crate) fn run(options: RunOptions) -> Result<(), Failure> {
    let handed_over =
        systemd::sockets().map_err(|error| Failure::bad_input(format!("LISTEN_FDS: {error}")))?;
    let specs = revisions::read(&options.source, options.shadow).map_err(Failure::bad_input)?;
    let tls = options.tls.as_ref().map(tls::server_config).transpose()?;
    let door = Door::open(handed_over, options.listen)?;
    let admin = options.admin.listen("--admin")?;
    let socket = match &options.socket {
        Some(path) => ApiSocket::bind(path)?,
        None => ApiSocket::bind_in(&instance::runtime_folder(), &socket_name(&door))?,
    };
    if let Some(file) = &options.record {
        check_record(file)?;
    }
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Failure::later)?;
    let opened = Opened {
        door,
        tls,
        admin,
        socket,
    };
    let result = runtime.block_on(start(options, specs, opened));
    // A second Ctrl-C does not wait for anything.
    runtime.shutdown_timeout(Duration::from_millis(100));
    result
}

/// What was opened before anything started.
struct Opened {
    door: Door,
    tls: Option<Arc<rustls::ServerConfig>>,
    admin: Option<std::net::TcpListener>,
    socket: ApiSocket,
}

async fn start(options: RunOptions, specs: Vec<Spec>, opened: Opened) -> Result<(), Failure> {
    let Opened {
        door,
        tls,
        admin,
        socket,
    } = opened;
    let signals = Signals::new().map_err(Failure::later)?;
    let (events, gateway_events) = mpsc::channel(GATEWAY_EVENTS);
    let gateway = Gateway::new(events);
    let autoscaler = AutoscalerConfig {
        tick: options.tick,
        record: options.record.clone(),
    };
    let processes = processes().map_err(Failure::later)?;
    let statsd = Statsd::new(options.statsd);
    let gateway_of_site = Arc::clone(&gateway);
    let site = Site::start(
        gateway_of_site,
        gateway_events,
        autoscaler,
        processes,
        statsd,
    )
    .map_err(Failure::later)?;
    let revisions = specs.len();
    let names = names(&specs);
    site.apply(specs, false).await.map_err(Failure::later)?;
    let mut keeping = Keeping::start(&options, &site);
    keeping.recall(&site, &names).await;
    let readiness = Readiness::default();
    let api = Api {
        parts: site.parts.clone(),
        readiness: readiness.clone(),
    };
    let console_url = admin
        .as_ref()
        .map(url_of)
        .transpose()
        .map_err(Failure::later)?;
    let hand = options.allow_actions.then(|| site.hand());
    let mut side_tasks = serve_api(api, &socket, admin, hand).map_err(Failure::later)?;
    let serving =
        Serving::start(&door, tls.as_ref(), &gateway, options.threads).map_err(Failure::later)?;
    let url = door.url(tls.is_some());
    // The serving threads have their own handles: when they stop accepting, nobody accepts.
    drop(door);
    let socket_path = socket.path().display();
    match console_url {
        Some(console) => {
            tracing::info!(url, console, revisions, socket = %socket_path, "listening on {url} (console: {console})");
        }
        None => tracing::info!(url, revisions, socket = %socket_path, "listening on {url}"),
    }
    if let Some(collector) = options.otlp.clone() {
        let parts = site.parts.clone();
        let (counts, decided) = (Arc::clone(&parts.otlp), parts.autoscaler.follow());
        let instance = std::process::id().to_string();
        side_tasks.spawn(otlp::export(collector, instance, counts, decided, parts));
    }
    side_tasks.spawn(say_decisions(site.parts.autoscaler.follow()));
    let control = Control {
        options,
        site,
        serving,
        signals,
        readiness,
        keeping,
    };
    let result = control.run(side_tasks).await;
    drop(socket);
    result
}

/// What the replicas write goes where we write; this very program is their warden.
fn processes() -> io::Result<ProcessesConfig> {
    let warden = WardenCommand {
        program: std::env::current_exe()?,
        arguments: vec!["warden".to_owned()],
    };
    Ok(ProcessesConfig {
        lines: Some(output::sink()),
        warden: Some(warden),
    })
}

/// One line for each decision that changes the count.
async fn say_decisions(mut decisions: broadcast::Receiver<(String, DecisionLine)>) {
    loop {
        match decisions.recv().await {
            Ok((revision, decision)) if decision.from != decision.replicas => {
                tracing::info!(revision, "{}", decision.sentence);
            }
            Ok(_) => {}
            Err(RecvError::Lagged(lost)) => tracing::warn!(lost, "decisions are not told here"),
            Err(RecvError::Closed) => break,
        }
    }
}

fn url_of(listener: &std::net::TcpListener) -> io::Result<String> {
    Ok(format!("http://{}/", listener.local_addr()?))
}

/// On the Unix socket, and on TCP with the console.
fn serve_api(
    api: Api,
    socket: &ApiSocket,
    admin: Option<std::net::TcpListener>,
    hand: Option<Hand>,
) -> io::Result<JoinSet<()>> {
    let mut tasks = JoinSet::new();
    let listener = socket.listener()?;
    let autoscaler = api.parts.autoscaler.clone();
    let counts = Arc::clone(&api.parts.console);
    let router = api.router();
    if let Some(admin) = admin {
        let admin = tokio::net::TcpListener::from_std(admin)?;
        let (console, follow) = Console::of(autoscaler.clone(), hand.is_some(), counts);
        tasks.spawn(follow);
        let mut router = router.clone().merge(console.router());
        if let Some(hand) = hand {
            let acts = Acts {
                hand,
                autoscaler,
                console,
            };
            router = router.merge(acts.router());
        }
        tasks.spawn(serve(admin, guarded(router)));
    }
    tasks.spawn(serve(listener, router));
    Ok(tasks)
}

/// Named for the port; for a Unix socket of systemd's there is none, and the process tells instances apart.
fn socket_name(door: &Door) -> String {
    let name = door.port().map_or_else(
        || format!("pid-{}", std::process::id()),
        |port| port.to_string(),
    );
    format!("{name}.sock")
}

fn check_record(file: &std::path::Path) -> Result<(), Failure> {
    let opened = std::fs::OpenOptions::new()
        .append(true)
        .create(true)
        .open(file);
    opened.map(drop).map_err(|error| {
        Failure::bad_input(format!(
            "--record {}: {error}; a file that can be written is right",
            file.display()
        ))
    })
}
