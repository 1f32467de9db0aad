// SPDX-License-Identifier: Apache-2.0
//! Replicas that answer with a page of metrics, at every address of loopback, by one listener.
use std::{
    io::{self, BufRead as _, BufReader, Write as _},
    ops::Sub,
    process::{self, Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    thread,
    time::Instant,
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpSocket, TcpStream},
    spawn,
};

use super::Result;

/// The process of all replicas; it ends when this is dropped.
pub(crate) struct Replicas {
    child: Child,
    asked: ChildStdin,
    answers: BufReader<ChildStdout>,
    pub(crate) port: u16,
}

/// What it did so far, as it counts it.
#[derive(Clone, Copy, Default)]
pub(crate) struct Traffic {
    pub(crate) connections: u64,
    pub(crate) read: u64,
    pub(crate) written: u64,
}

impl Replicas {
    pub(crate) fn start() -> Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .arg("replicas")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let asked = child.stdin.take().ok_or("no way in")?;
        let mut answers = BufReader::new(child.stdout.take().ok_or("no way out")?);
        let mut port = String::new();
        answers.read_line(&mut port)?;
        let port = port.trim().parse()?;
        Ok(Self {
            child,
            asked,
            answers,
            port,
        })
    }

    pub(crate) fn traffic(&mut self) -> Result<Traffic> {
        self.asked.write_all(b"\n")?;
        let mut line = String::new();
        self.answers.read_line(&mut line)?;
        let mut numbers = line.split_whitespace().map(str::parse);
        let mut next = || numbers.next().ok_or("too few figures");
        Ok(Traffic {
            connections: next()??,
            read: next()??,
            written: next()??,
        })
    }
}

impl Drop for Replicas {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

impl Sub for Traffic {
    type Output = Self;

    fn sub(self, before: Self) -> Self {
        Self {
            connections: self.connections - before.connections,
            read: self.read - before.read,
            written: self.written - before.written,
        }
    }
}

/// Answers until standard input ends; tells of its traffic at each line of it.
pub(crate) async fn serve() -> Result<()> {
    let socket = TcpSocket::new_v4()?;
    // So that it can be reached from this machine alone, at each address of its own.
    socket.bind_device(Some(b"lo"))?;
    socket.bind(([0, 0, 0, 0], 0).into())?;
    let listener = socket.listen(4096)?;
    println!("{}", listener.local_addr()?.port());
    thread::spawn(|| {
        for _ in io::stdin().lines().map_while(io::Result::ok) {
            let [connections, read, written] =
                [&CONNECTIONS, &READ, &WRITTEN].map(|it| it.load(Relaxed));
            println!("{connections} {read} {written}");
        }
        process::exit(0);
    });
    let begin = Instant::now();
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        CONNECTIONS.fetch_add(1, Relaxed);
        spawn(answer(stream, begin));
    }
}

static CONNECTIONS: AtomicU64 = AtomicU64::new(0);
static READ: AtomicU64 = AtomicU64::new(0);
static WRITTEN: AtomicU64 = AtomicU64::new(0);

async fn answer(mut stream: TcpStream, begin: Instant) {
    let mut request = [0; 2048];
    let (mut length, mut page) = (0, Vec::new());
    loop {
        let Some(room) = (request.get_mut(length..)).filter(|room| !room.is_empty()) else {
            return;
        };
        match stream.read(room).await {
            Ok(0) | Err(_) => return,
            Ok(read) => {
                length += read;
                READ.fetch_add(read as u64, Relaxed);
            }
        }
        let so_far = request.get(..length).unwrap_or_default();
        if !so_far.ends_with(b"\r\n\r\n") {
            continue;
        }
        length = 0;
        write_page(&mut page, begin.elapsed().as_secs_f64());
        if stream.write_all(&page).await.is_err() {
            return;
        }
        WRITTEN.fetch_add(page.len() as u64, Relaxed);
    }
}

/// A page of some 4 KB: three figures that are asked for among those that the usual client of Prometheus has beside them.
/// 5 requests are in flight all the time, 20 a second.
fn write_page(page: &mut Vec<u8>, seconds: f64) {
    let requests = (20.0 * seconds).floor();
    let mut text = String::with_capacity(8 * 1024);
    for number in 0..24 {
        let name = format!("process_figure_{number}_total");
        text += &family(&name, "What the client tells of the process.", "counter");
        text += &format!("{name} {seconds:e}\n");
    }
    let name = "http_request_duration_seconds";
    text += &family(name, "How long requests took.", "histogram");
    for bound in [
        "0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "1.0", "2.5", "5.0", "10.0", "+Inf",
    ] {
        text += &format!("{name}_bucket{{le=\"{bound}\"}} {requests}\n");
    }
    text += &format!("{name}_sum {}\n{name}_count {requests}\n", requests / 4.0);
    let name = "http_requests_in_flight";
    text += &family(name, "Requests in flight.", "gauge");
    text += &format!("{name} 5\n");
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/plain; version=0.0.4; charset=utf-8";
    page.clear();
    page.extend_from_slice(
        format!("{head}\r\ncontent-length: {}\r\n\r\n{text}", text.len()).as_bytes(),
    );
}

fn family(name: &str, help: &str, kind: &str) -> String {
    format!("# HELP {name} {help}\n# TYPE {name} {kind}\n")
}
