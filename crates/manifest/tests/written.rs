// SPDX-License-Identifier: Apache-2.0
//! The files in docs/ that are written from the types. `CHEERFUL_UPDATE=1 cargo test -p cheerful-manifest`
//! writes them anew.
#![expect(clippy::unwrap_used, reason = "a helper of tests may end the test")]

use std::{fs, path::Path};

use cheerful_manifest::{Revision, ScalingSpec, reference, schema};
use cheerful_scaling::{Concurrency, Settings};
use serde_json::{Value, json};

#[track_caller]
fn is_up_to_date(file: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../docs")
        .join(file);
    if std::env::var_os("CHEERFUL_UPDATE").is_some() {
        fs::write(&path, text).unwrap();
    }
    let present = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        present == text,
        "docs/{file} is not what the types say: CHEERFUL_UPDATE=1 cargo test -p cheerful-manifest"
    );
}

#[test]
fn the_schema_is_up_to_date() {
    is_up_to_date("revision.schema.json", &schema());
}

#[test]
fn the_page_of_settings_is_up_to_date() {
    is_up_to_date("settings.md", &reference());
}

/// The `default` of each field at a path of the schema.
fn defaults(path: &str) -> Value {
    let schema: Value = serde_json::from_str(&schema()).unwrap();
    let fields = schema.pointer(path).unwrap()["properties"]
        .as_object()
        .unwrap();
    fields
        .iter()
        .filter(|(_, field)| field["type"] != "array")
        .filter_map(|(name, field)| Some((name.clone(), field.get("default")?.clone())))
        .collect()
}

#[test]
fn the_defaults_that_are_told_are_those_that_hold() {
    let told: ScalingSpec =
        serde_json::from_value(defaults("/properties/spec/properties/scaling")).unwrap();
    assert_eq!(
        *told.resolve(Concurrency::Multi).unwrap().settings(),
        Settings::default()
    );
    assert_eq!(ScalingSpec::from(&Settings::default()), told);

    let spec = json!({
        "concurrency": defaults("/properties/spec")["concurrency"],
        "timeouts": defaults("/properties/spec/properties/timeouts"),
        "hold": defaults("/properties/spec/properties/hold"),
    });
    let told: Revision = serde_json::from_value(json!({ "spec": spec })).unwrap();
    let (told, held) = (told.spec, Revision::default().spec);
    let times = |spec: &cheerful_manifest::Spec| {
        let times = &spec.timeouts;
        [
            times.connect(),
            times.first_byte(),
            times.idle(),
            times.whole(),
            times.drain(),
            times.stop(),
        ]
    };
    assert!(told.timeouts.stop.is_some() && told.hold.wait.is_some() && told.concurrency.is_some());
    assert_eq!(times(&told), times(&held));
    assert_eq!(told.hold.requests(), held.hold.requests());
    assert_eq!(told.hold.bytes(), held.hold.bytes());
    assert_eq!(told.hold.wait(), held.hold.wait());
}
