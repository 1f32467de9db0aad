// SPDX-License-Identifier: Apache-2.0
//! A soak: bursts, replicas killed at random, slow and closing clients; no accepted request may be lost other than
//! those inside a killed replica, and memory ends where it began.
//!
//!     cargo build --release --workspace && target/release/soak --seconds 300
#![allow(clippy::print_stdout, reason = "a command that prints its result")]

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{ExitCode, Stdio},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use anyhow::{Context, bail, ensure};
use bytes::Bytes;
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpStream, UnixStream},
    process::{Child, Command},
    task::JoinSet,
    time::{sleep, sleep_until},
};

/// A request counts as inside a killed replica if the kill fell into its life, give or take this much.
const KILL_SLACK: Duration = Duration::from_millis(300);
const BASE_CLIENTS: usize = 6;
const BURST_CLIENTS: usize = 60;
const BURST_EVERY: Duration = Duration::from_secs(20);
const BURST_LENGTH: Duration = Duration::from_secs(6);
const KILL_EVERY: Duration = Duration::from_secs(7);

struct Arguments {
    seconds: u64,
    cheerful: PathBuf,
}

/// What happened to the requests so far.
#[derive(Default)]
struct Tally {
    answered: u64,
    closed_by_client: u64,
    kills: Vec<Instant>,
    failed: Vec<Failed>,
}

struct Failed {
    began: Instant,
    ended: Instant,
    what: String,
}

type Shared = Arc<Mutex<Tally>>;

fn main() -> ExitCode {
    let outcome = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("no runtime")
        .and_then(|runtime| runtime.block_on(soak()));
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("soak: FAILED: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn soak() -> anyhow::Result<()> {
    let arguments = arguments()?;
    let folder = tempfile::tempdir()?;
    let (mut server, address, socket) = start(&arguments.cheerful, folder.path()).await?;
    let pid = server.id().context("the server ended at once")?;
    let tally = Shared::default();
    let begin = now();
    let end = begin + Duration::from_secs(arguments.seconds);

    let mut clients = JoinSet::new();
    for number in 0..BASE_CLIENTS {
        clients.spawn(client(address, end, number, Arc::clone(&tally)));
    }
    clients.spawn(bursts(address, end, Arc::clone(&tally)));
    clients.spawn(slow_client(address, end, Arc::clone(&tally)));
    clients.spawn(closing_client(address, end, Arc::clone(&tally)));
    clients.spawn(killer(socket.clone(), end, Arc::clone(&tally)));

    // After the first burst the pools and buffers have their usual size.
    sleep_until(
        (begin
            + (BURST_LENGTH + Duration::from_secs(4))
                .min(Duration::from_secs(arguments.seconds) / 2))
        .into(),
    )
    .await;
    let memory_first = resident_kib(pid)?;
    while let Some(ended) = clients.join_next().await {
        ended.context("a client panicked")?;
    }
    sleep(Duration::from_secs(3)).await;
    let memory_last = resident_kib(pid)?;
    stop(&mut server).await?;
    judge(
        &tally.lock().unwrap_or_else(PoisonError::into_inner),
        memory_first,
        memory_last,
    )
}

fn judge(tally: &Tally, memory_first: u64, memory_last: u64) -> anyhow::Result<()> {
    let inside_killed = |failed: &Failed| {
        tally
            .kills
            .iter()
            .any(|kill| *kill + KILL_SLACK >= failed.began && *kill <= failed.ended + KILL_SLACK)
    };
    let (killed, lost): (Vec<_>, Vec<_>) = tally
        .failed
        .iter()
        .partition(|failed| inside_killed(failed));
    println!("answered                        {}", tally.answered);
    println!("given up by a closing client    {}", tally.closed_by_client);
    println!("replicas killed                 {}", tally.kills.len());
    println!("lost inside a killed replica    {}", killed.len());
    println!("lost otherwise                  {}", lost.len());
    println!("resident memory, KiB            {memory_first} -> {memory_last}");
    let mut kinds = BTreeMap::<&str, usize>::new();
    for failed in &tally.failed {
        *kinds.entry(failed.what.as_str()).or_default() += 1;
    }
    for (what, times) in kinds {
        println!("  {times} x {what}");
    }
    ensure!(tally.answered > 0, "no request was answered");
    ensure!(
        lost.is_empty(),
        "{} requests were lost outside of a killed replica",
        lost.len()
    );
    ensure!(
        memory_last <= memory_first + memory_first / 4 + 4096,
        "memory grew from {memory_first} to {memory_last} KiB"
    );
    Ok(())
}

async fn start(cheerful: &Path, folder: &Path) -> anyhow::Result<(Child, SocketAddr, PathBuf)> {
    let port = std::net::TcpListener::bind("127.0.0.1:0")?
        .local_addr()?
        .port();
    let manifest = folder.join("soak.yaml");
    let program = serde_json::to_string(cheerful)?;
    std::fs::write(
        &manifest,
        format!(
            "apiVersion: cheerful.dev/v1alpha1\nkind: Revision\nmetadata: {{name: soak}}\nspec:\n  command: [{program}, sample, --port, \"{{port}}\", --latency, 50ms]\n  scaling: {{target: 5, min: 2, max: 12, stableWindow: 12s, panicWindow: 3s}}\n"
        ),
    )?;
    let socket = folder.join("api.sock");
    let mut server = Command::new(cheerful)
        .arg("run")
        .args(["--port", &port.to_string()])
        .arg("--socket")
        .arg(&socket)
        .arg("-f")
        .arg(&manifest)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(std::fs::File::create(folder.join("log"))?)
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("{} cannot be started", cheerful.display()))?;
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    for _ in 0..200 {
        if let Some(status) = server.try_wait()? {
            bail!(
                "cheerful run ended with {status}: {}",
                std::fs::read_to_string(folder.join("log"))?
            );
        }
        if exchange(address, Method::GET).await.is_ok() {
            return Ok((server, address, socket));
        }
        sleep(Duration::from_millis(50)).await;
    }
    bail!("cheerful run did not answer within 10 s")
}

