// SPDX-License-Identifier: Apache-2.0
//! Who may speak to the autoscaler that is installed, and what garbage does to it.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "test code: a failure is a panic"
)]
mod stage;

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use cheerful_kubernetes::names;
use cheerful_rig::cluster::{self, eventually};
use cheerful_scaling::Report;
use cheerful_wire::{
    Link, LinkConfig, ReplicaReport, Transport, Upward, Who, Workload, WorkloadKind,
};
use k8s_openapi::api::core::v1::{ConfigMap, Pod};
use serde_json::json;
use tempfile::TempDir;
use tokio::{io::AsyncWriteExt, net::TcpStream, task::JoinSet, time::interval};

use stage::{Stage, ip, name};

#[tokio::test]
async fn only_a_pod_itself_speaks_for_it() {
    let Some(cluster) = cluster::connect().await else {
        return;
    };
    let speaker = Speaker::set(&cluster, "tokens").await;
    let (mine, other) = (&speaker.pods[0], &speaker.pods[1]);
    let own = speaker
        .token(&["--audience", names::TOKEN_AUDIENCE], Some(mine))
        .await;

    let refused = [
        (
            "a forged token",
            "eyJhbGciOiJIUzI1NiJ9.e30.c2lnbmF0dXJl".to_owned(),
            mine,
            "one",
        ),
        ("no token", String::new(), mine, "one"),
        (
            "a token of no pod",
            speaker
                .token(&["--audience", names::TOKEN_AUDIENCE], None)
                .await,
            mine,
            "one",
        ),
        (
            "a token for somebody else",
            speaker.token(&[], Some(mine)).await,
            mine,
            "one",
        ),
        ("another pod's name", own.clone(), other, "two"),
        ("another revision's name", own.clone(), mine, "two"),
    ];
    for (what, token, pod, revision) in refused {
        let link = speaker.link(&token, pod, revision);
        eventually(&format!("{what} is refused"), async || {
            let metrics = link.metrics();
            assert_eq!(metrics.connected, 0, "{what} was let in");
            (metrics.refused_total > 0).then_some(())
        })
        .await;
    }
    let link = speaker.link(&own, mine, "one");
    eventually("the pod itself is let in", async || {
        (link.metrics().connected == 1).then_some(())
    })
    .await;
}

#[tokio::test]
async fn garbage_at_the_port_for_reports_changes_nothing() {
    let Some(cluster) = cluster::connect().await else {
        return;
    };
    let speaker = Speaker::set(&cluster, "garbage").await;
    let mine = &speaker.pods[0];
    let own = speaker
        .token(&["--audience", names::TOKEN_AUDIENCE], Some(mine))
        .await;
    let link = speaker.link(&own, mine, "one");
    eventually("it is let in", async || {
        (link.metrics().connected == 1).then_some(())
    })
    .await;

    // For ten seconds: 1,000 connections a second that say nothing sensible, and 1,000 reports that cannot be.
    let mut strangers = JoinSet::new();
    let mut each = interval(Duration::from_millis(10));
    for round in 0..1_000_u64 {
        each.tick().await;
        for _ in 0..10 {
            if strangers.len() > 200 {
                strangers.join_next().await;
            }
            let (address, bytes) = (speaker.autoscaler, noise(round));
            strangers.spawn(async move {
                if let Ok(mut connection) = TcpStream::connect(address).await {
                    connection.write_all(&bytes).await.ok();
                }
            });
            link.send(Upward::Report(nonsense(round)));
        }
    }
    strangers.join_all().await;

    for pod in speaker.stage.system.pods("autoscaler").await {
        let status = pod.status.unwrap().container_statuses.unwrap();
        assert_eq!(status[0].restart_count, 0);
    }
    assert_eq!(speaker.stage.written("one").await, 1);
    let mut traffic = speaker.stage.traffic("two", "/wait?ms=200").await;
    traffic.add(10, Duration::from_millis(1));
    speaker.stage.at("two", 2).await;
    let tally = traffic.end().await;
    assert!(tally.failed.is_empty(), "{:?}", tally.failed);
}

