// SPDX-License-Identifier: Apache-2.0
//! What scraping 10,000 replicas over real connections costs: 1,000 revisions of 10, read at the pace that adapts, beside
//! each read once a second, in the same run. The replicas are addresses of loopback in a process of their own.
//!
//!     cargo run --release -p cheerful-signals --example scraping
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "a command that measures time and prints its result"
)]
mod replicas;

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::{Duration, Instant},
};

use cheerful_manifest::SignalSpec;
use cheerful_signals::scrape::{Pace, Said, Scraper, Target};
use replicas::Replicas;
use serde_json::json;
use tokio::{task::JoinSet, time::sleep};

const REVISIONS: usize = 1000;
const PODS: usize = 10;
/// Until what is new has become steady.
const WARM_UP: Duration = Duration::from_secs(20);
const MEASURED: Duration = Duration::from_secs(30);
/// A revision gets another pod so often, and is fresh for 10 s by that.
const NEW_POD_EVERY: Duration = Duration::from_secs(1);

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    if std::env::args().nth(1).as_deref() == Some("replicas") {
        return replicas::serve().await;
    }
    println!("{REVISIONS} revisions of {PODS} pods, {MEASURED:?} each after {WARM_UP:?}\n");
    println!(
        "| | reads a second | CPU of the scraper | of a read | received | sent | connections opened, kept | memory |"
    );
    println!("|---|---:|---:|---:|---:|---:|---:|---:|");
    // As half of so many reads are for what panics, 10,000 such replicas are each read once in just a second, and none is
    // put off.
    let each_second = Pace {
        most_per_second: 20_000,
    };
    let base = run("each once a second", each_second, REVISIONS).await?;
    let steady = run("at the pace that adapts, all steady", Pace::default(), 0).await?;
    let mixed = run(
        "the same, 10 in panic and a new pod each second",
        Pace::default(),
        10,
    )
    .await?;
    println!();
    for (name, cost) in [("all steady", &steady), ("some fresh", &mixed)] {
        println!(
            "{name}: {:.2} of the CPU, {:.2} of the bytes, {:.2} of the reads of each once a second",
            cost.cpu / base.cpu,
            cost.bytes() / base.bytes(),
            cost.reads / base.reads
        );
    }
    Ok(())
}

/// Of one second.
struct Cost {
    /// Cores.
    cpu: f64,
    reads: f64,
    received: f64,
    sent: f64,
}

impl Cost {
    fn bytes(&self) -> f64 {
        self.received + self.sent
    }
}

async fn run(name: &str, pace: Pace, panicking: usize) -> Result<Cost> {
    let mut replicas = Replicas::start()?;
    let port = replicas.port;
    let scraper = Scraper::new(pace, 1);
    let names: Vec<String> = (0..REVISIONS).map(|of| format!("shop-{of}")).collect();
    for (revision, name) in names.iter().enumerate() {
        scraper.targets(name, vec![target()?]);
        for pod in 0..PODS {
            scraper.replica(name, &format!("pod-{pod}"), address(revision, pod, port));
        }
    }
    let (mut reports, mut troubles) = (0_u64, 0_u64);
    let (counted, mut came) = tokio::sync::watch::channel((0, 0));
    let task = scraper.clone().run(move |said| {
        match said {
            Said::Told { .. } => reports += 1,
            Said::Trouble { why, .. } => {
                troubles += 1;
                if troubles < 5 {
                    eprintln!("{why}");
                }
            }
        }
        counted.send_replace((reports, troubles));
    });
    let mut tasks = JoinSet::new();
    tasks.spawn(task);
    sleep(WARM_UP).await;
    for name in names.iter().take(panicking) {
        scraper.panics(name, true);
    }
    if (1..REVISIONS).contains(&panicking) {
        tasks.spawn(new_pods(scraper.clone(), names.clone(), port));
        // Until as many are fresh by it as stay so.
        sleep(Pace::FRESH).await;
    }
    let reads = || scraper.counts().total();
    let (from, cpu, then) = (Instant::now(), cpu()?, reads());
    let (traffic, (reports, _)) = (replicas.traffic()?, *came.borrow_and_update());
    sleep(MEASURED).await;
    let seconds = from.elapsed().as_secs_f64();
    let each_second = |count: u64| count as f64 / seconds;
    let own_cpu = (self::cpu()? - cpu).as_secs_f64() / seconds;
    let (read, kept) = (each_second(reads() - then), sockets()?);
    let moved = replicas.traffic()? - traffic;
    let told = each_second(came.borrow().0 - reports);
    if told < 0.9 * read {
        return Err(format!("{read:.0} reads a second gave {told:.0} reports").into());
    }
    let cost = Cost {
        cpu: own_cpu,
        reads: read,
        received: each_second(moved.written),
        sent: each_second(moved.read),
    };
    println!(
        "| {name} | {read:.0} | {:.1} % of a core | {:.0} us | {:.2} MB/s | {:.2} MB/s | {:.0} a second, {kept} | {} MB |",
        100.0 * cost.cpu,
        1e6 * cost.cpu / read,
        cost.received / 1e6,
        cost.sent / 1e6,
        each_second(moved.connections),
        memory_mb()?,
    );
    let counts = scraper.counts();
    eprintln!("{:?}, {} put off", counts.reads, counts.shed);
    Ok(cost)
}

/// Of each second one revision has one pod replaced by another.
async fn new_pods(scraper: Scraper, names: Vec<String>, port: u16) {
    // Those at the beginning may be in panic.
    for (revision, name) in names.iter().enumerate().skip(REVISIONS / 2) {
        let pod = format!("pod-{}", revision % PODS);
        scraper.replica_gone(name, &pod);
        let at = address(revision, PODS + revision % PODS, port);
        scraper.replica(name, &format!("{pod}-new"), at);
        sleep(NEW_POD_EVERY).await;
    }
}

fn target() -> Result<Target> {
    let spec: SignalSpec = serde_json::from_value(json!({"metrics": {
        "inFlight": "http_requests_in_flight",
        "requests": "http_request_duration_seconds_count",
        "seconds": "http_request_duration_seconds_sum",
    }}))?;
    let mut target = (spec.signal().and_then(Target::of)).ok_or("no target")?;
    // At the replica's own port.
    target.endpoint.port = None;
    Ok(target)
}

/// An address of its own for each pod.
fn address(revision: usize, pod: usize, port: u16) -> SocketAddr {
    let number = u32::try_from(revision * 2 * PODS + pod).unwrap_or(u32::MAX);
    let first = u32::from(Ipv4Addr::new(127, 1, 0, 0));
    SocketAddr::new(IpAddr::V4(Ipv4Addr::from(first + number)), port)
}

/// Of this process, by user and kernel; it reads with one thread.
fn cpu() -> Result<Duration> {
    let text = std::fs::read_to_string("/proc/self/schedstat")?;
    let nanos = text.split(' ').next().ok_or("no figure")?.parse()?;
    Ok(Duration::from_nanos(nanos))
}

/// Resident.
fn memory_mb() -> Result<u64> {
    let text = std::fs::read_to_string("/proc/self/status")?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().next());
    Ok(kilobytes.ok_or("no figure")?.parse::<u64>()? / 1000)
}

/// Sockets that this process has open.
fn sockets() -> Result<usize> {
    let files = std::fs::read_dir("/proc/self/fd")?.flatten();
    let targets = files.filter_map(|file| std::fs::read_link(file.path()).ok());
    Ok(targets
        .filter(|to| to.to_string_lossy().starts_with("socket:"))
        .count())
}
