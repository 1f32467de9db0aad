// SPDX-License-Identifier: Apache-2.0
//! The warden: a small process that outlives this one by a moment and leaves no child behind.
//!
//! A process that is killed with SIGKILL cannot clean up, and a parent-death signal reaches neither
//! grandchildren nor, in a program with threads, reliably the children. So one warden is started per
//! run. It is told each process group by a line on its standard input (`+123` begun, `-123` ended)
//! and does nothing until that pipe ends. Then it kills with SIGKILL what is left: the groups, what
//! descends from their members, and every process that carries this run's mark in its environment,
//! until nothing is found any more.
//!
//! Out of its reach: a process that has left its group, cleared its environment and outlived its
//! parent, all three (a daemon of the old school started through `env -i`).
use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    io::{BufRead, Read},
    path::Path,
    thread,
    time::Duration,
};

use rustix::process::{Pid, Signal, getpid, kill_process, kill_process_group};
use tokio::signal::unix::{SignalKind, signal};

/// The variable that marks each process of a run.
pub(crate) const MARK: &str = "CHEERFUL_RUN";
/// Groups that are remembered; further ones are found by their mark.
const MOST_GROUPS: usize = 100_000;
/// Longest line that is understood.
const LONGEST_LINE: u64 = 32;
/// Bytes of a process's environment that are looked through.
const MOST_ENVIRONMENT: u64 = 4 * 1024 * 1024;
/// How often it looks for what is left, and how long it rests in between: 10 s in all.
const SWEEPS: usize = 200;
const BETWEEN_SWEEPS: Duration = Duration::from_millis(50);
/// Nothing found so often in a row is the end: a process between fork and exec shows its mark late.
const QUIET_SWEEPS: usize = 3;

/// Is the warden of a run: returns when the process that started it has ended and nothing of the run
/// is left, at most 10 s later. To be called on the main thread of a process of its own with the
/// run's id; the end of standard input is the end of the starter.
///
/// It ignores SIGINT, SIGTERM and SIGHUP, and shows as `warden` in the list of processes, so that a
/// signal to all of the starter's name does not reach it.
///
/// # Errors
/// When the signals cannot be ignored, or standard input cannot be read (nothing is killed then).
pub fn watch_over(run: &str) -> io::Result<()> {
    if run.len() < 16 {
        return Err(io::Error::other(format!(
            "{run:?} is no id of a run: it is too short"
        )));
    }
    // For people only; a system without /proc has no other name for it.
    fs::write("/proc/self/comm", "warden").ok();
    // A handler that nobody listens to is how a signal is ignored without unsafe code.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()?;
    let entered = runtime.enter();
    let ignored = [
        SignalKind::interrupt(),
        SignalKind::terminate(),
        SignalKind::hangup(),
    ];
    let ignored = ignored.map(signal);
    for handler in &ignored {
        if let Err(error) = handler {
            return Err(io::Error::new(error.kind(), error.to_string()));
        }
    }
    let groups = told_groups(&mut io::stdin().lock())?;
    sweep(&groups, run);
    drop(ignored);
    drop(entered);
    Ok(())
}

/// Reads to the end: the groups that have begun and not ended.
fn told_groups(lines: &mut impl BufRead) -> io::Result<BTreeSet<i32>> {
    let mut groups = BTreeSet::new();
    let mut line = Vec::new();
    loop {
        line.clear();
        if lines
            .by_ref()
            .take(LONGEST_LINE)
            .read_until(b'\n', &mut line)?
            == 0
        {
            return Ok(groups);
        }
        let Ok(text) = str::from_utf8(&line) else {
            continue;
        };
        let text = text.trim_end();
        // 0 and 1 would be our own group and init's: nothing that was ever begun.
        let number = |digits: &str| digits.parse().ok().filter(|group| *group > 1);
        if let Some(group) = text.strip_prefix('+').and_then(number) {
            if groups.len() < MOST_GROUPS {
                groups.insert(group);
            }
        } else if let Some(group) = text.strip_prefix('-').and_then(number) {
            groups.remove(&group);
        }
    }
}

fn sweep(groups: &BTreeSet<i32>, run: &str) {
    let mark = format!("{MARK}={run}");
    let mut quiet = 0;
    for round in 0..SWEEPS {
        let processes = processes(Path::new("/proc"), &mark);
        // The groups count in the first round only: a kill of a group is complete, and afterwards
        // its number may be somebody else's.
        let no_groups = BTreeSet::new();
        let groups = if round == 0 { groups } else { &no_groups };
        let left = belonging(&processes, groups, getpid().as_raw_nonzero().get());
        for group in groups.iter().filter_map(|group| Pid::from_raw(*group)) {
            // It may be gone by itself.
            kill_process_group(group, Signal::KILL).ok();
        }
        for process in left.iter().filter_map(|process| Pid::from_raw(*process)) {
            kill_process(process, Signal::KILL).ok();
        }
        quiet = if left.is_empty() { quiet + 1 } else { 0 };
        if quiet == QUIET_SWEEPS {
            return;
        }
        thread::sleep(BETWEEN_SWEEPS);
    }
}

