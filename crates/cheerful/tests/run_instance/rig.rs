// SPDX-License-Identifier: Apache-2.0
use std::{
    fs,
    io::{self, BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    process::{Child, ChildStderr, Command, ExitStatus, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// The binary under test.
pub(crate) const CHEERFUL: &str = env!("CARGO_BIN_EXE_cheerful");

/// No wait is longer; a machine with other work to do is slow.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A running `cheerful run`, ended with everything it started when this is dropped.
pub(crate) struct Instance {
    pub(crate) child: Child,
    pub(crate) folder: TempDir,
    /// Found in the environment of every process that it started.
    mark: String,
    log: Arc<Mutex<Vec<String>>>,
    reader: Option<JoinHandle<()>>,
    pub(crate) address: SocketAddr,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Instance {
    /// Runs the sample service with these flags of its own.
    pub(crate) fn of_sample(flags: &[&str]) -> Self {
        Self::start(
            &[],
            &[&["--", CHEERFUL, "sample", "--port", "{port}"], flags].concat(),
        )
    }

    /// Runs a manifest, which is written to `revision.yaml` in the instance's folder.
    pub(crate) fn of_manifest(flags: &[&str], manifest: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("revision.yaml");
        fs::write(&file, manifest).unwrap();
        let file = file.to_str().unwrap().to_owned();
        Self::start_in(folder, flags, &["-f", &file], |_| {})
    }

    pub(crate) fn start(flags: &[&str], rest: &[&str]) -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), flags, rest, |_| {})
    }

    /// Starts and waits until it listens. `change` may change the command before.
    pub(crate) fn start_in(
        folder: TempDir,
        flags: &[&str],
        rest: &[&str],
        change: impl FnOnce(&mut Command),
    ) -> Self {
        let mut command = Command::new(CHEERFUL);
        command
            .args(["run", "--port", "0", "--socket"])
            .arg(folder.path().join("api.sock"));
        command.args(flags).args(rest).stdin(Stdio::null());
        change(&mut command);
        let mark = mark();
        let mut child = command
            .env("CHEERFUL_TEST_MARK", &mark)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = Arc::new(Mutex::new(Vec::new()));
        let stderr = child.stderr.take().unwrap();
        let reader = Some(std::thread::spawn({
            let log = Arc::clone(&log);
            move || keep_lines(stderr, &log)
        }));
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut instance = Self {
            child,
            folder,
            mark,
            log,
            reader,
            address,
        };
        let line = instance.wait_for_log("listening on ");
        instance.address = line
            .split_once("listening on http://")
            .and_then(|(_, rest)| rest.split(['"', ' ']).next())
            .and_then(|address| address.parse().ok())
            .unwrap_or(address);
        instance
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.path().join("api.sock")
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        get(self.address, path)
            .unwrap_or_else(|error| panic!("{path}: {error}; log: {:#?}", self.log()))
    }

    /// Asks the local API.
    pub(crate) fn ask(&self, path: &str) -> Answer {
        exchange(UnixStream::connect(self.socket()).unwrap(), path).unwrap()
    }

    pub(crate) fn json(&self, path: &str) -> serde_json::Value {
        let answer = self.ask(path);
        assert_eq!(answer.status, 200, "{answer:?}");
        serde_json::from_str(&answer.body).unwrap()
    }

    pub(crate) fn write_manifest(&self, manifest: &str) {
        let file = self.folder.path().join("revision.yaml");
        let new = self.folder.path().join("revision.yaml.new");
        fs::write(&new, manifest).unwrap();
        fs::rename(new, file).unwrap();
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    pub(crate) fn wait(&mut self) -> ExitStatus {
        let child = &mut self.child;
        let mut ended = None;
        eventually("the instance ends", || {
            ended = child.try_wait().unwrap();
            ended.is_some()
        });
        ended.unwrap()
    }

    pub(crate) fn log(&self) -> Vec<String> {
        self.log.lock().unwrap().clone()
    }

    /// The first line with these words.
    pub(crate) fn wait_for_log(&mut self, words: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(line) = self.log().iter().find(|line| line.contains(words)) {
                return line.clone();
            }
            let ended = self.child.try_wait().unwrap();
            assert!(
                Instant::now() < deadline && ended.is_none(),
                "{words:?} is not in the log (ended: {ended:?}): {:#?}",
                self.log()
            );
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Process numbers of the app's living replicas.
    pub(crate) fn replicas(&self) -> Vec<i32> {
        self.started()
            .into_iter()
            .filter(|(_, line)| line.contains("sample"))
            .map(|(pid, _)| pid)
            .collect()
    }

    /// Every living process that it started, with its command line.
    pub(crate) fn started(&self) -> Vec<(i32, String)> {
        let own = i32::try_from(self.child.id()).unwrap();
        let marked = format!("CHEERFUL_TEST_MARK={}", self.mark);
        let mut found = Vec::new();
        for entry in fs::read_dir("/proc").unwrap().flatten() {
            let Some(pid) = entry
                .file_name()
                .to_str()
                .and_then(|name| name.parse().ok())
            else {
                continue;
            };
            let environ = fs::read(entry.path().join("environ")).unwrap_or_default();
            let is_ours = environ
                .split(|byte| *byte == 0)
                .any(|variable| variable == marked.as_bytes());
            if pid != own && is_ours {
                let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
                found.push((pid, String::from_utf8_lossy(&line).replace('\0', " ")));
            }
        }
        found
    }

    pub(crate) fn leaves_nothing(&self) {
        eventually("every process it started has ended", || {
            self.started().is_empty()
        });
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("started: {:#?}\nlog: {:#?}", self.started(), self.log());
        }
        self.child.kill().ok();
        self.child.wait().ok();
        if let Some(reader) = self.reader.take()
            && self.started().is_empty()
        {
            reader.join().ok();
        }
    }
}

fn mark() -> String {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    format!(
        "{}-{}",
        std::process::id(),
        NUMBER.fetch_add(1, Ordering::Relaxed)
    )
}

fn keep_lines(stderr: ChildStderr, log: &Mutex<Vec<String>>) {
    for line in BufReader::new(stderr).lines().map_while(Result::ok) {
        log.lock().unwrap().push(line);
    }
}

/// Waits until it holds.
pub(crate) fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "not within {PATIENCE:?}: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// One GET over a connection of its own.
pub(crate) fn get(address: SocketAddr, path: &str) -> io::Result<Answer> {
    let stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    exchange(stream, path)
}

fn exchange(mut stream: impl Read + Write, path: &str) -> io::Result<Answer> {
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n"
    )?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    let (head, body) = text
        .split_once("\r\n\r\n")
        .ok_or_else(|| io::Error::other("no whole answer"))?;
    let status = head
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok());
    let status = status.ok_or_else(|| io::Error::other("no status"))?;
    Ok(Answer {
        status,
        head: head.to_ascii_lowercase(),
        body: body.to_owned(),
    })
}

