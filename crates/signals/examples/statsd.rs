// SPDX-License-Identifier: Apache-2.0
//! How many datagrams of StatsD are taken on one core: read from a socket of loopback, and without one; beside a thread that
//! only receives them and looks at nothing.
//!
//!     cargo run --release -p cheerful-signals --example statsd
#![allow(clippy::print_stdout, reason = "a command that prints its result")]
#![allow(clippy::disallowed_methods, reason = "it measures time")]

use std::{
    collections::BTreeMap,
    fs,
    net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant},
};

use cheerful_scaling::Moment;
use cheerful_signals::statsd::{StatsdServer, Store, Wanted};
use rustix::net::sockopt;

const SECONDS: Duration = Duration::from_secs(5);
const REVISIONS: usize = 1000;

fn main() -> Result<()> {
    let datagrams = datagrams();
    let bytes: usize = datagrams.iter().map(Vec::len).sum();
    println!(
        "{} revisions ask; datagrams of {} bytes, half of them asked for",
        REVISIONS,
        bytes / datagrams.len()
    );
    let alone = without_a_socket(&datagrams);
    println!("without a socket: {:.2} million a second", alone / 1e6);
    random_names()?;
    let bare = bare(&datagrams)?;
    println!("only received:    {bare}");
    let ours = ours(&datagrams)?;
    println!("ours:             {ours}");
    println!(
        "CPU of a datagram, ours to only received: {:.2}",
        ours.nanos() / bare.nanos()
    );
    Ok(())
}

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// As clients and proxies send them, one line in each.
fn datagrams() -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    for number in 0..REVISIONS {
        let tags = format!(
            "|#env:prod,revision:r{number},replica:r{number}-{}",
            number % 10
        );
        all.push(format!("app.in_flight:{}|g{tags}", number % 50));
        all.push(format!("app.other.histogram:0.{number}|h|@0.5{tags}"));
        all.push(format!("app.request.duration:{}|ms{tags}", number % 300));
        all.push(format!(
            "envoy.cluster.upstream_cx_total;envoy.cluster_name=r{number}:3|c"
        ));
    }
    all.into_iter().map(String::into_bytes).collect()
}

fn want(store: &mut Store) {
    for number in 0..REVISIONS {
        let name = format!("r{number}");
        let wanted = Wanted {
            in_flight: Some("app.in_flight".to_owned()),
            seconds: Some("app.request.duration".to_owned()),
            tags: BTreeMap::from([("revision".to_owned(), name.clone())]),
            ..Wanted::default()
        };
        store.want(Moment::ZERO, &name, Some(wanted));
    }
}

fn without_a_socket(datagrams: &[Vec<u8>]) -> f64 {
    let mut store = Store::default();
    want(&mut store);
    let from = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let (mut count, start) = (0_u64, cpu_of_this_thread());
    let end = Instant::now() + SECONDS;
    while Instant::now() < end {
        for datagram in datagrams {
            store.take(Moment::from_micros(count), from, datagram);
            count += 1;
        }
    }
    count as f64 / (cpu_of_this_thread() - start).as_secs_f64()
}

/// Names and tags that never come again, of metrics that are asked for and of others.
fn random_names() -> Result<()> {
    let mut store = Store::default();
    want(&mut store);
    let before = memory_kb()?;
    let (mut count, end, mut half) = (0_u64, Instant::now() + SECONDS, None);
    while Instant::now() < end {
        if half.is_none() && Instant::now() + SECONDS / 2 > end {
            half = Some(memory_kb()?);
        }
        for _ in 0..1000 {
            let mixed = count.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            let revision = count as usize % REVISIONS;
            let datagram = format!(
                "app.in_flight:1|g|#revision:r{revision},replica:{mixed:x},{mixed:x}:{count}\nname.{mixed:x}:1|c|#a:{mixed:x}"
            );
            let from = IpAddr::V4(Ipv4Addr::from_bits(mixed as u32));
            store.take(Moment::from_micros(count), from, datagram.as_bytes());
            count += 1;
        }
    }
    println!(
        "random names:     {count} datagrams of two lines, {} KB more resident after half of the time, {} KB at the end",
        half.unwrap_or_default().saturating_sub(before),
        memory_kb()?.saturating_sub(before)
    );
    Ok(())
}

