// SPDX-License-Identifier: Apache-2.0
//! The program itself, `cheerful gateway`.
use std::{
    net::SocketAddr,
    process::Stdio,
    time::{Duration, Instant},
};

use cheerful_rig::{
    App, Peer, Traffic,
    cluster::{self, eventually},
};
use cheerful_wire::{Downward, Replica};
use tokio::{
    net::TcpStream,
    process::{Child, Command},
    time::{sleep, timeout},
};

use crate::{desk::Desk, slices::Slices};

/// One that runs.
struct Program {
    child: Child,
    address: SocketAddr,
    admin: SocketAddr,
}

impl Program {
    async fn start(slices: &Slices, more: &[&str]) -> Self {
        let address = free();
        let admin = free();
        let child = Command::new(cluster::binary())
            .args(["gateway", "--address", "127.0.0.1", "--identity", ""])
            .args(["--namespace", slices.namespace(), "--pod", "gateway-1"])
            .args(["--watch-namespace", slices.namespace()])
            .args(["--port", &address.port().to_string()])
            .args(["--admin-port", &admin.port().to_string()])
            .args(more)
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let program = Self {
            child,
            address,
            admin,
        };
        eventually("the gateway is ready", async || {
            (program.page("/readyz").await? == 200).then_some(())
        })
        .await;
        program
    }

    async fn page(&self, path: &str) -> Option<u16> {
        drop(TcpStream::connect(self.admin).await.ok()?);
        let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        Some(Peer::ask(self.admin, &request).await.status)
    }

    async fn knows(&self, host: &str) {
        let request = format!("GET /metrics HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        eventually("the revision is known", async || {
            let page = Peer::ask(self.admin, &request).await.body;
            page.contains("cheerful_revisions 1.0").then_some(())
        })
        .await;
        sleep(Duration::from_millis(300)).await;
    }

    fn terminate(&self) {
        let pid = self.child.id().unwrap().to_string();
        let kill = std::process::Command::new("kill").arg(pid).status();
        assert!(kill.unwrap().success());
    }

    async fn code(&mut self) -> Option<i32> {
        let ended = timeout(Duration::from_secs(60), self.child.wait()).await;
        ended.expect("it ends").unwrap().code()
    }
}

fn free() -> SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap()
}

#[tokio::test]
async fn the_program_tells_an_autoscaler_and_takes_its_news() {
    let Some(cluster) = cluster::connect().await else {
        return;
    };
    let slices = Slices::new(&cluster, "gateway-wire").await;
    let mut desk = Desk::start().await;
    let program = Program::start(&slices, &["--autoscaler", &desk.address.to_string()]).await;
    slices.route("hello", &["hello.example"]).await;
    program.knows("hello.example").await;
    let app = App::start_at(slices.node()).await;
    let mut traffic = Traffic::new(program.address, "hello.example", "/");
    let asked = Instant::now();
    traffic.once(10);
    let (holding, down) = timeout(Duration::from_secs(30), desk.holding.recv())
        .await
        .expect("told over the wire")
        .unwrap();
    println!("held is told over the wire after {:?}", asked.elapsed());
    let released = Instant::now();
    let news = Downward::from(Replica {
        workload: holding.workload,
        pod: "pod-1".to_owned(),
        address: app.address(),
        ready: true,
    });
    down.send(news).await.unwrap();
    let tally = traffic.finish().await;
    println!("10 answered {:?} after the news", released.elapsed());
    assert_eq!((tally.answered, tally.failed), (10, vec![]));
}

#[tokio::test]
async fn killed_while_it_holds_it_closes_each_connection() {
    let Some(cluster) = cluster::connect().await else {
        return;
    };
    let slices = Slices::new(&cluster, "gateway-killed").await;
    // There is no autoscaler at all: it is ready all the same.
    let nowhere = free().to_string();
    let mut program = Program::start(&slices, &["--autoscaler", &nowhere]).await;
    slices.route("hello", &["hello.example"]).await;
    program.knows("hello.example").await;
    let mut traffic = Traffic::new(program.address, "hello.example", "/");
    traffic.once(100);
    sleep(Duration::from_secs(1)).await;
    let killed = Instant::now();
    program.child.start_kill().unwrap();
    let tally = traffic.finish().await;
    println!("100 held were closed {:?} after the kill", killed.elapsed());
    assert_eq!((tally.answered, tally.failed.len()), (0, 100));
    assert!(killed.elapsed() < Duration::from_secs(10));
    assert!(tally.failed.iter().all(|why| !why.contains("hangs")));
}

#[tokio::test]
async fn told_to_end_it_answers_what_it_holds() {
    let Some(cluster) = cluster::connect().await else {
        return;
    };
    let slices = Slices::new(&cluster, "gateway-ends").await;
    let nowhere = free().to_string();
    let mut program = Program::start(&slices, &["--autoscaler", &nowhere]).await;
    slices.route("hello", &["hello.example"]).await;
    program.knows("hello.example").await;
    let mut traffic = Traffic::new(program.address, "hello.example", "/wait/500");
    traffic.once(20);
    sleep(Duration::from_millis(500)).await;
    program.terminate();
    sleep(Duration::from_millis(500)).await;
    assert_eq!(program.page("/readyz").await, Some(503));
    assert_eq!(program.page("/livez").await, Some(200));
    traffic.once(20);
    // One that comes while the cluster still sends is served as any other.
    sleep(Duration::from_millis(200)).await;
    let app = App::start_at(slices.node()).await;
    slices.pods("hello", &[("a", &app, true)]).await;
    let tally = traffic.finish().await;
    assert_eq!((tally.answered, tally.failed), (40, vec![]));
    assert_eq!(program.code().await, Some(0));
}

#[tokio::test]
async fn at_the_end_of_draining_what_is_held_is_refused_in_words() {
    let Some(cluster) = cluster::connect().await else {
        return;
    };
    let slices = Slices::new(&cluster, "gateway-drain").await;
    let nowhere = free().to_string();
    let more = ["--autoscaler", &nowhere, "--grace", "1s", "--drain", "1s"];
    let mut program = Program::start(&slices, &more).await;
    slices.route("hello", &["hello.example"]).await;
    program.knows("hello.example").await;
    let mut traffic = Traffic::new(program.address, "hello.example", "/");
    traffic.once(20);
    sleep(Duration::from_millis(500)).await;
    program.terminate();
    let tally = traffic.finish().await;
    assert_eq!((tally.answered, tally.failed.len()), (0, 20));
    let words = tally.failed.iter().all(|why| why.contains("503"));
    assert!(words, "{:?}", tally.failed);
    assert_eq!(program.code().await, Some(0));
}
