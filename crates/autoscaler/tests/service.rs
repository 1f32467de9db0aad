// SPDX-License-Identifier: Apache-2.0
//! The service as a whole, with a platform made of a list, under virtual time.
#![expect(clippy::unwrap_used, reason = "these are tests")]
use std::{
    future::pending,
    io::Cursor,
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use cheerful_autoscaler::{
    Autoscaler, AutoscalerConfig, Input, Platform, ScaleError, ScaleErrorKind, Stopped, replay,
};
use cheerful_scaling::{Holding, Observation, Report, Scaling, Settings, Start, Target};
use tokio::time::{Instant, sleep};

const TICK: Duration = Duration::from_secs(2);
const SOON: Duration = Duration::from_millis(1);

/// What the platform does with a wish.
#[derive(Clone, Copy, PartialEq)]
enum Answer {
    Takes,
    Refuses,
    NeverAnswers,
}

/// Writes down what it was asked for.
struct Fake {
    answer: Mutex<Answer>,
    asked: Mutex<Vec<(Instant, u32)>>,
    thresholds: Mutex<Vec<f64>>,
}

impl Fake {
    fn new(answer: Answer) -> Arc<Self> {
        Arc::new(Self {
            answer: Mutex::new(answer),
            asked: Mutex::default(),
            thresholds: Mutex::default(),
        })
    }
    fn asked(&self) -> Vec<u32> {
        self.asked
            .lock()
            .unwrap()
            .iter()
            .map(|(_, replicas)| *replicas)
            .collect()
    }
    fn times(&self) -> Vec<Instant> {
        self.asked
            .lock()
            .unwrap()
            .iter()
            .map(|(at, _)| *at)
            .collect()
    }
}

impl Platform for Fake {
    async fn scale(&self, revision: &str, replicas: u32) -> Result<(), ScaleError> {
        self.asked.lock().unwrap().push((Instant::now(), replicas));
        let answer = *self.answer.lock().unwrap();
        match answer {
            Answer::Takes => Ok(()),
            Answer::Refuses => Err(ScaleError {
                kind: ScaleErrorKind::Failed,
                revision: revision.to_owned(),
                replicas,
                why: "no room".to_owned(),
            }),
            Answer::NeverAnswers => pending().await,
        }
    }
    fn burst_threshold(&self, _revision: &str, requests: f64) {
        self.thresholds.lock().unwrap().push(requests);
    }
}

fn add(ready: u32) -> Input {
    let settings = Settings {
        target: Target::PerReplica(10.0),
        initial: 0,
        ..Settings::classic()
    };
    let start = Start {
        ready,
        ..Start::default()
    };
    Input::Add {
        scaling: Scaling::new(settings).unwrap(),
        start,
    }
}

fn report(sequence: u64, seconds: f64, concurrency: f64) -> Report {
    Report {
        replica: "a-1".to_owned(),
        sequence: Some(sequence),
        age_seconds: 0.0,
        seconds,
        request_seconds: concurrency * seconds,
        waiting_seconds: 0.0,
        requests: 3,
        refused: 0,
        in_flight: None,
        latency: None,
    }
}

fn burst(sequence: u64, in_flight: f64) -> Input {
    Input::Report(Report {
        in_flight: Some(in_flight),
        ..report(sequence, 0.02, in_flight)
    })
}

fn held(held: u64) -> Input {
    Input::Holding(Holding {
        held,
        arrived: held,
    })
}

fn ready(ready: u32) -> Input {
    Input::Observation(Observation {
        ready,
        ..Observation::default()
    })
}

async fn start(platform: &Arc<Fake>) -> Autoscaler {
    let (autoscaler, _) =
        Autoscaler::start(AutoscalerConfig::default(), Arc::clone(platform)).unwrap();
    autoscaler
}

#[tokio::test(start_paused = true)]
async fn a_burst_is_scaled_for_without_waiting_for_the_tick() {
    let platform = Fake::new(Answer::Takes);
    let autoscaler = start(&platform).await;
    autoscaler.tell("a", add(1)).await.unwrap();
    autoscaler.tell("a", ready(1)).await.unwrap();
    for second in 0..3 {
        sleep(Duration::from_secs(1)).await;
        autoscaler.offer("a", Input::Report(report(second, 1.0, 8.0)));
    }
    sleep(Duration::from_millis(300)).await;
    let began = Instant::now();
    autoscaler.offer("a", burst(3, 80.0));
    sleep(SOON).await;
    assert_eq!(platform.asked().last(), Some(&8));
    assert!(platform.times().last().unwrap().duration_since(began) < Duration::from_millis(100));
    assert!(!platform.thresholds.lock().unwrap().is_empty());
    let metrics = autoscaler.metrics().await.unwrap();
    assert_eq!(metrics.scale_latency.counts.iter().sum::<u64>(), 1);
    assert!(metrics.scale_latency.max_seconds < 0.1);
    assert!(metrics.decisions_panic >= 1);
}

#[tokio::test(start_paused = true)]
async fn a_held_request_starts_replicas_at_once() {
    let platform = Fake::new(Answer::Takes);
    let autoscaler = start(&platform).await;
    autoscaler.tell("a", add(0)).await.unwrap();
    sleep(Duration::from_millis(700)).await;
    let began = Instant::now();
    autoscaler.offer(
        "a",
        Input::Woken {
            by: "GET /, curl, 127.0.0.1".to_owned(),
        },
    );
    autoscaler.offer("a", held(31));
    sleep(SOON).await;
    assert_eq!(platform.asked(), [4]);
    assert!(platform.times().last().unwrap().duration_since(began) < Duration::from_millis(10));
    let view = autoscaler.explain("a").await.unwrap().unwrap();
    assert_eq!((view.wanted, view.held), (4, 31));
    assert_eq!(view.woken_by.as_deref(), Some("GET /, curl, 127.0.0.1"));
}

#[tokio::test(start_paused = true)]
async fn a_platform_that_never_answers_is_given_up_after_five_seconds_and_the_newest_wish_is_next()
{
    let platform = Fake::new(Answer::NeverAnswers);
    let autoscaler = start(&platform).await;
    autoscaler.tell("a", add(0)).await.unwrap();
    for requests in [5, 15, 25, 35] {
        autoscaler.offer("a", held(requests));
        sleep(Duration::from_secs(1)).await;
    }
    assert_eq!(platform.asked(), [1], "one at a time");
    sleep(Duration::from_millis(1_500)).await;
    assert_eq!(
        platform.asked(),
        [1, 4],
        "the wishes between are never written"
    );
    let times = platform.times();
    let waited = times
        .last()
        .unwrap()
        .duration_since(*times.first().unwrap());
    assert!((Duration::from_secs(5)..Duration::from_millis(5_100)).contains(&waited));
    assert_eq!(autoscaler.metrics().await.unwrap().scales_given_up, 1);
}

#[tokio::test(start_paused = true)]
async fn a_failed_scale_is_tried_again_with_the_next_decision() {
    let platform = Fake::new(Answer::Refuses);
    let autoscaler = start(&platform).await;
    autoscaler.tell("a", add(0)).await.unwrap();
    autoscaler.offer("a", held(5));
    sleep(TICK + SOON).await;
    assert_eq!(platform.asked(), [1, 1]);
    *platform.answer.lock().unwrap() = Answer::Takes;
    sleep(TICK + SOON).await;
    assert_eq!(platform.asked(), [1, 1, 1]);
    sleep(TICK + SOON).await;
    assert_eq!(
        platform.asked(),
        [1, 1, 1],
        "what was written is not written again"
    );
    let metrics = autoscaler.metrics().await.unwrap();
    assert_eq!((metrics.scales_failed, metrics.scales_written), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn a_flood_is_bounded_and_counted_and_ends() {
    let platform = Fake::new(Answer::Takes);
    let autoscaler = start(&platform).await;
    autoscaler.tell("a", add(1)).await.unwrap();
    // Nothing runs between these: the channel fills.
    for number in 0..40_000 {
        autoscaler.offer("a", Input::Report(report(number, 1.0, 8.0)));
    }
    let metrics = autoscaler.metrics().await.unwrap();
    assert!(
        (7_000..=8_000).contains(&metrics.inputs_dropped),
        "{metrics:?}"
    );
    autoscaler.offer("a", held(1));
    sleep(SOON).await;
    assert_eq!(autoscaler.explain("a").await.unwrap().unwrap().held, 1);
    assert_eq!(
        autoscaler.metrics().await.unwrap().inputs_dropped,
        metrics.inputs_dropped
    );
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_idle_revisions_are_at_rest() {
    let platform = Fake::new(Answer::Takes);
    let autoscaler = start(&platform).await;
    for number in 0..10_000 {
        autoscaler
            .tell(&format!("idle-{number:05}"), add(0))
            .await
            .unwrap();
    }
    sleep(TICK * 3).await;
    let metrics = autoscaler.metrics().await.unwrap();
    assert_eq!((metrics.revisions, metrics.awake), (10_000, 0));
    assert!(
        platform.asked().is_empty(),
        "nothing to write for what is at zero"
    );
    let overview = autoscaler.overview().await.unwrap();
    assert!(overview.is_sorted_by(|one, next| one.revision < next.revision));
    assert!(
        overview
            .iter()
            .all(|view| view.mode == "zero" && view.kept_awake_by.is_none())
    );
}

#[tokio::test(start_paused = true)]
async fn decisions_can_be_followed() {
    let platform = Fake::new(Answer::Takes);
    let autoscaler = start(&platform).await;
    let mut follow = autoscaler.follow();
    autoscaler.tell("a", add(0)).await.unwrap();
    autoscaler.offer("a", held(15));
    loop {
        let (revision, line) = follow.recv().await.unwrap();
        assert_eq!(revision, "a");
        if line.replicas == 2 {
            assert_eq!((line.from, line.held, line.times), (0, 15, 1));
            assert!(!line.sentence.is_empty());
            break;
        }
    }
}

#[tokio::test]
async fn it_ends_when_the_last_handle_is_dropped() {
    let platform = Fake::new(Answer::NeverAnswers);
    let (autoscaler, running) =
        Autoscaler::start(AutoscalerConfig::default(), Arc::clone(&platform)).unwrap();
    autoscaler.tell("a", add(0)).await.unwrap();
    autoscaler.offer("a", held(1));
    drop(autoscaler.clone());
    assert!(autoscaler.overview().await.is_ok());
    drop(autoscaler);
    running.await.unwrap();
}

#[tokio::test]
async fn after_its_end_it_says_so() {
    let (autoscaler, running) =
        Autoscaler::start(AutoscalerConfig::default(), Fake::new(Answer::Takes)).unwrap();
    running.abort();
    assert!(running.await.unwrap_err().is_cancelled());
    assert_eq!(autoscaler.tell("a", add(0)).await, Err(Stopped));
    assert_eq!(autoscaler.overview().await.unwrap_err(), Stopped);
}

#[tokio::test]
async fn a_wrong_tick_and_a_recording_that_cannot_be_made_are_refused() {
    let config = AutoscalerConfig {
        tick: Duration::ZERO,
        record: None,
    };
    let error = Autoscaler::start(config, Fake::new(Answer::Takes)).unwrap_err();
    assert_eq!(error.to_string(), "tick: 0ns is not within 10ms and 60s");
    let nowhere = Path::new("/nowhere/at/all");
    let config = AutoscalerConfig {
        record: Some(nowhere.into()),
        ..AutoscalerConfig::default()
    };
    let error = Autoscaler::start(config, Fake::new(Answer::Takes)).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("recording to /nowhere/at/all: "),
        "{error}"
    );
}

/// A run with all sorts of inputs. The time is virtual, and the recording is of it.
async fn live_run(autoscaler: &Autoscaler, settings: &Settings) {
    let added = |ready| Input::Add {
        scaling: Scaling::new(settings.clone()).unwrap(),
        start: Start {
            ready,
            ..Start::default()
        },
    };
    autoscaler.tell("a", added(1)).await.unwrap();
    autoscaler.tell("b", added(0)).await.unwrap();
    autoscaler.tell("a", ready(1)).await.unwrap();
    for (sequence, step) in (0_u64..).zip(0..150_u32) {
        sleep(Duration::from_micros(
            333_333 + u64::from(step * 7_919 % 1_000),
        ))
        .await;
        let concurrency = f64::from(step % 37) * 1.1 + f64::from(step) / 7.0;
        let input = match step % 11 {
            3 => burst(sequence, concurrency * 5.0),
            5 => held(u64::from(step % 3)),
            7 => Input::Observation(Observation {
                ready: 1 + step / 20,
                starting: step % 4,
                ..Observation::default()
            }),
            9 if step > 100 => Input::Report(report(sequence, 1.0, f64::NAN)),
            9 => Input::Report(report(sequence / 2, 1.0, -1.0)),
            _ => Input::Report(report(sequence, 0.333, concurrency)),
        };
        autoscaler.tell("a", input).await.unwrap();
        if step % 10 == 0 {
            autoscaler.tell("b", held(u64::from(step))).await.unwrap();
        }
        if step == 70 {
            let settings = Settings {
                max: Some(7),
                ..settings.clone()
            };
            let scaling = Scaling::new(settings).unwrap();
            autoscaler
                .tell("a", Input::Change { scaling })
                .await
                .unwrap();
        }
    }
    autoscaler.tell("b", Input::Remove).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_replay_gives_the_recorded_decisions_to_the_bit() {
    let given = Target::PerReplica(10.0);
    for (settings, target) in [
        (Settings::classic(), given),
        (Settings::default(), given),
        (Settings::default(), Target::Auto),
    ] {
        replayed_to_the_bit(&Settings {
            target,
            initial: 0,
            ..settings
        })
        .await;
    }
}

async fn replayed_to_the_bit(settings: &Settings) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("recording.ndjson");
    let config = AutoscalerConfig {
        record: Some(path.clone()),
        ..AutoscalerConfig::default()
    };
    let (autoscaler, running) = Autoscaler::start(config, Fake::new(Answer::Takes)).unwrap();
    live_run(&autoscaler, settings).await;
    drop(autoscaler);
    running.await.unwrap();

    let recording = std::fs::read_to_string(&path).unwrap();
    let is_decision = |line: &&str| line.contains("\"replicas\":");
    let recorded: Vec<_> = recording.lines().filter(is_decision).collect();
    assert!(recorded.len() > 25, "{}", recorded.len());
    let mut replayed = Vec::new();
    let summary = replay(Cursor::new(&recording), None, &mut replayed).unwrap();
    let replayed = String::from_utf8(replayed).unwrap();
    assert_eq!(replayed.lines().collect::<Vec<_>>(), recorded);
    assert_eq!(
        (summary.different, summary.lost, summary.cut_off),
        (0, 0, false)
    );
    assert!(summary.reports_refused > 0);
    assert_eq!(summary.decisions, recorded.len() as u64);
}

#[tokio::test(start_paused = true)]
async fn a_tick_that_is_late_delays_none_after_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("recording.ndjson");
    let config = AutoscalerConfig {
        record: Some(path.clone()),
        ..AutoscalerConfig::default()
    };
    let (autoscaler, running) = Autoscaler::start(config, Fake::new(Answer::Takes)).unwrap();
    autoscaler.tell("a", add(1)).await.unwrap();
    autoscaler.tell("a", ready(1)).await.unwrap();
    for _ in 0..20 {
        // It wakes 30 ms after a tick was due, more each time.
        tokio::time::advance(Duration::from_millis(2_030)).await;
    }
    sleep(Duration::from_secs(10)).await;
    drop(autoscaler);
    running.await.unwrap();
    let recording = std::fs::read_to_string(&path).unwrap();
    let last = (recording.lines().rev())
        .find(|line| line.contains("\"replicas\":"))
        .unwrap();
    let last: serde_json::Value = serde_json::from_str(last).unwrap();
    let off = (last["at"].as_f64().unwrap() + 1.0) % 2.0 - 1.0;
    assert!(off.abs() < 0.1, "{last}");
}

#[tokio::test(start_paused = true)]
async fn a_full_disk_stops_no_scaling() {
    let config = AutoscalerConfig {
        record: Some("/dev/full".into()),
        ..Default::default()
    };
    let platform = Fake::new(Answer::Takes);
    let (autoscaler, running) = Autoscaler::start(config, Arc::clone(&platform)).unwrap();
    live_run(&autoscaler, &Settings::default()).await;
    assert!(platform.asked().len() > 3);
    // The recording is written in real time: wait until its thread has met the disk.
    let mut lost = 0;
    for _ in 0..600 {
        std::thread::sleep(Duration::from_millis(100));
        lost = autoscaler.metrics().await.unwrap().recording_lines_lost;
        if lost > 0 {
            break;
        }
    }
    assert!(lost > 100, "{lost}");
    drop(autoscaler);
    running.await.unwrap();
}
