// SPDX-License-Identifier: Apache-2.0
//! Texts by chance: a regular expression of the API server and a function of the manifest's check must agree on each.
use cheerful_manifest::load_cluster;
use proptest::{
    strategy::{Strategy, ValueTree as _},
    test_runner::TestRunner,
};

use crate::{server::Server, specs::REVISION};

/// What is written of a field, with `TEXT` where the text goes, and texts that are nearly right.
const FIELDS: &[(&str, &str)] = &[
    (
        "scaling: {idleDelay: TEXT}",
        "([0-9]{1,3}([.][0-9]{0,2})?(h|m|s|ms|us|µs|d)?){0,3}",
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