async fn stop(server: &mut Child) -> anyhow::Result<()> {
    let pid = server
        .id()
        .context("cheerful run ended on its own during the soak")?;
    signal(pid, "TERM")?;
    let status = tokio::time::timeout(Duration::from_secs(60), server.wait())
        .await
        .context("did not stop within 60 s")??;
    ensure!(status.success(), "cheerful run ended with {status}");
    Ok(())
}

/// A keep-alive client: two thirds GET (may be replayed), one third POST (may not).
async fn client(address: SocketAddr, end: Instant, number: usize, tally: Shared) {
    let mut sender = None;
    let mut turn = number;
    while now() < end {
        turn += 1;
        let method = if turn.is_multiple_of(3) {
            Method::POST
        } else {
            Method::GET
        };
        let began = now();
        let outcome = tokio::time::timeout(
            Duration::from_secs(60),
            request(address, method, &mut sender),
        )
        .await
        .unwrap_or_else(|_| Err("no answer within 60 s".into()));
        note(&tally, began, outcome);
    }
}

type Sender = hyper::client::conn::http1::SendRequest<Full<Bytes>>;

async fn request(
    address: SocketAddr,
    method: Method,
    kept: &mut Option<Sender>,
) -> Result<(), String> {
    let text = |error: hyper::Error| error.to_string();
    let reused = kept.take().filter(|sender| !sender.is_closed());
    let mut sender = match reused {
        Some(sender) => sender,
        None => connect(address).await?,
    };
    sender.ready().await.map_err(text)?;
    let body = if method == Method::POST {
        Bytes::from_static(&[b'x'; 2000])
    } else {
        Bytes::new()
    };
    let request = Request::builder()
        .method(method.clone())
        .uri("/")
        .header("host", "soak.test")
        .body(Full::new(body))
        .map_err(|error| error.to_string())?;
    let response = sender
        .send_request(request)
        .await
        .map_err(|error| format!("{method}: {error}"))?;
    let status = response.status();
    response
        .into_body()
        .collect()
        .await
        .map_err(|error| format!("{method}: body: {error}"))?;
    if status != StatusCode::OK {
        return Err(format!("{method}: {status}"));
    }
    *kept = Some(sender);
    Ok(())
}

async fn connect(address: SocketAddr) -> Result<Sender, String> {
    let stream = TcpStream::connect(address)
        .await
        .map_err(|error| format!("connect: {error}"))?;
    let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|error| error.to_string())?;
    #[allow(
        clippy::disallowed_methods,
        reason = "the connection ends with its sender"
    )]
    drop(tokio::spawn(connection));
    Ok(sender)
}

async fn exchange(address: SocketAddr, method: Method) -> Result<(), String> {
    request(address, method, &mut None).await
}

async fn bursts(address: SocketAddr, end: Instant, tally: Shared) {
    let mut next = now() + Duration::from_secs(2);
    while next < end {
        sleep_until(next.into()).await;
        let burst_end = (now() + BURST_LENGTH).min(end);
        let mut clients = JoinSet::new();
        for number in 0..BURST_CLIENTS {
            clients.spawn(client(address, burst_end, number, Arc::clone(&tally)));
        }
        clients.join_all().await;
        next += BURST_EVERY;
    }
}

/// Sends its head one byte at a time and reads its answer in small sips.
async fn slow_client(address: SocketAddr, end: Instant, tally: Shared) {
    while now() < end {
        let began = now();
        let outcome = slowly(address)
            .await
            .map_err(|error| format!("slow client: {error}"));
        note(&tally, began, outcome);
    }
}

