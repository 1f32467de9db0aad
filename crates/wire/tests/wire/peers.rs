// SPDX-License-Identifier: Apache-2.0
//! A server that keeps what it is told, and links to it.
use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::Duration,
};

use cheerful_scaling::{Latency, Report};
use cheerful_wire::{
    Admit, Downward, Hello, Link, LinkConfig, Refusal, ReplicaReport, ServerConfig, ServerCounts,
    ServerMetrics, ServerTls, Session, Transport, Upward, Who, Workload, WorkloadKind, serve,
};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio::{
    net::TcpListener,
    sync::mpsc,
    task::JoinSet,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

pub(crate) const BOTH: [Transport; 2] = [Transport::Grpc, Transport::WebSocket];
/// The name in the certificates.
pub(crate) const NAME: &str = "autoscaler.test";

/// Lets in who shows the token that it wants, and keeps everything.
pub(crate) struct Keeper {
    pub(crate) wanted_token: String,
    pub(crate) take_time: Duration,
    pub(crate) hellos: mpsc::Sender<(Hello, mpsc::Sender<Downward>)>,
    pub(crate) messages: mpsc::Sender<(Who, Upward)>,
    pub(crate) ended: mpsc::Sender<Who>,
}

pub(crate) struct Kept {
    who: Who,
    take_time: Duration,
    messages: mpsc::Sender<(Who, Upward)>,
    ended: mpsc::Sender<Who>,
}

impl Admit for Keeper {
    type Session = Kept;

    async fn admit(&self, hello: Hello, down: mpsc::Sender<Downward>) -> Result<Kept, Refusal> {
        if hello.token != self.wanted_token {
            return Err(refusal("token", "another token is wanted"));
        }
        let who = hello.who.clone();
        self.hellos.send((hello, down)).await.unwrap();
        Ok(Kept {
            who,
            take_time: self.take_time,
            messages: self.messages.clone(),
            ended: self.ended.clone(),
        })
    }

    fn interval(&self) -> Duration {
        Duration::from_secs(1)
    }
}

impl Session for Kept {
    async fn take(&mut self, message: Upward) -> Result<(), Refusal> {
        sleep(self.take_time).await;
        if message == Upward::Token("wrong".to_owned()) {
            return Err(refusal("token", "the renewed token is wrong"));
        }
        self.messages
            .send((self.who.clone(), message))
            .await
            .unwrap();
        Ok(())
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        drop(self.ended.try_send(self.who.clone()));
    }
}

fn refusal(reason: &'static str, text: &str) -> Refusal {
    Refusal {
        reason,
        text: text.to_owned(),
    }
}

/// A server that runs, and what it was told.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) hellos: mpsc::Receiver<(Hello, mpsc::Sender<Downward>)>,
    pub(crate) messages: mpsc::Receiver<(Who, Upward)>,
    pub(crate) ended: mpsc::Receiver<Who>,
    pub(crate) metrics: Arc<ServerMetrics>,
    pub(crate) stop: CancellationToken,
    pub(crate) tasks: JoinSet<()>,
}

/// How a server is made.
#[derive(Clone, Default)]
pub(crate) struct Wanted {
    pub(crate) tls: Option<ServerTls>,
    pub(crate) token: String,
    pub(crate) take_time: Duration,
    pub(crate) config: ServerConfig,
    /// `None`: any port of 127.0.0.1.
    pub(crate) address: Option<SocketAddr>,
}

impl Server {
    pub(crate) async fn start(wanted: Wanted) -> Self {
        let address = wanted.address.unwrap_or_else(|| ([127, 0, 0, 1], 0).into());
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (hello_sender, hellos) = mpsc::channel(64);
        let (message_sender, messages) = mpsc::channel(100_000);
        let (end_sender, ended) = mpsc::channel(4096);
        let keeper = Arc::new(Keeper {
            wanted_token: wanted.token,
            take_time: wanted.take_time,
            hellos: hello_sender,
            messages: message_sender,
            ended: end_sender,
        });
        let metrics = Arc::new(ServerMetrics::default());
        let stop = CancellationToken::new();
        let mut tasks = JoinSet::new();
        let (counted, stopped) = (Arc::clone(&metrics), stop.clone());
        tasks.spawn(async move {
            serve(
                listener,
                wanted.tls,
                keeper,
                wanted.config,
                counted,
                stopped,
            )
            .await
            .unwrap();
        });
        Self {
            address,
            hellos,
            messages,
            ended,
            metrics,
            stop,
            tasks,
        }
    }