/// Speaks to an autoscaler as the pods of two Revisions, `one` and `two`.
struct Speaker {
    stage: Stage,
    pods: Vec<Pod>,
    autoscaler: SocketAddr,
    files: TempDir,
}

impl Speaker {
    async fn set(cluster: &cluster::Cluster, test: &str) -> Self {
        let stage = Stage::set(cluster, test).await;
        let mut scaling = stage::quick();
        scaling["min"] = json!(1);
        let mut pods = Vec::new();
        for revision in ["one", "two"] {
            stage.revision(revision, &[], scaling.clone()).await;
            stage.at(revision, 1).await;
            pods.push(stage.pods(revision).await.remove(0));
        }
        let files = TempDir::new().unwrap();
        let authority = stage
            .namespace
            .api::<ConfigMap>()
            .get(names::CA_CONFIG_MAP)
            .await
            .unwrap();
        std::fs::write(
            files.path().join("ca.crt"),
            &authority.data.unwrap()["ca.crt"],
        )
        .unwrap();
        let pod = &stage.system.pods("autoscaler").await[0];
        let autoscaler = format!("{}:{}", ip(pod), names::REPORTS_PORT)
            .parse()
            .unwrap();
        Self {
            stage,
            pods,
            autoscaler,
            files,
        }
    }

    /// A token of the pods' service account, bound to a pod if one is given.
    async fn token(&self, more: &[&str], pod: Option<&Pod>) -> String {
        let mut args = vec!["create", "token", "default"];
        args.extend(more);
        if let Some(pod) = pod {
            args.extend([
                "--bound-object-kind",
                "Pod",
                "--bound-object-name",
                name(pod),
            ]);
            args.extend(["--bound-object-uid", pod.metadata.uid.as_deref().unwrap()]);
        }
        let token = self.stage.namespace.kubectl(&args).await.unwrap();
        token.trim().to_owned()
    }

    /// Says to be that pod of that Revision.
    fn link(&self, token: &str, pod: &Pod, revision: &str) -> Link {
        let home = self.stage.namespace.name();
        let file = |name: &str| -> PathBuf { self.files.path().join(name) };
        std::fs::write(file("token"), token).unwrap();
        let config = LinkConfig {
            autoscaler: self.autoscaler.to_string(),
            server_name: Some(format!("{}.{home}.svc", names::AUTOSCALER)),
            ca_file: Some(file("ca.crt")),
            token_file: Some(file("token")),
            transport: Transport::Grpc,
            who: Who::Queue {
                workload: Workload {
                    namespace: home.to_owned(),
                    kind: WorkloadKind::Revision,
                    name: revision.to_owned(),
                },
                pod: name(pod).to_owned(),
                address: format!("{}:{}", ip(pod), names::QUEUE_PORT)
                    .parse()
                    .unwrap(),
            },
            refresh: Duration::from_secs(10),
        };
        Link::start(config).unwrap().0
    }
}

/// Bytes that differ from round to round.
fn noise(round: u64) -> Vec<u8> {
    let mut state = round.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    (0..200)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 24) as u8
        })
        .collect()
}

fn nonsense(round: u64) -> ReplicaReport {
    let wrong = [f64::NAN, f64::INFINITY, -1.0, 1e300][(round % 4) as usize];
    let report = Report {
        replica: String::new(),
        sequence: Some(u64::MAX - round),
        age_seconds: 0.0,
        seconds: wrong,
        request_seconds: wrong,
        waiting_seconds: wrong,
        requests: u64::MAX,
        refused: 0,
        in_flight: Some(wrong),
        latency: None,
    };
    ReplicaReport {
        report,
        ready: true,
        draining: false,
    }
}
