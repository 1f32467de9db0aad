// SPDX-License-Identifier: Apache-2.0
//! Replicas by other signals than the requests that pass the gateway.
use std::{
    env, fs,
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener, UdpSocket},
    path::Path,
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use cheerful_rig::Prometheus;
use tempfile::TempDir;

use crate::rig::{Instance, eventually, get};

/// An app whose load is what the test says: it serves the files of its folder, `load` among them, and works as long as
/// there is one called `work`.
const APP: &str = r#"
import functools, http.server, os, sys, threading, time
folder = sys.argv[1]
handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=folder)
server = http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
while True:
    if os.path.exists(folder + "/work"):
        sum(range(100000))
    else:
        time.sleep(0.1)
"#;

/// The app's folder.
struct App(TempDir);

impl App {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("app.py"), APP).unwrap();
        Self(folder)
    }

    /// Written whole, or not at all.
    fn says(&self, load: &str) {
        let new = self.0.path().join("load.new");
        fs::write(&new, load).unwrap();
        fs::rename(new, self.0.path().join("load")).unwrap();
    }

    /// A manifest that scales fast.
    fn manifest(&self, scaling: &str, rest: &str) -> String {
        let folder = self.0.path().display();
        format!(
            "apiVersion: cheerful.dev/v1alpha1\nkind: Revision\nmetadata: {{name: hello}}\nspec:\n  \
             command: [python3, {folder}/app.py, {folder}]\n  \
             scaling: {{stableWindow: 6s, panicWindow: 1s, idleDelay: 5s, scaleDownDelay: 0s, maxDown: 10, {scaling}}}\n  {rest}\n"
        )
    }
}

/// Whether a program is there; a test without its program is left out.
fn is_there(program: &str) -> bool {
    let found = Command::new(program)
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    if found.is_err() {
        eprintln!("left out: there is no {program} here");
    }
    found.is_ok()
}

fn instance(manifest: &str) -> Instance {
    Instance::of_manifest(&["--tick", "500ms"], manifest)
}

impl Instance {
    fn view(&self) -> serde_json::Value {
        self.json("/v1/revisions/hello")
    }

    /// Waits until so many are ready, and what changed their number says these words.
    fn until(&self, ready: u64, words: &str) {
        eventually(&format!("{ready} are ready: {words}"), || {
            let view = self.view();
            view["ready"] == ready && view["why"].as_str().unwrap().contains(words)
        });
    }
}

#[test]
fn what_the_app_says_at_its_path_and_that_it_is_busy() {
    if !is_there("python3") {
        return;
    }
    let app = App::new();
    app.says(r#"{"in_flight": 4}"#);
    let instance =
        instance(&app.manifest("target: 2, max: 3, initial: 1", "signal: {path: /load}"));
    instance.until(3, "in flight");
    // Nothing to answer, and work to be done.
    app.says(r#"{"in_flight": 0, "busy": true}"#);
    eventually("that keeps them", || {
        instance.view()["keptAwakeBy"]
            .to_string()
            .contains("work in the background")
    });
    assert_eq!(instance.view()["ready"], 3);
    // What cannot be read is told, and lowers nothing.
    app.says("<html>");
    eventually("explain tells it", || {
        instance.view().to_string().contains("cannot be read")
    });
    assert_eq!(instance.view()["ready"], 3);
    app.says(r#"{"in_flight": 0, "busy": false}"#);
    instance.until(0, "");
}

#[test]
fn the_cpu_that_the_replicas_take() {
    if !is_there("python3") {
        return;
    }
    let app = App::new();
    let instance = instance(&app.manifest(
        "min: 1, max: 2, initial: 1",
        "signals: [{cpu: {target: 1}}]",
    ));
    let work = app.0.path().join("work");
    fs::write(&work, "").unwrap();
    instance.until(2, "the signal cpu wants");
    fs::remove_file(&work).unwrap();
    instance.until(1, "");
}

#[test]
fn a_schedule() {
    if !is_there("python3") {
        return;
    }
    let app = App::new();
    // On all the time, for it begins each midnight.
    let on = "schedules: [{name: all week, cron: \"0 0 * * *\", for: 168h, min: 2}]";
    let instance = instance(&app.manifest(on, ""));
    instance.until(2, "the schedule all week");
    instance.write_manifest(&app.manifest("max: 9", ""));
    instance.until(0, "");
}

/// A page of one metric.
fn page(jobs: Arc<AtomicU64>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut request = [0; 4096];
            let text = format!("jobs {}\n", jobs.load(Ordering::Relaxed));
            let head =
                "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\nConnection: close";
            let answer = format!("{head}\r\nContent-Length: {}\r\n\r\n{text}", text.len());
            if stream.read(&mut request).is_ok() {
                stream.write_all(answer.as_bytes()).ok();
            }
        }
    });
    address
}