/// Resident.
fn memory_kb() -> Result<u64> {
    let text = fs::read_to_string("/proc/self/status")?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let figure = line.and_then(|line| line.split_whitespace().next());
    Ok(figure.ok_or("no figure")?.parse()?)
}

/// What came of a run.
struct Run {
    sent: u64,
    received: u64,
    dropped: u64,
    cpu: Duration,
}

impl Run {
    fn nanos(&self) -> f64 {
        self.cpu.as_nanos() as f64 / self.received as f64
    }
}

impl std::fmt::Display for Run {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{:.0} ns of CPU each, {:.0} thousand a second on one core; {} of {} received, {} dropped by the kernel",
            self.nanos(),
            1e6 / self.nanos(),
            self.received,
            self.sent,
            self.dropped
        )
    }
}

fn ours(datagrams: &[Vec<u8>]) -> Result<Run> {
    let server = StatsdServer::start("127.0.0.1:0".parse()?)?;
    want(&mut server.store());
    let thread = thread_named("statsd").ok_or("no thread")?;
    let cpu = || cpu_of(&format!("/proc/self/task/{thread}/schedstat"));
    let start = cpu();
    let came = || server.store().counts().datagrams;
    let sent = in_turns(server.address()?, datagrams, || server.store(), came)?;
    Ok(Run {
        sent,
        received: server.store().counts().datagrams,
        dropped: server.dropped().unwrap_or(0),
        cpu: cpu() - start,
    })
}

fn bare(datagrams: &[Vec<u8>]) -> Result<Run> {
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    socket.set_read_timeout(Some(Duration::from_millis(100)))?;
    // The same as ours has, where it may.
    let bytes = 8 * 1024 * 1024;
    if sockopt::set_socket_recv_buffer_size_force(&socket, bytes).is_err() {
        sockopt::set_socket_recv_buffer_size(&socket, bytes)?;
    }
    let address = socket.local_addr()?;
    let (stop, received) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicU64::new(0)),
    );
    let (stops, counts) = (Arc::clone(&stop), Arc::clone(&received));
    let gate = Arc::new(Mutex::new(()));
    let gates = Arc::clone(&gate);
    let thread = thread::spawn(move || {
        let start = cpu_of_this_thread();
        let mut buffer = vec![0; 65_536];
        while !stops.load(Relaxed) {
            if socket.recv_from(&mut buffer).is_ok() {
                counts.fetch_add(1, Relaxed);
                drop(gates.lock());
            }
        }
        cpu_of_this_thread() - start
    });
    let came = || received.load(Relaxed);
    let sent = in_turns(address, datagrams, || gate.lock(), came)?;
    stop.store(true, Relaxed);
    let cpu = thread.join().map_err(|_| "the thread failed")?;
    Ok(Run {
        sent,
        received: received.load(Relaxed),
        dropped: 0,
        cpu,
    })
}

/// Sends as many as a usual buffer takes while the receiver is held back, then lets it take them all: so the receiver is
/// always behind, however slow the sender is.
fn in_turns<G>(
    to: SocketAddr,
    datagrams: &[Vec<u8>],
    hold: impl Fn() -> G,
    came: impl Fn() -> u64,
) -> Result<u64> {
    const AT_ONCE: usize = 4000;
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    socket.connect(to)?;
    let (mut sent, start) = (0, Instant::now());
    let mut each = datagrams.iter().cycle();
    while start.elapsed() < SECONDS {
        let held = hold();
        for datagram in each.by_ref().take(AT_ONCE) {
            socket.send(datagram)?;
            sent += 1;
        }
        drop(held);
        while came() < sent {
            thread::sleep(Duration::from_millis(2));
        }
    }
    Ok(sent)
}

fn cpu_of_this_thread() -> Duration {
    cpu_of("/proc/thread-self/schedstat")
}

fn cpu_of(path: &str) -> Duration {
    let text = fs::read_to_string(path).unwrap_or_default();
    let first = text.split(' ').next().and_then(|text| text.parse().ok());
    Duration::from_nanos(first.unwrap_or(0))
}

fn thread_named(name: &str) -> Option<String> {
    let tasks = fs::read_dir("/proc/self/task").ok()?;
    let own = std::process::id().to_string();
    tasks.flatten().find_map(|task| {
        let comm = fs::read_to_string(task.path().join("comm")).ok()?;
        let number = task.file_name().to_string_lossy().into_owned();
        // The first thread has the name of the program.
        (comm.trim() == name && number != own).then_some(number)
    })
}
