// SPDX-License-Identifier: Apache-2.0
//! All the queues, and what is read of the process that they report to.
use std::{net::SocketAddr, path::PathBuf, process::Stdio, sync::Arc, time::Duration};

use anyhow::{Context, bail};
use cheerful_scaling::{Latency, Report};
use cheerful_wire::{
    Downward, Link, LinkConfig, Lookup, ReplicaReport, Transport, Upward, Who, Workload,
    WorkloadKind,
};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
    sync::mpsc,
    time::{Instant, MissedTickBehavior, interval, sleep},
};

use crate::{
    CONCURRENCY, NAME, Plan, REPLICAS,
    process::{most_open_files, processor_time, resident_bytes},
};

/// Files that a process has open beside its streams, and more.
const SPARE_FILES: usize = 200;
/// A second's reports go out in so many parts.
const PARTS: usize = 100;
/// Streams that are on their way at once.
const OPENING: usize = 200;
/// Until the windows are warm.
const WARM: Duration = Duration::from_secs(10);

type Queue = (Link, mpsc::Receiver<Downward>);

pub(crate) async fn run(mut plan: Plan) -> anyhow::Result<()> {
    let room = most_open_files()?.saturating_sub(SPARE_FILES) / REPLICAS;
    if plan.revisions > room {
        println!("{room} revisions, for no more files can be open here than their streams need");
        plan.revisions = room;
    }
    let mut server = Server::start(&plan)?;
    let line = server.line().await?;
    let mut words = line.split(' ').skip(1);
    let address: SocketAddr = words.next().context("no address")?.parse()?;
    let ca_file = PathBuf::from(words.next().unwrap_or_default());

    let bare = resident_bytes(server.pid)?;
    server.ask("add").await?;
    let with_revisions = resident_bytes(server.pid)?;
    let began = Instant::now();
    let queues = open(&plan, address, &ca_file).await?;
    println!("{} streams up after {:.1?}", queues.len(), began.elapsed());
    report_for(&queues, WARM, 0).await;
    server.ask("measure").await?;
    let (began, before) = (Instant::now(), processor_time(server.pid)?);
    let seconds = Duration::from_secs(plan.seconds);
    report_for(&queues, seconds, WARM.as_secs()).await;
    let spent = processor_time(server.pid)? - before;
    let cores = spent.as_secs_f64() / began.elapsed().as_secs_f64();
    let with_streams = resident_bytes(server.pid)?;
    let summary = server.ask("end").await?;
    let micros = [
        server.number().await?,
        server.number().await?,
        server.number().await?,
        server.number().await?,
    ];
    let [latest, longest, decisions, stall] = micros;

    let per = |bytes: u64, many: usize| bytes as f64 / 1024.0 / many as f64;
    let revisions = plan.revisions;
    println!("{summary}");
    let carrier = match plan.transport {
        Transport::Grpc => "gRPC",
        Transport::WebSocket => "WebSocket",
    };
    let tls = if plan.tls { "TLS" } else { "plain" };
    println!(
        "| {revisions} revisions, {} queues, {carrier}, {tls}, {} s | |\n|---|---:|",
        queues.len(),
        plan.seconds
    );
    println!("| processor of the server | {cores:.2} cores |");
    println!(
        "| memory of the server | {:.0} MB |",
        with_streams as f64 / 1e6
    );
    println!(
        "| per revision, without its streams | {:.1} KB |",
        per(with_revisions.saturating_sub(bare), revisions)
    );
    println!(
        "| per revision, with its {REPLICAS} streams | {:.1} KB |",
        per(with_streams.saturating_sub(bare), revisions)
    );
    println!(
        "| per stream | {:.1} KB |",
        per(with_streams.saturating_sub(with_revisions), queues.len())
    );
    println!("| latest tick | {:.1} ms late |", latest as f64 / 1e3);
    println!("| longest tick | {:.1} ms |", longest as f64 / 1e3);
    println!(
        "| longest that the thread was taken | {:.1} ms |",
        stall as f64 / 1e3
    );
    println!("| decisions | {decisions} |");
    let dropped: u64 = queues
        .iter()
        .map(|(link, _)| link.metrics().dropped_total)
        .sum();
    println!("| reports that found a full line | {dropped} |");
    Ok(())
}

