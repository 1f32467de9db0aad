// SPDX-License-Identifier: Apache-2.0
//! One process from its start to its end: the only one who signals it, so that no signal ever goes to
//! a number that has become somebody else's.
use std::{io, process::ExitStatus, sync::Arc, time::Duration};

use rustix::process::{Pid, Signal, kill_process_group, test_kill_process_group};
use tokio::{
    net::unix::pipe,
    process::Child,
    sync::{Semaphore, watch},
    task::{spawn_blocking, yield_now},
    time::{sleep, timeout},
};

use crate::{
    ProcessRevision, StartError, ending,
    guard::Groups,
    news::{Reporter, What},
    output::{LastLines, Lines, Output},
    ports::Ports,
    start::{Started, start},
};

/// How long the rest of the output is waited for after the process has ended (somebody who left its
/// group may hold the pipe).
const REST_OF_OUTPUT: Duration = Duration::from_millis(100);
/// How often a group whose leader has ended is looked at while its other members end.
const GROUP_LOOK: Duration = Duration::from_millis(10);

/// What is asked of a process. It only ever grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Order {
    Run,
    Terminate,
    Kill,
}

/// What all processes of a platform share.
#[derive(Clone, Debug)]
pub(crate) struct Shared {
    /// Bounds the processes that are being started at the same time.
    pub(crate) starts: Arc<Semaphore>,
    pub(crate) ports: Ports,
    pub(crate) groups: Groups,
    pub(crate) output: Output,
    /// The id of the run.
    pub(crate) run: Arc<str>,
}

/// How it came to its end.
#[derive(Debug)]
pub(crate) enum Ending {
    /// It never ran.
    NotStarted(StartError),
    /// An order came before it was started.
    NotWanted,
    /// It ran and ended; with the last lines of its output.
    Ended {
        status: io::Result<ExitStatus>,
        last_lines: Vec<String>,
    },
}

/// Who is to run a process, and what of it is shared with the owner.
#[derive(Debug)]
pub(crate) struct Begun {
    pub(crate) revision: Arc<ProcessRevision>,
    pub(crate) replica: Arc<str>,
    pub(crate) orders: watch::Receiver<Order>,
    pub(crate) last: LastLines,
}

/// Runs one process and tells that it runs and how it ended.
pub(crate) async fn run(begun: Begun, shared: Shared, reporter: Reporter) {
    let ending = run_to_end(begun, shared, &reporter).await;
    reporter.tell(What::Ended(ending)).await;
}

async fn run_to_end(begun: Begun, shared: Shared, reporter: &Reporter) -> Ending {
    let Begun {
        revision,
        replica,
        mut orders,
        last,
    } = begun;
    let permit = shared.starts.clone().acquire_owned().await;
    if *orders.borrow() > Order::Run {
        return Ending::NotWanted;
    }
    let starting = {
        let (replica, shared) = (Arc::clone(&replica), shared.clone());
        // Forking takes a millisecond or more, in which requests want to go on.
        spawn_blocking(move || start(&revision, &replica, &shared.run, &shared.ports))
    };
    let started = match starting.await {
        Ok(Ok(started)) => started,
        Ok(Err(error)) => return Ending::NotStarted(error),
        Err(error) => {
            let program = replica.to_string();
            let source = io::Error::other(error);
            return Ending::NotStarted(StartError::System { program, source });
        }
    };
    drop(permit);
    let Started {
        mut child,
        pid,
        port,
        output,
    } = started;
    shared.groups.begun(pid).await;
    reporter
        .tell(What::Spawned {
            pid,
            port: port.number(),
        })
        .await;

    let mut lines = Lines::new(&replica, shared.output, last);
    let mut output = pipe::Receiver::from_owned_fd(output).ok();
    let status = watch_process(&mut child, pid, &mut orders, &mut output, &mut lines).await;
    if *orders.borrow() == Order::Terminate {
        // Its children were asked to end too, and may.
        tokio::select! {
            () = group_ends(pid) => {}
            () = read_all(&mut output, &mut lines) => group_ends(pid).await,
            () = until_killed(&mut orders) => {}
        }
    }
    signal_group(pid, Signal::KILL);
    timeout(REST_OF_OUTPUT, read_all(&mut output, &mut lines))
        .await
        .ok();
    shared.groups.ended(pid).await;
    Ending::Ended {
        status,
        last_lines: lines.finish(),
    }
}

/// Until the process has ended: reads its output and passes orders on.
async fn watch_process(
    child: &mut Child,
    pid: u32,
    orders: &mut watch::Receiver<Order>,
    output: &mut Option<pipe::Receiver>,
    lines: &mut Lines,
) -> io::Result<ExitStatus> {
    let mut obeyed = Order::Run;
    loop {
        let order = *orders.borrow_and_update();
        if order > obeyed {
            obeyed = order;
            let signal = if order == Order::Kill {
                Signal::KILL
            } else {
                Signal::TERM
            };
            signal_group(pid, signal);
        }
        tokio::select! {
            status = child.wait() => return status,
            // Without a sender nobody wants it any more.
            changed = orders.changed(), if obeyed < Order::Kill => if changed.is_err() {
                obeyed = Order::Kill;
                signal_group(pid, Signal::KILL);
            },
            () = read_some(output, lines) => {}
        }
    }
}

async fn until_killed(orders: &mut watch::Receiver<Order>) {
    // An error is a sender that is gone: nobody waits for it any more.
    orders.wait_for(|order| *order == Order::Kill).await.ok();
}

async fn group_ends(group: u32) {
    while pid_of(group).is_some_and(|group| test_kill_process_group(group).is_ok()) {
        sleep(GROUP_LOOK).await;
    }
}

async fn read_all(output: &mut Option<pipe::Receiver>, lines: &mut Lines) {
    while output.is_some() {
        read_some(output, lines).await;
    }
}

/// Waits for output and takes it. Never returns once the pipe has ended: there is nothing to wait for.
async fn read_some(output: &mut Option<pipe::Receiver>, lines: &mut Lines) {
    let Some(pipe) = output else {
        return std::future::pending().await;
    };
    if pipe.readable().await.is_ok() {
        // On the stack of this call, not in the future that waits: most processes are quiet.
        let mut bytes = [0; 8 * 1024];
        match pipe.try_read(&mut bytes) {
            Ok(0) => *output = None,
            Ok(length) => lines.feed(bytes.get(..length).unwrap_or_default()),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(_) => *output = None,
        }
    } else {
        *output = None;
    }
    // A flood must not keep the thread from others.
    yield_now().await;
}

fn signal_group(group: u32, signal: Signal) {
    if let Some(group) = pid_of(group) {
        // It may have ended by itself.
        kill_process_group(group, signal).ok();
    }
}

fn pid_of(id: u32) -> Option<Pid> {
    i32::try_from(id).ok().and_then(Pid::from_raw)
}

impl Ending {
    /// Why it ended, for people: a line, and the last lines of its output below it.
    pub(crate) fn why(&self) -> String {
        match self {
            Self::NotStarted(error) => error.to_string(),
            Self::NotWanted => "no longer wanted".to_owned(),
            Self::Ended {
                status: Err(error), ..
            } => format!("unknown end: {error}"),
            Self::Ended {
                status: Ok(status),
                last_lines,
            } => {
                let how = ending::describe(*status);
                if last_lines.is_empty() {
                    return format!("{how}, without any output");
                }
                format!("{how}; last output:\n    {}", last_lines.join("\n    "))
            }
        }
    }
}
