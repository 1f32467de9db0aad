// SPDX-License-Identifier: Apache-2.0
use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use cheerful_wire::Workload;
use http::{Request, StatusCode, header::HOST};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::{body::Bytes, client::conn::http1};
use hyper_util::rt::TokioIo;
use k8s_openapi::api::core::v1::Pod;
use kube::{Api, Client, api::ListParams};
use tokio::{net::TcpStream, sync::watch, task::JoinSet, time::timeout};

use super::key;
use crate::{
    external::{Figures, Unknown},
    lease::Leadership,
};

/// The replica that leads a workload, where that is another one.
pub(super) struct Leader {
    pods: Api<Pod>,
    /// Where each replica has its pages.
    port: u16,
    /// By shard.
    leads: Vec<watch::Receiver<Leadership>>,
    /// The pod that was found last, and its address: a pod keeps it for as long as it lives.
    found: Mutex<Option<(String, IpAddr)>>,
}

/// For the whole answer; an HPA asks again after 15 s.
const LIMIT: Duration = Duration::from_secs(2);
/// An answer is two numbers or a sentence.
const MOST_BYTES: usize = 16 * 1024;

impl Leader {
    pub(super) fn new(
        client: &Client,
        namespace: &str,
        port: u16,
        leads: Vec<watch::Receiver<Leadership>>,
    ) -> Self {
        Self {
            pods: Api::namespaced(client.clone(), namespace),
            port,
            leads,
            found: Mutex::default(),
        }
    }

    pub(super) async fn figures(&self, workload: &Workload) -> Result<Figures, Unknown> {
        let shard = key::shard(workload, self.leads.len());
        let leader = self.leads.get(shard);
        let leader = leader.and_then(|leads| leads.borrow().leader.clone());
        let leader = leader.ok_or_else(|| Unknown::Now("nobody leads now".to_owned()))?;
        let asked = async {
            let address = self.address(&leader).await?;
            ask(SocketAddr::new(address, self.port), workload).await
        };
        let answered = (timeout(LIMIT, asked).await)
            .unwrap_or_else(|_| Err(format!("no answer within {} s", LIMIT.as_secs())));
        let (status, body) = answered.map_err(|why| {
            self.keep(None);
            Unknown::Now(format!("{leader}, which leads, does not tell: {why}"))
        })?;
        match status {
            StatusCode::OK => serde_json::from_slice(&body)
                .map_err(|error| Unknown::Now(format!("{leader} tells no figures: {error}"))),
            StatusCode::NOT_FOUND => Err(Unknown::NotThere(workload.to_string())),
            _ => Err(Unknown::Now(
                String::from_utf8_lossy(&body).trim().to_owned(),
            )),
        }
    }

    async fn address(&self, pod: &str) -> Result<IpAddr, String> {
        let found = self
            .found
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        if let Some((_, address)) = found.filter(|(name, _)| name == pod) {
            return Ok(address);
        }
        // Our right is to list them.
        let one = ListParams::default().fields(&format!("metadata.name={pod}"));
        let listed = (self.pods.list(&one).await).map_err(|error| error.to_string())?;
        let status = listed.items.into_iter().next().and_then(|pod| pod.status);
        let address = status.and_then(|status| status.pod_ip?.parse().ok());
        let address = address.ok_or("its pod has no address")?;
        self.keep(Some((pod.to_owned(), address)));
        Ok(address)
    }

    fn keep(&self, found: Option<(String, IpAddr)>) {
        *self.found.lock().unwrap_or_else(PoisonError::into_inner) = found;
    }
}

async fn ask(address: SocketAddr, workload: &Workload) -> Result<(StatusCode, Bytes), String> {
    let stream = TcpStream::connect(address).await;
    let stream = stream.map_err(|error| error.to_string())?;
    let connected = http1::handshake(TokioIo::new(stream)).await;
    let (mut sender, connection) = connected.map_err(|error| error.to_string())?;
    let mut tasks = JoinSet::new();
    tasks.spawn(connection);
    let request = Request::get(format!("/v1/figures/{workload}"))
        .header(HOST, address.to_string())
        .body(Empty::<Bytes>::new())
        .map_err(|error| error.to_string())?;
    let answer = sender.send_request(request).await;
    let (head, body) = answer.map_err(|error| error.to_string())?.into_parts();
    let body = Limited::new(body, MOST_BYTES).collect().await;
    let body = body.map_err(|error| error.to_string())?;
    Ok((head.status, body.to_bytes()))
}

