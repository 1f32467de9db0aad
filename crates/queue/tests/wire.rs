// SPDX-License-Identifier: Apache-2.0
//! Reports over a real stream to what takes them.
#![allow(clippy::unwrap_used, clippy::panic, reason = "test code")]
mod pod;

use std::{collections::BTreeMap, net::SocketAddr, sync::Arc, time::Duration};

use cheerful_queue::{Settings, Sidecar};
use cheerful_rig::{App, Peer};
use cheerful_wire::{
    Admit, Downward, Hello, Link, Pace, Refusal, ReplicaReport, ServerConfig, ServerMetrics,
    Session, Upward, Who, serve,
};
use pod::{PATIENCE, get, until};
use tokio::{
    net::TcpListener,
    sync::mpsc,
    task::JoinSet,
    time::{Instant, timeout},
};
use tokio_util::sync::CancellationToken;

/// Lets everybody in, and hands on what is said.
struct Autoscaler {
    heard: mpsc::Sender<(Who, ReplicaReport)>,
    pace: Pace,
}

struct Heard {
    who: Who,
    to: mpsc::Sender<(Who, ReplicaReport)>,
}

impl Admit for Autoscaler {
    type Session = Heard;

    async fn admit(&self, hello: Hello, down: mpsc::Sender<Downward>) -> Result<Heard, Refusal> {
        down.try_send(self.pace.clone().into()).unwrap();
        Ok(Heard {
            who: hello.who,
            to: self.heard.clone(),
        })
    }

    fn interval(&self) -> Duration {
        self.pace.interval
    }
}

impl Session for Heard {
    async fn take(&mut self, message: Upward) -> Result<(), Refusal> {
        if let Upward::Report(report) = message {
            self.to.send((self.who.clone(), report)).await.ok();
        }
        Ok(())
    }
}

struct Streams {
    heard: mpsc::Receiver<(Who, ReplicaReport)>,
    stop: CancellationToken,
    _served: JoinSet<std::io::Result<()>>,
}

async fn autoscaler(listener: TcpListener, pace: Pace) -> Streams {
    let (heard, receiver) = mpsc::channel(1024);
    let stop = CancellationToken::new();
    let mut served = JoinSet::new();
    served.spawn(serve(
        listener,
        None,
        Arc::new(Autoscaler { heard, pace }),
        ServerConfig::default(),
        Arc::new(ServerMetrics::default()),
        stop.clone(),
    ));
    Streams {
        heard: receiver,
        stop,
        _served: served,
    }
}

impl Streams {
    async fn heard_where(&mut self, fits: impl Fn(&ReplicaReport) -> bool) -> (Who, ReplicaReport) {
        loop {
            let heard = timeout(PATIENCE, self.heard.recv()).await.unwrap().unwrap();
            if fits(&heard.1) {
                return heard;
            }
        }
    }
}

/// As the role wires it.
async fn start(
    app: SocketAddr,
    autoscaler: SocketAddr,
    transport: &str,
) -> (Sidecar, SocketAddr, Arc<Link>, JoinSet<std::io::Result<()>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let values: BTreeMap<&str, String> = BTreeMap::from([
        ("CHEERFUL_NAMESPACE", "shop".to_owned()),
        ("CHEERFUL_WORKLOAD", "cart".to_owned()),
        ("CHEERFUL_POD", "cart-1".to_owned()),
        ("CHEERFUL_POD_IP", "127.0.0.1".to_owned()),
        ("CHEERFUL_QUEUE_PORT", address.port().to_string()),
        ("CHEERFUL_AUTOSCALER", autoscaler.to_string()),
        ("CHEERFUL_TRANSPORT", transport.to_owned()),
        ("CHEERFUL_APP_PORT", app.port().to_string()),
    ]);
    let settings = Settings::read(|name| values.get(name).cloned()).unwrap();
    let (link, down) = Link::start(settings.link()).unwrap();
    let link = Arc::new(link);
    let sidecar = Sidecar::new(settings.sidecar(1_000, None));
    let mut served = JoinSet::new();
    let (serving, reports) = (sidecar.clone(), Arc::clone(&link));
    served.spawn(async move { serving.serve(listener, reports, down).await });
    (sidecar, address, link, served)
}

async fn travels_by(transport: &str) {
    let app = App::start().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    let pace = Pace {
        workload: None,
        interval: Duration::from_millis(100),
        burst_threshold: Some(2.0),
    };
    let mut streams = autoscaler(listener, pace.clone()).await;
    let (sidecar, address, link, mut served) = start(app.address(), at, transport).await;

    let (who, first) = streams.heard_where(|report| report.ready).await;
    assert_eq!(first.report.replica, "cart-1");
    assert!(first.report.sequence >= Some(1_000));
    let Who::Queue {
        workload,
        pod,
        address: told,
    } = who
    else {
        panic!("{who:?}")
    };
    assert_eq!(
        (workload.to_string().as_str(), pod.as_str(), told),
        ("shop/cart", "cart-1", address)
    );

    let mut running = Vec::new();
    for _ in 0..3 {
        let mut peer = Peer::connect(address).await;
        peer.send(&get("/wait/300")).await;
        running.push(peer);
    }
    let (_, burst) = streams
        .heard_where(|report| report.report.in_flight.is_some())
        .await;
    assert_eq!(burst.report.in_flight, Some(3.0));
    for mut peer in running {
        assert_eq!(peer.reply().await.status, 200);
    }

    // The autoscaler is away: nothing is felt of it. Another takes its place, and hears the same replica.
    streams.stop.cancel();
    drop(streams);
    until(|| link.metrics().connected == 0).await;
    let begun = Instant::now();
    for _ in 0..10 {
        assert_eq!(Peer::ask(address, &get("/")).await.status, 200);
    }
    assert!(begun.elapsed() < Duration::from_secs(5));
    let listener = TcpListener::bind(at).await.unwrap();
    let mut streams = autoscaler(listener, pace).await;
    let (_, again) = streams.heard_where(|report| report.ready).await;
    assert!(again.report.sequence > burst.report.sequence);

    sidecar.terminate();
    streams
        .heard_where(|report| report.draining && !report.ready)
        .await;
    timeout(PATIENCE, served.join_next())
        .await
        .unwrap()
        .unwrap()
        .unwrap()
        .unwrap();
}

#[tokio::test]
async fn an_autoscaler_that_comes_late_is_told_at_once_that_the_app_answers() {
    let app = App::start().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    let pace = Pace {
        workload: None,
        interval: Duration::from_secs(60),
        burst_threshold: None,
    };
    let mut streams = autoscaler(listener, pace.clone()).await;
    let (_sidecar, _, link, _served) = start(app.address(), at, "grpc").await;
    streams.heard_where(|report| report.ready).await;
    streams.stop.cancel();
    drop(streams);
    until(|| link.metrics().connected == 0).await;
    let listener = TcpListener::bind(at).await.unwrap();
    let mut streams = autoscaler(listener, pace).await;
    // Long before the interval is over.
    streams.heard_where(|report| report.ready).await;
}

#[tokio::test]
async fn over_grpc() {
    travels_by("grpc").await;
}

#[tokio::test]
async fn over_a_websocket() {
    travels_by("websocket").await;
}
