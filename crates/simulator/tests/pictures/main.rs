// SPDX-License-Identifier: Apache-2.0
//! `docs/pictures`: what the scaler did with a load, second by second, as `docs/decisions.md` shows it.
#![allow(clippy::unwrap_used)]
mod draw;
mod scene;

use cheerful_scaling::Policy;
use scene::{Beat, Scene};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/pictures");

/// Calm, ten times as much, calm, nothing, and a request after that.
const BURST: &[Beat] = &[
    Beat::of(60.0, 12.0),
    Beat::of(40.0, 120.0),
    Beat::of(80.0, 12.0),
    Beat::of(150.0, 0.0),
    Beat::of(30.0, 12.0),
];

/// Half a minute of work in each two, again and again.
const WAVES: &[Beat] = &[
    Beat::of(30.0, 60.0),
    Beat::of(90.0, 6.0),
    Beat::of(30.0, 60.0),
    Beat::of(90.0, 6.0),
    Beat::of(30.0, 60.0),
    Beat::of(90.0, 6.0),
    Beat::of(30.0, 60.0),
    Beat::of(90.0, 6.0),
];

#[test]
fn the_pictures_are_up_to_date() {
    let burst = draw::draw(
        "A burst, and silence (stable-panic)",
        &Scene::play(Policy::StablePanic, BURST),
    );
    let waves = draw::draw(
        "A load that comes and goes (auto)",
        &Scene::play(Policy::Auto, WAVES),
    );
    if std::env::var_os("CHEERFUL_UPDATE").is_some() {
        std::fs::create_dir_all(FOLDER).unwrap();
        std::fs::write(format!("{FOLDER}/burst.svg"), &burst).unwrap();
        std::fs::write(format!("{FOLDER}/waves.svg"), &waves).unwrap();
    }
    let checked_in = std::fs::read_to_string(format!("{FOLDER}/burst.svg")).unwrap_or_default();
    assert!(
        checked_in == burst,
        "run the tests with CHEERFUL_UPDATE=1 and check docs/pictures in"
    );
    // What is learned is logarithms, whose last digit is another on another machine: only what the page says is held.
}

/// What `docs/decisions.md` says of the picture.
#[test]
fn the_burst_is_answered_and_silence_ends_at_zero() {
    let scene = Scene::play(Policy::StablePanic, BURST);
    let wanted = |at: f64| {
        let before = scene.decided.iter().rev().find(|one| one.at <= at);
        before.map_or(0, |one| one.replicas)
    };
    let calm = wanted(59.0);
    assert!(wanted(61.0) > calm, "within a second of the burst");
    assert!(wanted(99.0) >= 12, "120 in flight, 10 each");
    assert_eq!(wanted(325.0), 0, "after the silence");
    assert!(wanted(331.0) > 0, "the next request");
    let sentences: Vec<&str> = scene.told.iter().map(|(_, told)| told.as_str()).collect();
    assert!(
        sentences.iter().any(|told| told.contains("(a burst)")),
        "{sentences:#?}"
    );
}

#[test]
fn what_comes_again_is_kept() {
    let scene = Scene::play(Policy::Auto, WAVES);
    let between = scene
        .decided
        .iter()
        .filter(|one| one.at > 290.0 && one.at < 355.0);
    let fewest = between.map(|one| one.replicas).min();
    assert!(
        fewest > Some(2),
        "more than the load between two waves needs: {fewest:?}"
    );
}