impl fmt::Debug for Leader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Leader").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use http::Response;
    use http_body_util::Full;
    use hyper::{body::Incoming, server, service::service_fn};
    use kube::Config;
    use serde_json::json;
    use tokio::net::TcpListener;

    use super::*;

    /// On loopback: an API server that knows one pod, which is at this address, and that pod's pages.
    struct Stand {
        leader: Arc<Leader>,
        leads: watch::Sender<Leadership>,
        _tasks: JoinSet<()>,
    }

    impl Stand {
        async fn set() -> Self {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let mut tasks = JoinSet::new();
            tasks.spawn(async move {
                let mut connections = JoinSet::new();
                loop {
                    let (stream, _) = listener.accept().await.unwrap();
                    let service =
                        service_fn(async |request| Ok::<_, http::Error>(answer(&request)));
                    let served = server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service);
                    connections.spawn(served);
                }
            });
            let client =
                Client::try_from(Config::new(format!("http://{address}").parse().unwrap()));
            let (leads, follows) = watch::channel(Leadership::default());
            let leader = Leader::new(&client.unwrap(), "home", address.port(), vec![follows]);
            Self {
                leader: Arc::new(leader),
                leads,
                _tasks: tasks,
            }
        }

        async fn ask(&self, workload: &str) -> Result<Figures, Unknown> {
            self.leader.figures(&key::workload(workload).unwrap()).await
        }

        fn led_by(&self, pod: &str) {
            self.leads
                .send_modify(|leads| leads.leader = Some(pod.to_owned()));
        }
    }

    fn answer(request: &Request<Incoming>) -> Response<Full<Bytes>> {
        let pods = |items| {
            let list =
                json!({"kind": "PodList", "apiVersion": "v1", "metadata": {}, "items": items});
            (200, list.to_string())
        };
        let uri = request.uri();
        let (status, body) = match (uri.path(), uri.query().unwrap_or_default()) {
            ("/api/v1/namespaces/home/pods", query) if query.contains("metadata.name%3Dpod-1") => {
                pods(json!([{"metadata": {"name": "pod-1"}, "status": {"podIP": "127.0.0.1"}}]))
            }
            ("/api/v1/namespaces/home/pods", _) => pods(json!([])),
            ("/v1/figures/shop/autoscaler/cart", _) => {
                (200, json!({"inFlight": 3.5, "wanted": 7}).to_string())
            }
            ("/v1/figures/shop/silent", _) => (503, "all are silent\n".to_owned()),
            ("/v1/figures/shop/long", _) => (200, "x".repeat(MOST_BYTES + 1)),
            _ => (404, "nothing\n".to_owned()),
        };
        let answer = Response::builder().status(status);
        answer.body(Full::new(Bytes::from(body))).unwrap()
    }

    #[tokio::test]
    async fn the_one_that_leads_is_asked() {
        let stand = Stand::set().await;
        let told = async |workload| stand.ask(workload).await.unwrap_err().to_string();
        assert_eq!(told("shop/cart").await, "nobody leads now");
        stand.led_by("pod-2");
        let why = told("shop/cart").await;
        assert!(
            why.contains("pod-2, which leads, does not tell: its pod has no address"),
            "{why}"
        );
        stand.led_by("pod-1");
        let figures = stand.ask("shop/autoscaler/cart").await.unwrap();
        assert_eq!((figures.in_flight, figures.wanted), (Some(3.5), 7));
        assert_eq!(told("shop/silent").await, "all are silent");
        let why = told("shop/cart").await;
        assert!(why.starts_with("nothing scales shop/cart here"), "{why}");
        let why = told("shop/long").await;
        assert!(why.contains("does not tell"), "{why}");
    }
}
