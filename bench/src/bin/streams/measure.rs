// SPDX-License-Identifier: Apache-2.0
//! Starts the others, tells them what to do, and reads what the kernel knows of the autoscaler's process.
use std::time::Duration;

use anyhow::bail;
use cheerful_wire::Transport;
use serde_json::Value;
use tokio::time::{Instant, sleep};

use crate::{
    Plan, REPLICAS,
    child::Other,
    process::{most_open_files, processor_time, resident_bytes},
};

/// Files that the autoscaler has open beside its streams: 8, and some for connections that come and go.
const SPARE_FILES: usize = 20;
/// Queues in one process.
const QUEUES: usize = 5_000;
/// Until the windows are warm.
const WARM: Duration = Duration::from_secs(10);
/// For all queues to come back; then it is told how many did.
const BACK_LIMIT: Duration = Duration::from_secs(300);

pub(crate) async fn run(mut plan: Plan) -> anyhow::Result<()> {
    let room = most_open_files()?.saturating_sub(SPARE_FILES) / REPLICAS;
    if plan.revisions > room {
        println!("{room} revisions, for no more files can be open here than their streams need");
        plan.revisions = room;
    }
    let folder = tempfile::tempdir()?;
    plan.folder = folder.path().to_owned();
    let mut server = start(&mut plan).await?;
    let bare = resident_bytes(server.pid)?;
    server.ask("add").await?;
    let with_revisions = resident_bytes(server.pid)?;

    let began = Instant::now();
    let mut queues = open(&plan).await?;
    let streams = plan.revisions * REPLICAS;
    println!("{streams} streams up after {:.1?}", began.elapsed());
    for queues in &mut queues {
        queues.ask("report").await?;
    }
    sleep(WARM).await;
    let steady = span(&mut server, Duration::from_secs(plan.seconds)).await?;
    let with_streams = resident_bytes(server.pid)?;
    let before = counts(&mut queues).await?;

    let carrier = match plan.transport {
        Transport::Grpc => "gRPC",
        Transport::WebSocket => "WebSocket",
    };
    let tls = if plan.tls { "TLS" } else { "plain" };
    let head = format!(
        "{} revisions, {streams} queues, {carrier}, {tls}",
        plan.revisions
    );
    let per = |bytes: u64, many: usize| bytes as f64 / 1024.0 / many as f64;
    println!("\n| {head}, {} s | |\n|---|---:|", plan.seconds);
    println!(
        "| memory of the autoscaler | {:.0} MB |",
        with_streams as f64 / 1e6
    );
    let alone = per(with_revisions.saturating_sub(bare), plan.revisions);
    println!("| per revision, without its streams | {alone:.1} KB |");
    let both = per(with_streams.saturating_sub(bare), plan.revisions);
    println!("| per revision, with its {REPLICAS} streams | {both:.1} KB |");
    let stream = per(with_streams.saturating_sub(with_revisions), streams);
    println!("| per stream | {stream:.1} KB |");
    steady.print();
    println!("| reports that found a full line | {} |", before[0]);
    server.kill().await?;
    let mut server = start(&mut plan).await?;
    server.ask("add").await?;
    let back = come_back(&mut server, &mut queues, streams).await?;
    let after = counts(&mut queues).await?;

    println!("\n| the same, all queues coming back at once | |\n|---|---:|");
    println!(
        "| until all streams are up | {:.1} s |",
        back.time.as_secs_f64()
    );
    back.print();
    println!("| streams that failed | {} |", after[1] - before[1]);
    println!("| streams that were refused | {} |", after[2] - before[2]);
    Ok(())
}

/// Starts the autoscaler where it was before.
async fn start(plan: &mut Plan) -> anyhow::Result<Other> {
    let mut server = Other::start("server", plan)?;
    plan.address = server.line().await?.parse()?;
    Ok(server)
}

/// All queues, each with its stream.
async fn open(plan: &Plan) -> anyhow::Result<Vec<Other>> {
    let streams = plan.revisions * REPLICAS;
    let mut queues = Vec::new();
    for first in (0..streams).step_by(QUEUES) {
        let mut plan = plan.clone();
        plan.first = first;
        plan.count = QUEUES.min(streams - first);
        let mut some = Other::start("queues", &plan)?;
        some.tell("open").await?;
        queues.push(some);
    }
    for queues in &mut queues {
        let answer = queues.line().await?;
        if answer != "open" {
            bail!(answer);
        }
    }
    Ok(queues)
}

async fn counts(queues: &mut [Other]) -> anyhow::Result<[u64; 3]> {
    let mut sums = [0; 3];
    for queues in queues {
        let answer = queues.ask("counts").await?;
        for (sum, count) in sums.iter_mut().zip(answer.split(' ')) {
            *sum += count.parse::<u64>()?;
        }
    }
    Ok(sums)
}

/// What the autoscaler did for a while.
struct Span {
    time: Duration,
    spent: Duration,
    told: Value,
}

/// What it does within this time.
async fn span(server: &mut Other, time: Duration) -> anyhow::Result<Span> {
    server.ask("measure").await?;
    let (began, before) = (Instant::now(), processor_time(server.pid)?);
    sleep(time).await;
    let time = began.elapsed();
    let spent = processor_time(server.pid)? - before;
    let told = serde_json::from_str(&server.ask("tell").await?)?;
    Ok(Span { time, spent, told })
}

/// What it does until all queues are back, and for three ticks more.
async fn come_back(
    server: &mut Other,
    queues: &mut [Other],
    streams: usize,
) -> anyhow::Result<Span> {
    server.ask("measure").await?;
    let began = Instant::now();
    loop {
        sleep(Duration::from_millis(100)).await;
        let mut connected = 0;
        for queues in &mut *queues {
            connected += queues.ask("connected").await?.parse::<usize>()?;
        }
        if connected == streams || began.elapsed() > BACK_LIMIT {
            break;
        }
    }
    let time = began.elapsed();
    let spent = processor_time(server.pid)?;
    sleep(3 * crate::TICK).await;
    let told = serde_json::from_str(&server.ask("tell").await?)?;
    Ok(Span { time, spent, told })
}

impl Span {
    fn print(&self) {
        let cores = self.spent.as_secs_f64() / self.time.as_secs_f64();
        println!("| processor | {cores:.2} cores |");
        let millis = |name: &str| self.told[name].as_f64().unwrap_or(f64::NAN) / 1e3;
        println!("| latest tick | {:.1} ms late |", millis("latest_micros"));
        println!("| longest tick | {:.1} ms |", millis("longest_micros"));
        println!(
            "| longest that the thread was taken | {:.1} ms |",
            millis("stall_micros")
        );
        println!("| ticks | {} |", self.told["ticks"]);
        println!("| decisions | {} |", self.told["decisions"]);
        println!("| messages | {} |", self.told["messages"]);
        println!("| streams at the end | {} |", self.told["streams"]);
        println!("| inputs dropped | {} |", self.told["inputs_dropped"]);
    }
}
