// SPDX-License-Identifier: Apache-2.0
//! Nothing outlives the one who started it, not even when that one is killed with SIGKILL.
use std::{
    fs,
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
};

use crate::site::{Site, eventually, rig, runs, shell};

/// A replica with a grandchild in its group, and one that has left group and session.
fn family(folder: &Path) -> String {
    let folder = folder.display();
    format!(
        "cd '{folder}'; sleep 600 & echo $! > stays.new; mv stays.new stays; \
         $0 leave left & exec $0 serve {{port}}"
    )
}

async fn pid_in(file: &Path) -> u32 {
    eventually(&format!("{file:?} is written"), || file.exists()).await;
    fs::read_to_string(file).unwrap().trim().parse().unwrap()
}

/// A parent with such a family that is ready; its replica's process.
fn parent(folder: &Path) -> (Child, u32) {
    let line = family(folder);
    let rig = rig();
    let mut parent = Command::new(&rig)
        .args(["parent", "/bin/sh", "-c", &line, &rig])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut told = String::new();
    BufReader::new(parent.stdout.take().unwrap())
        .read_line(&mut told)
        .unwrap();
    (parent, told.trim().parse().unwrap())
}

#[tokio::test]
async fn children_and_grandchildren_go_when_the_parent_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    let (mut parent, replica) = parent(folder.path());
    let stays = pid_in(&folder.path().join("stays")).await;
    let left = pid_in(&folder.path().join("left")).await;
    assert!([replica, stays, left].into_iter().all(runs));
    parent.kill().unwrap();
    parent.wait().unwrap();
    for pid in [replica, stays, left] {
        eventually("the family has gone", || !runs(pid)).await;
    }
}

#[tokio::test]
async fn a_killed_warden_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let (mut parent, replica) = parent(folder.path());
    let left = pid_in(&folder.path().join("left")).await;
    // It gives itself its name a moment after its start.
    eventually("there is a warden", || warden_of(parent.id()).is_some()).await;
    let first = warden_of(parent.id()).unwrap();
    let pid = rustix::process::Pid::from_raw(i32::try_from(first).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    let replaced = || warden_of(parent.id()).is_some_and(|second| second != first);
    eventually("there is another warden", replaced).await;
    assert!(runs(replica), "the end of a warden ends nobody");
    parent.kill().unwrap();
    parent.wait().unwrap();
    for pid in [replica, left] {
        eventually("the family has gone", || !runs(pid)).await;
    }
}

#[tokio::test]
async fn nothing_is_left_after_an_orderly_end() {
    let folder = tempfile::tempdir().unwrap();
    let site = Site::new();
    site.run(shell("hello", &family(folder.path())), 1).await;
    site.until_open(&["hello-1"]).await;
    let stays = pid_in(&folder.path().join("stays")).await;
    let left = pid_in(&folder.path().join("left")).await;
    site.end().await;
    for pid in [stays, left] {
        eventually("the family has gone", || !runs(pid)).await;
    }
}

/// The child of a process that calls itself warden, whatever it does at the moment, unless it has ended.
fn warden_of(parent: u32) -> Option<u32> {
    let ids = fs::read_dir("/proc").unwrap().flatten();
    let mut ids = ids.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    ids.find(|id| {
        let stat = fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
        let Some((name, rest)) = stat.rsplit_once(") ") else {
            return false;
        };
        let mut fields = rest.split(' ');
        let state = fields.next();
        name.ends_with("(warden")
            && state != Some("Z")
            && fields.next() == Some(&parent.to_string())
    })
}
