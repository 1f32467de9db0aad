// SPDX-License-Identifier: Apache-2.0
use std::{
    fs,
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    path::PathBuf,
    sync::{Arc, Mutex},
    time::Duration,
};

use cheerful_autoscaler::Platform;
use cheerful_processes::{
    LineSink, ProcessEvent, ProcessRevision, Processes, ProcessesConfig, ReplicaView, WardenCommand,
};
use tokio::{sync::mpsc, task::JoinHandle, time::sleep};

use crate::door::Door;

/// How long anything may take on a loaded machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// The program that the tests start.
pub(crate) fn rig() -> String {
    env!("CARGO_BIN_EXE_processes-rig").to_owned()
}

/// A revision that serves, by way of the rig.
pub(crate) fn serving(name: &str) -> ProcessRevision {
    ProcessRevision::new(name, vec![rig(), "serve".into(), "{port}".into()])
}

/// A revision that runs a line of shell; `$0` is the rig.
pub(crate) fn shell(name: &str, line: &str) -> ProcessRevision {
    let command = ["/bin/sh", "-c", line].map(str::to_owned);
    ProcessRevision::new(name, [command.as_slice(), &[rig()]].concat())
}

/// A platform, its door, its events and the output of its replicas.
pub(crate) struct Site {
    pub(crate) processes: Processes,
    pub(crate) door: Arc<Door>,
    pub(crate) lines: Arc<Mutex<Vec<String>>>,
    pub(crate) task: JoinHandle<()>,
    events: mpsc::Receiver<ProcessEvent>,
}

impl Site {
    pub(crate) fn new() -> Self {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let store = Arc::clone(&lines);
        let sink = move |line: &str| store.lock().unwrap().push(line.to_owned());
        Self::with_sink(LineSink::new(sink), lines)
    }

    pub(crate) fn with_sink(sink: LineSink, lines: Arc<Mutex<Vec<String>>>) -> Self {
        let program = PathBuf::from(rig());
        let warden = Some(WardenCommand {
            program,
            arguments: vec!["warden".into()],
        });
        let config = ProcessesConfig {
            lines: Some(sink),
            warden,
        };
        let door = Arc::new(Door::default());
        let (events, happened) = mpsc::channel(64);
        let (processes, task) = Processes::start(config, Arc::clone(&door), events).unwrap();
        Self {
            processes,
            door,
            lines,
            task,
            events: happened,
        }
    }

    /// Adds a revision and scales it.
    pub(crate) async fn run(&self, revision: ProcessRevision, replicas: u32) {
        let name = revision.name.clone();
        self.processes.add(revision).await;
        self.processes.scale(&name, replicas).await.unwrap();
    }

    /// Adds a revision and runs one replica of it until it is open; its process.
    pub(crate) async fn run_one(&self, revision: ProcessRevision) -> u32 {
        let name = revision.name.clone();
        self.run(revision, 1).await;
        let replica = format!("{name}-1");
        let is_open = || self.door.open_ones().contains(&replica);
        eventually(&format!("{replica} is open"), is_open).await;
        self.replica(&name, &replica).await.unwrap().pid.unwrap()
    }

    pub(crate) async fn until_open(&self, replicas: &[&str]) {
        eventually(&format!("{replicas:?} are open"), || {
            self.door.open_ones() == replicas
        })
        .await;
    }

    pub(crate) async fn replica(&self, revision: &str, replica: &str) -> Option<ReplicaView> {
        let views = self.processes.replicas(revision).await;
        views.into_iter().find(|view| view.replica == replica)
    }

    pub(crate) async fn next_event(&mut self) -> ProcessEvent {
        tokio::time::timeout(PATIENCE, self.events.recv())
            .await
            .unwrap()
            .unwrap()
    }

    /// The next crash: its replica, why, and when it is started again.
    pub(crate) async fn next_crash(&mut self) -> (String, String, Duration) {
        loop {
            if let ProcessEvent::Crashed {
                replica,
                why,
                restart_in,
                ..
            } = self.next_event().await
            {
                return (replica, why, restart_in.unwrap());
            }
        }
    }

    /// Ends in order, and sees that the task does.
    pub(crate) async fn end(self) {
        tokio::time::timeout(PATIENCE, self.processes.shut_down())
            .await
            .unwrap();
        tokio::time::timeout(PATIENCE, self.task)
            .await
            .unwrap()
            .unwrap();
    }
}

/// Waits until it is so.
pub(crate) async fn eventually(what: &str, is_so: impl Fn() -> bool) {
    let step = Duration::from_millis(10);
    let mut waited = Duration::ZERO;
    while !is_so() {
        assert!(waited < PATIENCE, "not in time: {what}");
        sleep(step).await;
        waited += step;
    }
}

/// Whether a process runs; a zombie does not.
pub(crate) fn runs(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = stat
        .rsplit_once(") ")
        .map(|(_, rest)| rest.starts_with(['Z', 'X']));
    state == Some(false)
}

/// What a replica answers.
pub(crate) fn get(address: SocketAddr) -> String {
    let mut connection = TcpStream::connect(address).unwrap();
    connection.write_all(b"GET / HTTP/1.0\r\n\r\n").unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).unwrap();
    answer.split_once("\r\n\r\n").unwrap().1.to_owned()
}
