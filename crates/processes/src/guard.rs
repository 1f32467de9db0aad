// SPDX-License-Identifier: Apache-2.0
//! This side of the warden: starts it, tells it the process groups, starts it again should it end.
use std::{collections::BTreeSet, io, io::Read, path::PathBuf, process::Stdio, time::Duration};

use tokio::{
    io::AsyncWriteExt,
    process::{Child, ChildStdin, Command},
    sync::mpsc,
    time::{sleep, timeout},
};

/// Changes that wait to be told; a task that has more to tell waits for room.
const WAITING_CHANGES: usize = 1024;
/// A warden that does not read for so long is replaced.
const TELL_LIMIT: Duration = Duration::from_secs(1);
/// Between two starts of a warden.
const BETWEEN_STARTS: Duration = Duration::from_secs(1);
/// How long the warden may take to end in an orderly stop. It looks for what is left for up to 10 s.
const END_LIMIT: Duration = Duration::from_secs(11);

/// How the warden is started: a program that calls [`crate::watch_over`] with its last argument, which
/// is the id of the run and is added here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WardenCommand {
    /// The program, usually this very one.
    pub program: PathBuf,
    /// What makes it the warden.
    pub arguments: Vec<String>,
}

/// A random id, which nobody else carries in his environment by chance.
pub(crate) fn new_run() -> io::Result<String> {
    let mut bytes = [0; 16];
    std::fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Where process groups are told. Cheap to clone; the warden ends when the last clone is dropped.
#[derive(Clone, Debug, Default)]
pub(crate) struct Groups(Option<mpsc::Sender<Change>>);

#[derive(Clone, Copy, Debug)]
enum Change {
    Begun(u32),
    Ended(u32),
}

impl Groups {
    pub(crate) async fn begun(&self, group: u32) {
        self.tell(Change::Begun(group)).await;
    }

    pub(crate) async fn ended(&self, group: u32) {
        self.tell(Change::Ended(group)).await;
    }

    async fn tell(&self, change: Change) {
        if let Some(changes) = &self.0 {
            // It ends after all who could tell it something.
            changes.send(change).await.ok();
        }
    }
}

/// Starts the warden. The future keeps it going and ends when it has ended in order.
pub(crate) fn post(
    command: WardenCommand,
    run: String,
) -> io::Result<(Groups, impl Future<Output = ()> + Send)> {
    let (changes, told) = mpsc::channel(WAITING_CHANGES);
    let warden = start(&command, &run)?;
    Ok((Groups(Some(changes)), keep(command, run, warden, told)))
}

fn start(command: &WardenCommand, run: &str) -> io::Result<(Child, ChildStdin)> {
    let mut child = Command::new(&command.program)
        .args(&command.arguments)
        .arg(run)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()?;
    let pipe = child
        .stdin
        .take()
        .ok_or_else(|| io::Error::other("the warden has no pipe"))?;
    Ok((child, pipe))
}

async fn keep(
    command: WardenCommand,
    run: String,
    warden: (Child, ChildStdin),
    mut told: mpsc::Receiver<Change>,
) {
    let (mut child, mut pipe) = warden;
    let mut groups = BTreeSet::new();
    loop {
        let lines = tokio::select! {
            change = told.recv() => match change {
                Some(Change::Begun(group)) => {
                    groups.insert(group);
                    format!("+{group}\n")
                }
                Some(Change::Ended(group)) => {
                    groups.remove(&group);
                    format!("-{group}\n")
                }
                None => break,
            },
            _ = child.wait() => String::new(),
        };
        let is_well = !lines.is_empty()
            && matches!(
                timeout(TELL_LIMIT, pipe.write_all(lines.as_bytes())).await,
                Ok(Ok(()))
            );
        if is_well {
            continue;
        }
        tracing::warn!("the warden has ended or hangs; starting another");
        // With its pipe still open it kills nobody.
        child.kill().await.ok();
        sleep(BETWEEN_STARTS).await;
        match start(&command, &run) {
            Ok(started) => (child, pipe) = started,
            Err(error) => tracing::error!(%error, "the warden cannot be started"),
        }
        let all: String = groups.iter().map(|group| format!("+{group}\n")).collect();
        // If that fails the next turn sees it.
        timeout(TELL_LIMIT, pipe.write_all(all.as_bytes()))
            .await
            .ok();
    }
    drop(pipe);
    if timeout(END_LIMIT, child.wait()).await.is_err() {
        tracing::warn!("the warden did not end in time");
        child.kill().await.ok();
    }
}