async fn slowly(address: SocketAddr) -> Result<(), String> {
    let fault = |error: std::io::Error| error.to_string();
    let mut stream = TcpStream::connect(address).await.map_err(fault)?;
    for byte in b"GET /size?bytes=65536 HTTP/1.1\r\nHost: soak.test\r\nConnection: close\r\n\r\n" {
        stream.write_all(&[*byte]).await.map_err(fault)?;
        sleep(Duration::from_millis(10)).await;
    }
    let mut answer = Vec::new();
    let mut sip = [0; 2048];
    loop {
        let read = stream.read(&mut sip).await.map_err(fault)?;
        if read == 0 {
            break;
        }
        answer.extend(sip.iter().take(read));
        sleep(Duration::from_millis(5)).await;
    }
    if answer.starts_with(b"HTTP/1.1 200") && answer.len() > 65_536 {
        Ok(())
    } else {
        Err(format!(
            "{} bytes: {}",
            answer.len(),
            String::from_utf8_lossy(answer.get(..30).unwrap_or(&answer))
        ))
    }
}

/// Asks and leaves before the answer.
async fn closing_client(address: SocketAddr, end: Instant, tally: Shared) {
    while now() < end {
        if let Ok(mut stream) = TcpStream::connect(address).await
            && stream
                .write_all(b"GET / HTTP/1.1\r\nHost: soak.test\r\n\r\n")
                .await
                .is_ok()
        {
            tally
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .closed_by_client += 1;
        }
        sleep(Duration::from_millis(20)).await;
    }
}

/// Kills a ready replica now and then, the choice drawn from a fixed sequence.
async fn killer(socket: PathBuf, end: Instant, tally: Shared) {
    let mut draw: u64 = 0x9e37_79b9_7f4a_7c15;
    while now() + KILL_EVERY < end {
        sleep(KILL_EVERY).await;
        draw = draw
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let Ok(pids) = replica_pids(&socket).await else {
            continue;
        };
        let Some(pid) = usize::try_from(draw >> 33)
            .ok()
            .and_then(|draw| pids.get(draw % pids.len().max(1)))
        else {
            continue;
        };
        if signal(*pid, "KILL").is_ok() {
            tally
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .kills
                .push(now());
        }
    }
}

async fn replica_pids(socket: &Path) -> anyhow::Result<Vec<u32>> {
    let stream = UnixStream::connect(socket).await?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    #[allow(
        clippy::disallowed_methods,
        reason = "the connection ends with its sender"
    )]
    drop(tokio::spawn(connection));
    let request = Request::get("/v1/revisions/soak")
        .header("host", "local")
        .body(Full::new(Bytes::new()))?;
    let body = sender
        .send_request(request)
        .await?
        .into_body()
        .collect()
        .await?
        .to_bytes();
    let view: serde_json::Value = serde_json::from_slice(&body)?;
    let replicas = view
        .get("replicas")
        .and_then(serde_json::Value::as_array)
        .context("no replicas")?;
    Ok(replicas
        .iter()
        .filter(|replica| replica.get("state").and_then(serde_json::Value::as_str) == Some("ready"))
        .filter_map(|replica| replica.get("pid")?.as_u64()?.try_into().ok())
        .collect())
}

fn note(tally: &Shared, began: Instant, outcome: Result<(), String>) {
    let ended = now();
    let mut tally = tally.lock().unwrap_or_else(PoisonError::into_inner);
    match outcome {
        Ok(()) => tally.answered += 1,
        Err(what) => tally.failed.push(Failed { began, ended, what }),
    }
}

fn signal(pid: u32, name: &str) -> anyhow::Result<()> {
    let status = std::process::Command::new("kill")
        .arg(format!("-{name}"))
        .arg(pid.to_string())
        .status()?;
    ensure!(status.success(), "kill -{name} {pid}: {status}");
    Ok(())
}

fn resident_kib(pid: u32) -> anyhow::Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .context("no VmRSS")?;
    Ok(line.trim().trim_end_matches(" kB").trim().parse()?)
}

fn arguments() -> anyhow::Result<Arguments> {
    let beside = std::env::current_exe()?.with_file_name("cheerful");
    let mut arguments = Arguments {
        seconds: 300,
        cheerful: beside,
    };
    let mut given = std::env::args().skip(1);
    while let Some(flag) = given.next() {
        let value = given
            .next()
            .with_context(|| format!("{flag} wants a value"))?;
        match flag.as_str() {
            "--seconds" => {
                arguments.seconds = value
                    .parse()
                    .with_context(|| format!("--seconds {value}: a whole number"))?
            }
            "--cheerful" => arguments.cheerful = value.into(),
            _ => bail!("unknown flag {flag}: --seconds N, --cheerful PATH"),
        }
    }
    Ok(arguments)
}

#[allow(clippy::disallowed_methods, reason = "a soak measures real time")]
fn now() -> Instant {
    Instant::now()
}