/// Requests that go on until told to end.
pub(crate) struct Load {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<Vec<String>>>,
    pub(crate) answered: Arc<AtomicU64>,
}

impl Load {
    /// So many at a time, one after another.
    pub(crate) fn start(address: SocketAddr, at_a_time: usize) -> Self {
        let (stop, answered) = (
            Arc::new(AtomicBool::new(false)),
            Arc::new(AtomicU64::new(0)),
        );
        let threads = (0..at_a_time).map(|_| {
            let (stop, answered) = (Arc::clone(&stop), Arc::clone(&answered));
            std::thread::spawn(move || {
                let mut failures = Vec::new();
                while !stop.load(Ordering::Relaxed) {
                    match get(address, "/") {
                        Ok(Answer { status: 200, .. }) => {
                            answered.fetch_add(1, Ordering::Relaxed);
                        }
                        other => failures.push(format!("{other:?}")),
                    }
                }
                failures
            })
        });
        let threads = threads.collect();
        Self {
            stop,
            threads,
            answered,
        }
    }

    /// Ends and gives the answers that were not 200.
    pub(crate) fn stop(self) -> Vec<String> {
        self.stop.store(true, Ordering::Relaxed);
        self.threads
            .into_iter()
            .flat_map(|thread| thread.join().unwrap())
            .collect()
    }
}

/// A manifest of the sample service.
pub(crate) fn manifest(flags: &[&str], scaling: &str) -> String {
    let command: Vec<&str> = [&[CHEERFUL, "sample", "--port", "{port}"], flags].concat();
    format!(
        "apiVersion: cheerful.dev/v1alpha1\nkind: Revision\nmetadata: {{name: hello}}\nspec:\n  \
         command: {}\n  scaling: {{{scaling}}}\n",
        serde_json::to_string(&command).unwrap()
    )
}

/// Runs with flags that are to be refused, and gives what it said.
pub(crate) fn refused(args: &[&str]) -> String {
    let output = Command::new(CHEERFUL)
        .args(args)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{said}");
    said
}

/// A socket path that nothing else uses.
pub(crate) fn in_folder(folder: &Path, file: &str) -> String {
    folder.join(file).to_str().unwrap().to_owned()
}
