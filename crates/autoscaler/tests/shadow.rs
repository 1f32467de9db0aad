// SPDX-License-Identifier: Apache-2.0
//! A policy beside the one that acts: told, compared, recorded and replayed, under virtual time.
#![expect(clippy::unwrap_used, reason = "these are tests")]
use std::{
    io::Cursor,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use cheerful_autoscaler::{
    Autoscaler, AutoscalerConfig, Input, Platform, RevisionView, ScaleError, replay,
};
use cheerful_scaling::{
    Concurrency, Floor, Holding, Observation, Policy, Report, Scaling, Settings, Start,
};
use tokio::{task::JoinHandle, time::sleep};

/// Takes every wish, and remembers the last.
#[derive(Default)]
struct Fake(AtomicU32);

impl Platform for Fake {
    async fn scale(&self, _: &str, replicas: u32) -> Result<(), ScaleError> {
        self.0.store(replicas, Ordering::Relaxed);
        Ok(())
    }
}

fn scaling(change: impl FnOnce(&mut Settings)) -> Scaling {
    let mut settings = Settings {
        policy: Policy::StablePanic,
        concurrency: Concurrency::Limit(10),
        grace_period: Duration::ZERO,
        ..Settings::default()
    };
    change(&mut settings);
    Scaling::new(settings).unwrap()
}

struct Run {
    autoscaler: Autoscaler,
    platform: Arc<Fake>,
    running: JoinHandle<()>,
    number: u64,
}

impl Run {
    async fn start(record: Option<&Path>) -> Self {
        let config = AutoscalerConfig {
            record: record.map(Path::to_owned),
            ..AutoscalerConfig::default()
        };
        let platform = Arc::<Fake>::default();
        let (autoscaler, running) = Autoscaler::start(config, Arc::clone(&platform)).unwrap();
        let run = Self {
            autoscaler,
            platform,
            running,
            number: 0,
        };
        let start = Start::default();
        run.tell(Input::Add {
            scaling: scaling(|_| ()),
            start,
        })
        .await;
        run
    }
    async fn tell(&self, input: Input) {
        self.autoscaler.tell("a", input).await.unwrap();
    }
    async fn shadow(&self, scaling: Option<Scaling>) {
        self.tell(Input::Shadow(scaling.map(Box::new))).await;
    }
    /// Each second as many in flight as `load` says of it, over the replicas that are wanted: those are there at once.
    async fn seconds(&mut self, seconds: u64, load: impl Fn(u64) -> f64) {
        for _ in 0..seconds {
            self.number += 1;
            let (load, ready) = (load(self.number), self.platform.0.load(Ordering::Relaxed));
            let observation = Observation {
                ready,
                ..Observation::default()
            };
            self.tell(Input::Observation(observation)).await;
            let held = if ready == 0 { load as u64 } else { 0 };
            self.tell(Input::Holding(Holding {
                held,
                arrived: held,
            }))
            .await;
            for replica in 0..ready {
                self.tell(Input::Report(Report {
                    replica: replica.to_string(),
                    sequence: Some(self.number),
                    age_seconds: 0.0,
                    seconds: 1.0,
                    request_seconds: load / f64::from(ready),
                    waiting_seconds: 0.0,
                    requests: (load * 3.0 / f64::from(ready)) as u64,
                    refused: 0,
                    in_flight: None,
                    latency: None,
                }))
                .await;
            }
            sleep(Duration::from_secs(1)).await;
        }
    }
    async fn view(&self) -> RevisionView {
        self.autoscaler.explain("a").await.unwrap().unwrap()
    }
    async fn end(self) {
        drop(self.autoscaler);
        self.running.await.unwrap();
    }
}

/// Up and down, and a while of nothing.
fn waves(second: u64) -> f64 {
    match second % 300 {
        0..200 => 20.0 + 15.0 * (second as f64 / 20.0).sin(),
        _ => 0.0,
    }
}

#[tokio::test(start_paused = true)]
async fn it_is_compared_and_nothing_of_it_is_written() {
    let run = |beside: Option<Scaling>| async {
        let mut run = Run::start(None).await;
        run.shadow(beside).await;
        run.seconds(900, waves).await;
        let (view, metrics) = (run.view().await, run.autoscaler.metrics().await.unwrap());
        run.end().await;
        (view, metrics)
    };
    let (alone, before) = run(None).await;
    let min = Some(scaling(|settings| settings.min = 9));
    let (both, metrics) = run(min).await;
    assert_eq!((before.shadows, metrics.shadows), (0, 1));
    assert_eq!(before.scales_written, metrics.scales_written);
    let sentences = |view: &RevisionView| {
        let decisions = view.decisions.iter();
        decisions
            .map(|line| line.sentence.clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(sentences(&alone), sentences(&both));
    assert_eq!(alone.shadow, None);

    let shadow = both.shadow.unwrap();
    assert_eq!((shadow.policy.as_str(), shadow.ready), ("min 9", 9));
    let compared = shadow.compared;
    assert!((880.0..=900.0).contains(&compared.seconds), "{compared:?}");
    assert!(compared.cost().unwrap() > 1.5, "{compared:?}");
    assert!(
        shadow
            .sentence
            .starts_with("beside it, min 9 would have used"),
        "{}",
        shadow.sentence
    );
    assert!(!shadow.why.is_empty());
}

#[tokio::test(start_paused = true)]
async fn with_other_settings_of_either_it_begins_anew_and_none_ends_it() {
    let mut run = Run::start(None).await;
    run.shadow(Some(scaling(|settings| settings.policy = Policy::Auto)))
        .await;
    run.seconds(200, waves).await;
    let seconds = |view: RevisionView| view.shadow.unwrap().compared.seconds;
    assert!(seconds(run.view().await) > 100.0);
    // The same again is nothing new.
    run.shadow(Some(scaling(|settings| settings.policy = Policy::Auto)))
        .await;
    assert!(seconds(run.view().await) > 100.0);
    let changed = scaling(|settings| settings.max = Some(20));
    run.tell(Input::Change { scaling: changed }).await;
    assert!(seconds(run.view().await) < 1.0);
    let view = run.view().await.shadow.unwrap();
    assert_eq!(view.policy, "auto, no max");
    assert!(
        view.sentence.contains("less than a minute"),
        "{}",
        view.sentence
    );
    run.shadow(None).await;
    assert_eq!(run.view().await.shadow, None);
    run.end().await;
}

#[tokio::test(start_paused = true)]
async fn one_that_is_not_at_rest_is_ticked_until_it_is() {
    let mut run = Run::start(None).await;
    // It stays for an hour after the last request; the one that acts is gone after a minute.
    run.shadow(Some(scaling(|settings| {
        settings.idle_delay = Duration::from_secs(3600).into();
    })))
    .await;
    run.seconds(100, |_| 5.0).await;
    run.seconds(200, |_| 0.0).await;
    assert_eq!(run.platform.0.load(Ordering::Relaxed), 0);
    // Nothing comes in any more.
    sleep(Duration::from_secs(1800)).await;
    assert_eq!(run.view().await.shadow.unwrap().ready, 1);
    assert_eq!(run.autoscaler.metrics().await.unwrap().awake, 1);
    sleep(Duration::from_secs(3600)).await;
    let shadow = run.view().await.shadow.unwrap();
    assert_eq!(shadow.ready, 0);
    assert!(shadow.compared.cost().unwrap() > 10.0, "{shadow:?}");
    assert_eq!(run.autoscaler.metrics().await.unwrap().awake, 0);
    run.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_replay_compares_to_the_bit() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("recording.ndjson");
    let mut run = Run::start(Some(&path)).await;
    run.seconds(50, waves).await;
    run.shadow(Some(scaling(|settings| settings.policy = Policy::Auto)))
        .await;
    run.seconds(200, waves).await;
    let floor = Floor {
        replicas: 3,
        name: "office".to_owned(),
    };
    run.tell(Input::Floor(Some(floor))).await;
    run.seconds(400, waves).await;
    run.shadow(Some(scaling(|settings| settings.min = 2))).await;
    run.seconds(200, waves).await;
    run.shadow(None).await;
    run.seconds(20, waves).await;
    run.end().await;

    let recording = std::fs::read_to_string(&path).unwrap();
    let is_printed = |line: &&str| line.contains("\"replicas\":") || line.contains("\"compared\":");
    let recorded: Vec<_> = recording
        .lines()
        .filter(is_printed)
        .filter(|line| !line.contains("\"floor\":"))
        .collect();
    let mut replayed = Vec::new();
    let summary = replay(Cursor::new(&recording), None, &mut replayed).unwrap();
    let replayed = String::from_utf8(replayed).unwrap();
    assert_eq!(replayed.lines().collect::<Vec<_>>(), recorded);
    assert_eq!((summary.different, summary.lost), (0, 0));
    assert!(summary.compared >= 12, "{}", summary.compared);

    // Another policy would have come to something else, and that is seen.
    let other = recording.replacen(r#""policy":"auto""#, r#""policy":"stable-panic""#, 1);
    assert_ne!(other, recording);
    let summary = replay(Cursor::new(&other), None, Vec::new()).unwrap();
    assert!(summary.different > 0);
    assert_eq!(summary.first_difference.unwrap().field, "compared");
}

#[test]
fn what_is_wrong_in_a_line_is_told() {
    let fails = |line: &str| {
        let text = format!("{{\"settings\":{{}},\"state\":{{}}}}\n{line}\n");
        let failed = replay(Cursor::new(text), None, Vec::new());
        failed.unwrap_err().to_string()
    };
    for (line, told) in [
        (
            r#"{"at":1,"shadow":{"max":0}}"#,
            "shadow.max: 0 is not right: should be at least 1",
        ),
        (
            r#"{"at":1,"shadow":{},"shadowTickSeconds":0}"#,
            "shadowTickSeconds: 0 is not right: seconds from 0.01 to 60",
        ),
        (
            r#"{"at":1,"shadowTickSeconds":2}"#,
            "shadowTickSeconds: 2 is not right: with shadow only",
        ),
        (
            r#"{"at":1,"compared":{}}"#,
            "compared: {} is not right: after a line with shadow",
        ),
        (r#"{"at":1,"shadow":7}"#, "an object, or null"),
    ] {
        let said = fails(line);
        assert!(said.contains(told), "{line}: {said}");
    }
}