/// A process as /proc shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Process {
    parent: i32,
    group: i32,
    marked: bool,
}

/// Those that run in one of the groups or carry the mark, and all that descend from them; never
/// ourselves.
fn belonging(
    processes: &BTreeMap<i32, Process>,
    groups: &BTreeSet<i32>,
    own: i32,
) -> BTreeSet<i32> {
    let mut found: BTreeSet<i32> = processes
        .iter()
        .filter(|(_, process)| process.marked || groups.contains(&process.group))
        .map(|(id, _)| *id)
        .collect();
    loop {
        let before = found.len();
        for (id, process) in processes {
            if found.contains(&process.parent) {
                found.insert(*id);
            }
        }
        if found.len() == before {
            break;
        }
    }
    found.remove(&own);
    found
}

/// All processes that still run (zombies do not).
fn processes(proc: &Path, mark: &str) -> BTreeMap<i32, Process> {
    let Ok(entries) = fs::read_dir(proc) else {
        return BTreeMap::new();
    };
    let ids = entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    ids.filter_map(|id: i32| {
        let directory = proc.join(id.to_string());
        let (parent, group) = parent_and_group(&fs::read_to_string(directory.join("stat")).ok()?)?;
        Some((
            id,
            Process {
                parent,
                group,
                marked: is_marked(&directory, mark),
            },
        ))
    })
    .collect()
}

/// The fields 4 and 5 of /proc/ID/stat (proc(5)); `None` for a zombie. The name in parentheses may
/// have blanks and parentheses itself.
fn parent_and_group(stat: &str) -> Option<(i32, i32)> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_ascii_whitespace();
    if matches!(fields.next()?, "Z" | "X") {
        return None;
    }
    Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
}

/// Whether a process carries the mark; not when its environment may not be read: then it is not
/// ours to kill either.
fn is_marked(directory: &Path, mark: &str) -> bool {
    let Ok(file) = fs::File::open(directory.join("environ")) else {
        return false;
    };
    let mut environment = Vec::new();
    let read = file.take(MOST_ENVIRONMENT).read_to_end(&mut environment);
    read.is_ok()
        && environment
            .split(|byte| *byte == 0)
            .any(|line| line == mark.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_begin_and_end_and_nonsense_is_skipped() {
        let text = b"+100\n+200\n-100\n-300\n+0\n+1\n+-5\nfoo\n\xff\n+99999999999\n\n+400";
        let groups = told_groups(&mut text.as_slice()).unwrap();
        assert_eq!(groups, BTreeSet::from([200, 400]));
    }

    #[test]
    fn a_line_without_end_takes_no_memory() {
        let text = [vec![b'+'; 10_000], b"\n+7\n".to_vec()].concat();
        assert_eq!(
            told_groups(&mut text.as_slice()).unwrap(),
            BTreeSet::from([7])
        );
    }

    #[test]
    fn finds_the_group_the_marked_and_their_descendants() {
        let process = |parent, group, marked| Process {
            parent,
            group,
            marked,
        };
        let processes = BTreeMap::from([
            (1, process(0, 1, false)),
            (10, process(1, 10, false)),  // somebody else
            (20, process(1, 20, false)),  // in a group
            (21, process(20, 20, false)), // its child
            (22, process(21, 22, false)), // a descendant in a session of its own
            (30, process(1, 30, true)),   // left everything but its mark
            (31, process(30, 31, false)),
            (40, process(1, 40, true)), // ourselves
        ]);
        let found = belonging(&processes, &BTreeSet::from([20]), 40);
        assert_eq!(found, BTreeSet::from([20, 21, 22, 30, 31]));
        assert_eq!(
            belonging(&processes, &BTreeSet::new(), 40),
            BTreeSet::from([30, 31])
        );
    }

    #[test]
    fn reads_stat_with_odd_names() {
        assert_eq!(
            parent_and_group("12 (a) b (c)) S 34 56 7 8"),
            Some((34, 56))
        );
        assert_eq!(parent_and_group("12 (gone) Z 34 56 7 8"), None);
        assert_eq!(parent_and_group("12"), None);
    }

    #[test]
    fn finds_itself_in_proc() {
        let own = processes(Path::new("/proc"), "NOT=THERE");
        let own = own.get(&getpid().as_raw_nonzero().get()).unwrap();
        assert!(!own.marked);
        let parent = rustix::process::getppid().unwrap();
        assert_eq!(own.parent, parent.as_raw_nonzero().get());
    }

    #[test]
    fn refuses_an_id_that_anybody_could_have() {
        assert!(watch_over("").is_err());
        assert!(watch_over("1").is_err());
    }
}