    /// Without a goodbye.
    pub(crate) async fn kill(mut self) {
        self.tasks.shutdown().await;
    }

    /// The next stream that was let in.
    pub(crate) async fn hello(&mut self) -> (Hello, mpsc::Sender<Downward>) {
        soon(self.hellos.recv()).await.unwrap()
    }

    /// The next report's sequence.
    pub(crate) async fn sequence(&mut self) -> u64 {
        match soon(self.messages.recv()).await.unwrap().1 {
            Upward::Report(message) => message.report.sequence.unwrap(),
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn counts(&self) -> ServerCounts {
        self.metrics.snapshot()
    }

    pub(crate) fn refused(&self, reason: &str) -> u64 {
        let all = self.counts().refused_total;
        all.iter().find(|(word, _)| *word == reason).unwrap().1
    }
}

/// Within a generous time.
pub(crate) async fn soon<T>(what: impl Future<Output = T>) -> T {
    timeout(Duration::from_secs(20), what)
        .await
        .expect("it takes too long")
}

/// Waits until it is so.
pub(crate) async fn until(mut so: impl FnMut() -> bool) {
    soon(async {
        while !so() {
            sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
}

/// A queue's link to a server without TLS.
pub(crate) fn config(server: SocketAddr, transport: Transport, pod: &str) -> LinkConfig {
    LinkConfig {
        autoscaler: server.to_string(),
        server_name: None,
        ca_file: None,
        token_file: None,
        transport,
        who: queue(pod),
        refresh: Duration::from_millis(100),
    }
}

/// A link whose stream is up.
pub(crate) async fn up(config: LinkConfig) -> (Link, mpsc::Receiver<Downward>) {
    let (link, down) = Link::start(config).unwrap();
    until(|| link.metrics().connected > 0).await;
    (link, down)
}

pub(crate) fn workload() -> Workload {
    Workload {
        namespace: "shop".to_owned(),
        kind: WorkloadKind::Revision,
        name: "cart".to_owned(),
    }
}

pub(crate) fn queue(pod: &str) -> Who {
    Who::Queue {
        workload: workload(),
        pod: pod.to_owned(),
        address: ([10, 0, 0, 7], 8012).into(),
    }
}

pub(crate) fn report(sequence: u64) -> Upward {
    let mut counts = [0; Latency::BUCKETS];
    counts[3] = 7;
    counts[63] = 1;
    Upward::Report(ReplicaReport {
        report: Report {
            replica: String::new(),
            sequence: Some(sequence),
            age_seconds: 0.0,
            seconds: 1.0,
            request_seconds: 2.5,
            waiting_seconds: 0.5,
            requests: 8,
            refused: 1,
            in_flight: Some(3.0),
            latency: Some(Latency::from_counts(&counts)),
        },
        ready: true,
        draining: false,
    })
}

/// A certificate authority, as the controller makes one.
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub(crate) fn new(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params
            .distinguished_name
            .push(rcgen::DnType::CommonName, name);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    pub(crate) fn pem(&self) -> String {
        self.0.pem()
    }

    /// A certificate for a server and its key.
    pub(crate) fn issue(&self, name: &str) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        (certificate.pem(), key.serialize_pem())
    }

    pub(crate) fn server_tls(&self) -> ServerTls {
        let (chain, key) = self.issue(NAME);
        ServerTls::new(&chain, &key).unwrap()
    }
}

/// A file that can be replaced.
pub(crate) struct Folder(tempfile::TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// Writes it at one stroke, as the kubelet does.
    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path().join(name);
        let new = self.path().join(format!("{name}.new"));
        std::fs::write(&new, text).unwrap();
        std::fs::rename(new, &path).unwrap();
        path
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }
}

/// Addresses that a test can change.
pub(crate) type Addresses = Arc<Mutex<Vec<SocketAddr>>>;

pub(crate) fn lookup(addresses: &Addresses) -> cheerful_wire::Lookup {
    let addresses = Arc::clone(addresses);
    Arc::new(move || {
        let found = addresses.lock().unwrap().clone();
        Box::pin(async move { Ok(found) })
    })
}