#[test]
fn what_a_prometheus_answers_from_zero_and_back() {
    if !is_there("python3") {
        return;
    }
    let app = App::new();
    let jobs = Arc::new(AtomicU64::new(25));
    let Some(prometheus) = Prometheus::start(app.0.path(), "jobs", page(Arc::clone(&jobs))) else {
        return;
    };
    let at = prometheus.address;
    let signal = format!(
        "signals: [{{prometheus: {{server: 'http://{at}', query: sum(jobs), perReplica: 10, interval: 1s}}}}]"
    );
    let instance = instance(&app.manifest("initial: 0, max: 9", &signal));
    instance.until(3, "the signal prometheus wants 3: 25 over all, 10 each");
    jobs.store(0, Ordering::Relaxed);
    instance.until(0, "");
    jobs.store(12, Ordering::Relaxed);
    instance.until(2, "the signal prometheus wants 2");
    // Without it, what it last asked for holds, and explain tells why.
    drop(prometheus);
    eventually("explain tells it", || {
        instance.view().to_string().contains("no answer: ")
    });
    instance.until(2, "the signal prometheus wants 2");
}

#[test]
fn what_is_sent_by_statsd() {
    if !is_there("python3") {
        return;
    }
    let (app, socket) = (App::new(), UdpSocket::bind("127.0.0.1:0").unwrap());
    let to = UdpSocket::bind("127.0.0.1:0").unwrap();
    let at = to.local_addr().unwrap();
    drop(to);
    let statsd = at.to_string();
    let signal = "signal: {statsd: {inFlight: shop.in_flight, tags: {env: test}}}";
    let manifest = app.manifest("target: 2, max: 3, initial: 1", signal);
    let flags = ["--tick", "500ms", "--statsd", &statsd];
    let instance = Instance::of_manifest(&flags, &manifest);
    let says = |level: u32| {
        let line = format!("shop.in_flight:{level}|g|#env:test");
        socket.send_to(line.as_bytes(), at).ok();
    };
    eventually("three are ready", || {
        says(6);
        instance.view()["ready"] == 3
    });
    // Silence is no load of nothing.
    eventually("explain tells it", || {
        instance
            .view()
            .to_string()
            .contains("no datagram of it came")
    });
    assert_eq!(instance.view()["ready"], 3);
    eventually("none is ready", || {
        says(0);
        instance.view()["ready"] == 0
    });
}

/// With all of it busy its page still says so, and the replicas that come take what waits.
#[test]
fn the_example_of_gunicorn() {
    let python = [
        "/usr/bin/python3",
        "-c",
        "import gunicorn, prometheus_client",
    ];
    let found = Command::new(python[0]).args(&python[1..]).output();
    if !found.is_ok_and(|output| output.status.success()) {
        eprintln!("left out: there is no gunicorn with prometheus_client here");
        return;
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let path = env::var("PATH").unwrap_or_default();
    let example = ["-f", "examples/signals/gunicorn.yaml"];
    let folder = tempfile::tempdir().unwrap();
    let instance = Instance::start_in(folder, &["--tick", "500ms"], &example, |command| {
        // Debian's Python has what it needs.
        command
            .current_dir(root)
            .env("PATH", format!("/usr/bin:{path}"))
            .env("PYTHONDONTWRITEBYTECODE", "1");
    });
    assert!(get(instance.address, "/").unwrap().body.contains("hello"));
    for _ in 0..20 {
        let address = instance.address;
        // Until the instance ends.
        std::thread::spawn(move || get(address, "/wait"));
    }
    eventually("three or more are ready", || {
        instance.json("/v1/revisions/shop")["ready"].as_u64() >= Some(3)
    });
}
