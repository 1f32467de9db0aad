// SPDX-License-Identifier: Apache-2.0
use std::time::{Duration, Instant};

use cheerful_autoscaler::Platform;
use cheerful_processes::{FirstAnswer, ProcessRevision};
use rustix::process::{Pid, Signal, kill_process};

use crate::site::{Site, eventually, runs, serving, shell};

#[tokio::test]
async fn a_crash_loop_backs_off_says_why_and_lets_others_be() {
    let mut site = Site::new();
    site.run(
        shell("broken", "echo reading; echo no such table >&2; exit 3"),
        1,
    )
    .await;
    for millis in [100, 200, 400] {
        let (replica, why, restart_in) = site.next_crash().await;
        assert_eq!(replica, "broken-1");
        assert_eq!(
            why,
            "exit code 3; last output:\n    reading\n    no such table"
        );
        assert_eq!(restart_in, Duration::from_millis(millis));
    }
    let view = site.replica("broken", "broken-1").await.unwrap();
    assert!(view.restarts >= 2, "{view:?}");
    site.run_one(serving("hello")).await;
    let metrics = site.processes.metrics().await;
    assert!(metrics.crashes_exit >= 3);
    assert_eq!(
        (
            metrics.crashes_signal,
            metrics.crashes_start,
            metrics.startups
        ),
        (0, 0, 1)
    );
    // Scaled down it is gone at once, and stays so.
    site.processes.scale("broken", 0).await.unwrap();
    site.end().await;
}

#[tokio::test]
async fn a_killed_replica_comes_back_by_its_name() {
    let mut site = Site::new();
    let old = site.run_one(serving("hello")).await;
    kill_process(
        Pid::from_raw(i32::try_from(old).unwrap()).unwrap(),
        Signal::KILL,
    )
    .unwrap();
    let (_, why, _) = site.next_crash().await;
    assert_eq!(why, "SIGKILL, without any output");
    site.until_open(&["hello-1"]).await;
    let view = site.replica("hello", "hello-1").await.unwrap();
    assert_eq!((view.restarts, view.pid == Some(old)), (1, false));
    assert_eq!(site.processes.metrics().await.crashes_signal, 1);
    site.end().await;
}

#[tokio::test]
async fn its_grandchildren_go_with_a_crashed_replica() {
    let mut site = Site::new();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pid");
    let line = format!("sleep 600 & echo $! > {}; exit 1", file.display());
    site.run(shell("broken", &line), 1).await;
    site.next_crash().await;
    let grandchild = std::fs::read_to_string(&file)
        .unwrap()
        .trim()
        .parse()
        .unwrap();
    eventually("the grandchild is killed", || !runs(grandchild)).await;
    site.end().await;
}

#[tokio::test]
async fn a_command_that_is_not_there_is_said_at_once() {
    let mut site = Site::new();
    let command = vec!["no-such-program-anywhere".to_owned()];
    site.run(ProcessRevision::new("missing", command), 1).await;
    let (_, why, restart_in) = site.next_crash().await;
    assert!(
        why.starts_with("command not found: \"no-such-program-anywhere\""),
        "{why}"
    );
    assert_eq!(restart_in, Duration::from_millis(100));
    assert!(site.processes.metrics().await.crashes_start >= 1);
    site.end().await;
}

#[tokio::test]
async fn an_unknown_revision_cannot_be_scaled() {
    let site = Site::new();
    let error = site.processes.scale("nobody", 1).await.unwrap_err();
    assert!(error.to_string().contains("nobody"), "{error}");
    site.end().await;
}

#[tokio::test]
async fn what_answered_first_is_kept_of_the_process_that_did() {
    let site = Site::new();
    let pid = site.run_one(serving("hello")).await;
    let first = |site: &Site, after: Duration, took: Duration| {
        let asked = now() + after;
        let answered = asked + took;
        let first = FirstAnswer { asked, answered };
        site.door.set_first_answer("hello-1", first);
    };
    let starts = site.processes.starts("hello").await;
    assert_eq!(starts[0].first_answer_seconds, None);
    first(&site, Duration::from_secs(60), Duration::from_millis(250));
    // Nobody asks before it dies: it is asked for when the door is told to forget it.
    let pid = Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    kill_process(pid, Signal::KILL).unwrap();
    let both = loop {
        let starts = site.processes.starts("hello").await;
        if starts.len() == 2 {
            break starts;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    };
    assert_eq!(both[0].first_answer_seconds, Some(0.25));
    assert!(both[0].first_request_seconds >= Some(60.0), "{both:?}");
    assert_eq!(both[1].first_answer_seconds, None, "{both:?}");
    first(&site, Duration::ZERO, Duration::from_millis(500));
    let both = site.processes.starts("hello").await;
    assert_eq!(both[0].first_answer_seconds, Some(0.25));
    assert_eq!(both[1].first_answer_seconds, Some(0.5));
    site.end().await;
}

#[expect(
    clippy::disallowed_methods,
    reason = "a door tells when, by the clock of the machine"
)]
fn now() -> Instant {
    Instant::now()
}
