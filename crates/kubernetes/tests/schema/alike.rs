// SPDX-License-Identifier: Apache-2.0
//! Texts by chance: a regular expression of the API server and a function of the manifest's check must agree on each.
use cheerful_manifest::load_cluster;
use proptest::{
    strategy::{Strategy, ValueTree as _},
    test_runner::TestRunner,
};

use crate::{
    server::Server,
    specs::{AUTOSCALER, REVISION},
};

/// What is written of a field, with `TEXT` where the text goes, and texts that are nearly right.
const FIELDS: &[(&str, &str)] = &[
    (
        "scaling: {idleDelay: TEXT}",
        "auto|([0-9]{1,3}([.][0-9]{0,2})?(h|m|s|ms|us|µs|d)?){0,3}",
    ),
    (
        "timeouts: {idle: TEXT}",
        "[0-9]{4,9}(h|m|s)|[0-9]{10,15}(ms|us)|0{0,9}1s",
    ),
    (
        "scaling: {target: TEXT}",
        "auto|-?[0-9]{0,8}([.][0-9]{0,3})?",
    ),
    (
        "scaling: {burstCapacity: TEXT}",
        "auto|-1|[0-9]{0,11}([.][0-9]{0,21})?",
    ),
    ("scaling: {paused: TEXT}", "true|false|yes|-?[0-9]{0,10}"),
    ("concurrency: TEXT", "single|multi|[0-9]{0,2}|Multi"),
    (
        "routes: [{host: TEXT}]",
        "([*][.])?[a-zA-Z0-9*-]{0,4}([.:_][a-z0-9-]{0,4}){0,2}|[a-z]{60,66}|([a-z]{50}[.]){4,6}a",
    ),
    ("routes: [{pathPrefix: TEXT}]", "/?[a-z/?#*. %-]{0,5}|/"),
    ("readiness: {path: TEXT}", "/?[a-zé/?#*. %~!-]{0,5}"),
    (
        "waking: {uncounted: {paths: [TEXT]}}",
        "/?[a-z/?#*. -]{0,4}[*]{0,2}",
    ),
    (
        "queue: {requests: {cpu: TEXT}}",
        "[0-9]{0,3}([.][0-9]{0,2})?(m|k|Ki|Mi|mi|e3| )?",
    ),
];

const TEXTS: usize = 60;

#[tokio::test]
async fn both_judge_texts_by_chance_alike() {
    let Some(server) = Server::connect("schema-alike").await else {
        return;
    };
    let mut runner = TestRunner::deterministic();
    let (mut taken, mut differing) = (0, Vec::new());
    for (field, texts) in FIELDS {
        let texts = proptest::string::string_regex(texts).unwrap();
        for _ in 0..TEXTS {
            let text = texts.new_tree(&mut runner).unwrap().current();
            let written = field.replace("TEXT", &serde_json::to_string(&text).unwrap());
            let document = format!("{REVISION}  {written}\n");
            let ours = load_cluster(&document, "app.yaml").map(drop);
            let theirs = server.dry_run(&document).await;
            if ours.is_ok() != theirs.is_ok() {
                differing.push(format!("{written}: {ours:?} {theirs:?}"));
            }
            taken += usize::from(theirs.is_ok());
        }
    }
    assert!(differing.is_empty(), "{}", differing.join("\n"));
    assert!(
        taken > FIELDS.len() * TEXTS / 10,
        "{taken} of the texts are right"
    );
}

/// Settings that bound each other, each there or not.
#[tokio::test]
async fn both_judge_settings_by_chance_alike() {
    let Some(server) = Server::connect("schema-chance").await else {
        return;
    };
    let maybe = |field: &'static str, values: &'static str| {
        let value = proptest::string::string_regex(values).unwrap();
        proptest::option::of(value.prop_map(move |value| format!("{field}: {value}")))
    };
    let scaling = [
        maybe("min", "[0-4]"),
        maybe("max", "[0-4]"),
        maybe("initial", "[0-4]"),
        maybe("activation", "[0-4]"),
        maybe("stableWindow", "[1-9]s|1m|1h"),
        maybe("panicWindow", "[1-9]s|500ms|1m1s"),
        maybe("target", "auto|[1-9]|\"[0-3][.]5\""),
    ];
    let settings = (scaling, maybe("concurrency", "single|multi|[1-9]"));
    let mut runner = TestRunner::deterministic();
    let (mut taken, mut differing) = (0, Vec::new());
    for number in 0..200 {
        let (fields, outer) = settings.new_tree(&mut runner).unwrap().current();
        let fields: Vec<_> = fields.into_iter().flatten().collect();
        let written = format!(
            "scaling: {{{}}}\n{}",
            fields.join(", "),
            outer.map_or_else(String::new, |field| format!("  {field}\n"))
        );
        // The other kind has the same rules.
        let document = if number % 4 == 0 {
            format!("{AUTOSCALER}  {written}")
        } else {
            format!("{REVISION}  {written}")
        };
        let ours = load_cluster(&document, "app.yaml").map(drop);
        let theirs = server.dry_run(&document).await;
        if ours.is_ok() != theirs.is_ok() {
            differing.push(format!("{document}: {ours:?} {theirs:?}"));
        }
        taken += usize::from(theirs.is_ok());
    }
    assert!(differing.is_empty(), "{}", differing.join("\n"));
    assert!((20..180).contains(&taken), "{taken} of 200 are right");
}