async fn open(
    plan: &Plan,
    server: SocketAddr,
    ca_file: &std::path::Path,
) -> anyhow::Result<Vec<Queue>> {
    let lookup: Lookup = Arc::new(move || Box::pin(async move { Ok(vec![server]) }));
    let mut queues: Vec<Queue> = Vec::new();
    let mut up = 0;
    for number in 0..plan.revisions * REPLICAS {
        let (revision, replica) = (number / REPLICAS, number % REPLICAS);
        let config = LinkConfig {
            autoscaler: server.to_string(),
            server_name: plan.tls.then(|| NAME.to_owned()),
            ca_file: plan.tls.then(|| ca_file.to_owned()),
            token_file: None,
            transport: plan.transport,
            who: Who::Queue {
                workload: Workload {
                    namespace: "bench".to_owned(),
                    kind: WorkloadKind::Revision,
                    name: format!("revision-{revision}"),
                },
                pod: format!("revision-{revision}-{replica}"),
                address: ([10, 0, 0, 1], 8012).into(),
            },
            refresh: Duration::from_secs(600),
        };
        queues.push(Link::start_with_lookup(config, Arc::clone(&lookup))?);
        let began = Instant::now();
        while number + 1 - up > OPENING {
            sleep(Duration::from_millis(1)).await;
            while let Some((link, _)) = queues.get(up)
                && link.metrics().connected == 1
            {
                up += 1;
            }
            if began.elapsed() > Duration::from_secs(60) {
                bail!("only {up} streams come up");
            }
        }
    }
    let began = Instant::now();
    while queues.iter().any(|(link, _)| link.metrics().connected == 0) {
        sleep(Duration::from_millis(50)).await;
        if began.elapsed() > Duration::from_secs(60) {
            bail!("not all streams come up");
        }
    }
    Ok(queues)
}

/// Each queue reports once a second, evenly spread over it.
async fn report_for(queues: &[Queue], time: Duration, first: u64) {
    let part = queues.len().div_ceil(PARTS).max(1);
    let mut beat = interval(Duration::from_secs(1) / PARTS as u32);
    beat.set_missed_tick_behavior(MissedTickBehavior::Burst);
    for sequence in first..first + time.as_secs() {
        for queues in queues.chunks(part) {
            beat.tick().await;
            for (link, _) in queues {
                link.send(report(sequence));
            }
        }
    }
}

fn report(sequence: u64) -> Upward {
    let mut counts = [0; Latency::BUCKETS];
    for (bucket, count) in [(10, 3), (11, 20), (12, 30), (13, 7)] {
        counts[bucket] = count;
    }
    Upward::Report(ReplicaReport {
        report: Report {
            replica: String::new(),
            sequence: Some(sequence),
            age_seconds: 0.0,
            seconds: 1.0,
            request_seconds: CONCURRENCY,
            waiting_seconds: 0.0,
            requests: 60,
            refused: 0,
            in_flight: None,
            latency: Some(Latency::from_counts(&counts)),
        },
        ready: true,
        draining: false,
    })
}

/// The process that is measured.
struct Server {
    pid: u32,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
    _child: Child,
}

impl Server {
    fn start(plan: &Plan) -> anyhow::Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["server", "--revisions", &plan.revisions.to_string()]);
        if !plan.tls {
            command.arg("--plain");
        }
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        Ok(Self {
            pid: child.id().context("the server has ended")?,
            input: child.stdin.take().context("no stdin")?,
            output: BufReader::new(child.stdout.take().context("no stdout")?).lines(),
            _child: child,
        })
    }

    async fn ask(&mut self, question: &str) -> anyhow::Result<String> {
        self.input.write_all(question.as_bytes()).await?;
        self.input.write_all(b"\n").await?;
        self.line().await
    }

    async fn line(&mut self) -> anyhow::Result<String> {
        let line = self.output.next_line().await?;
        line.context("the server has ended")
    }

    async fn number(&mut self) -> anyhow::Result<u64> {
        Ok(self.line().await?.parse()?)
    }
}
