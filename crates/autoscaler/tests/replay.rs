// SPDX-License-Identifier: Apache-2.0
//! Replay: the decision tables as lines of a recording, and what it refuses.
#![expect(clippy::unwrap_used, reason = "these are tests")]
use std::{collections::BTreeMap, fmt::Write, io::Cursor};

use cheerful_autoscaler::{ReplayError, ReplaySummary, replay};
use cheerful_scaling::{Scaling, Settings, Target};
use serde_json::Value;

fn run(lines: &str) -> (ReplaySummary, Vec<Value>) {
    let mut out = Vec::new();
    let summary = replay(Cursor::new(lines), None, &mut out).unwrap();
    let text = String::from_utf8(out).unwrap();
    (
        summary,
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect(),
    )
}

fn fails(lines: &str) -> String {
    replay(Cursor::new(lines), None, Vec::new())
        .unwrap_err()
        .to_string()
}

fn count(decision: &Value, field: &str) -> i64 {
    decision.get(field).and_then(Value::as_i64).unwrap()
}

/// Facts from the public tests of Knative's autoscaler: the row, and of each call the replicas and the spare
/// capacity, to within 1.
#[test]
fn knative_holds_to_the_number() {
    let expected: &[(&str, &[(i64, i64)])] = &[
        ("1 no traffic", &[(0, -87)]),
        ("3 no burst capacity", &[(5, 0)]),
        ("5 already scaled", &[(5, -84)]),
        ("7 the panic demand is larger", &[(30, -124)]),
        ("9 step down at most 1.1 times", &[(90, -650)]),
        ("11 panic doubles", &[(10, -171)]),
        ("13 requests per second", &[(5, -138), (10, -187)]),
        ("15 extend panic", &[(25, -110), (80, -125)]),
        ("17 to zero", &[(1, -62), (0, -62)]),
        (
            "19 exponential growth",
            &[
                (6, -106),
                (36, -129),
                (216, -269),
                (1296, -1109),
                (1296, 331),
            ],
        ),
        ("21 step-up limit", &[(10, -1049), (100, -929)]),
        ("23 no ready replica", &[(10, -969)]),
        (
            "25 scale-down delay",
            &[
                (4, 0),
                (4, 0),
                (0, 0),
                (4, 0),
                (4, 0),
                (4, 0),
                (3, 0),
                (0, 0),
            ],
        ),
        ("27 no delay", &[(4, 0), (2, 0)]),
    ];
    let (summary, decisions) = run(include_str!("fixtures/knative.ndjson"));
    let mut decisions = decisions.iter();
    for (row, calls) in expected {
        for (call, (replicas, spare)) in calls.iter().enumerate() {
            let decision = decisions.next().unwrap();
            let name = decision.get("revision").and_then(Value::as_str).unwrap();
            assert_eq!(name, *row);
            assert_eq!(count(decision, "replicas"), *replicas, "{row}, call {call}");
            let off = (count(decision, "spareCapacity") - spare).abs();
            assert!(off <= 1, "{row}, call {call}: {decision}");
        }
    }
    assert!(decisions.next().is_none());
    assert_eq!(summary.decisions, 30);
}

/// A series of the decision table of 2018: its values as they are written there, its seconds, its pods.
type Series = ((u32, u32), u32, u32);

/// Lines as the table describes them: in second i each pod reports trunc(start + (end - start) x i / seconds).
fn lines(series: &[Series], now: &mut u32, text: &mut String) {
    for ((start, end), seconds, pods) in series {
        writeln!(text, r#"{{"at":{now},"ready":{pods}}}"#).unwrap();
        for second in 1..=*seconds {
            *now += 1;
            let (start, end) = (f64::from(*start), f64::from(*end));
            let share = f64::from(second) / f64::from(*seconds);
            let value = (start + (end - start) * share).trunc();
            for pod in 0..*pods {
                writeln!(
                    text,
                    r#"{{"at":{now},"replica":"pod-{pod}","seconds":1,"requestSeconds":{value}}}"#
                )
                .unwrap();
            }
        }
    }
    writeln!(text, r#"{{"at":{now},"decide":true}}"#).unwrap();
}

/// Each step: series, then a decision with the pods of the last one ready.
fn first_version(target: u32, steps: &[(&[Series], i64)]) {
    let mut text = format!(
        r#"{{"settings":{{"target":{target},"min":1,"maxDown":1e9,"idleDelay":"0s","gracePeriod":"0s"}}}}
"#
    );
    let mut now = 0;
    for (series, _) in steps {
        lines(series, &mut now, &mut text);
    }
    let (_, decisions) = run(&text);
    let found: Vec<_> = decisions
        .iter()
        .map(|decision| count(decision, "replicas"))
        .collect();
    let expected: Vec<_> = steps.iter().map(|(_, replicas)| *replicas).collect();
    assert_eq!(found, expected);
    let decided = |decision: &Value| decision.get("decided") == Some(&Value::Bool(true));
    assert!(decisions.iter().all(decided));
}

#[test]
fn the_first_version_holds_to_the_number() {
    let calm = ((10, 10), 60, 10);
    let rise = (1, 10);
    first_version(10, &[(&[calm], 10)]);
    first_version(10, &[(&[((10, 20), 60, 10)], 15)]);
    first_version(10, &[(&[((20, 10), 60, 10)], 15)]);
    first_version(10, &[(&[((10, 10), 60, 1)], 1)]);
    first_version(10, &[(&[((0, 0), 60, 2)], 1)]);
    first_version(10, &[(&[calm, ((20, 20), 6, 10)], 20)]);
    first_version(
        1,
        &[
            (&[(rise, 6, 1)], 6),
            (&[(rise, 6, 6)], 36),
            (&[(rise, 6, 36)], 216),
            (&[(rise, 6, 216)], 1296),
            (&[((1, 1), 6, 1296)], 1296),
        ],
    );
    first_version(
        10,
        &[
            (&[calm], 10),
            (&[((100, 100), 6, 10)], 100),
            (&[((1, 1), 30, 100)], 100),
            (&[((1, 1), 31, 100)], 10),
        ],
    );
}

#[test]
fn without_data_the_first_version_decides_nothing() {
    let (_, decisions) = run(r#"{"at":0,"ready":0,"decide":true}"#);
    let decision = decisions.first().unwrap();
    assert_eq!(count(decision, "replicas"), 0);
    assert_eq!(decision.get("decided"), Some(&Value::Bool(false)));
}

#[test]
fn takes_the_lines_of_the_format_as_they_are_written_there() {
    let (summary, decisions) = run(include_str!("fixtures/first_lines.ndjson"));
    let replicas: Vec<_> = decisions
        .iter()
        .map(|each| count(each, "replicas"))
        .collect();
    assert_eq!(replicas, [1, 3]);
    assert_eq!((summary.lines, summary.decisions), (6, 2));

    let before = r#"{"at": 0.0, "ready": 10, "averages": {"stable": 11.0, "panic": 25.0}}"#;
    let given = r#"{"at": 30.0, "ready": 40, "averages": {"stable": 30.0, "panic": 41.0}}"#;
    let settings = r#"{"settings": {"target": 1, "burstCapacity": 98}, "state": {"ready": 1}}"#;
    let mut out = Vec::new();
    replay(
        Cursor::new(format!("{settings}\n{before}\n{given}\n")),
        None,
        &mut out,
    )
    .unwrap();
    let text = String::from_utf8(out).unwrap();
    let expected = concat!(
        r#"{"at":30.0,"replicas":41,"decided":true,"mode":"panic","spareCapacity":-86,"#,
        r#""stable":30.0,"panic":41.0,"held":0,"target":1.0,"wanted":"#,
    );
    let last = text.lines().last().unwrap();
    assert!(last.starts_with(expected), "{last}");
}

#[test]
fn what_is_not_known_or_not_right_is_refused_with_its_line() {
    let known = r#"{"at":5,"ready":1}"#;
    for (line, expected) in [
        (
            "{",
            r"line 2: { is not right: one JSON object: EOF while parsing an object at line 1 column 1",
        ),
        ("[1]", "line 2: [1] is not right: one JSON object"),
        ("{}", "line 2: {} is not right: a line that says something"),
        (
            r#"{"at":6,"redy":1}"#,
            "line 2: redy: 1 is not right: no such field; known are ",
        ),
        (
            r#"{"at":4,"ready":1}"#,
            "line 2: at: 4 is not right: 5 or later, as before",
        ),
        (
            r#"{"ready":1}"#,
            "line 2: at: nothing is not right: the seconds at which this came in",
        ),
        (
            r#"{"at":-1,"ready":1}"#,
            "line 2: at: -1 is not right: seconds from 0 to 2251799813",
        ),
        (
            r#"{"at":6,"ready":-1}"#,
            "line 2: ready: -1 is not right: a whole number from 0 to 4294967295",
        ),
        (
            r#"{"at":6,"ready":1,"decide":false}"#,
            "line 2: decide: false is not right: true, or no such field",
        ),
        (
            r#"{"at":6,"starting":1}"#,
            "line 2: ready: nothing is not right: a value, because starting is given",
        ),
        (
            r#"{"at":6,"replica":"a","seconds":"1"}"#,
            r#"line 2: seconds: "1" is not right: a number"#,
        ),
        (
            r#"{"at":6,"replica":"","seconds":1}"#,
            r#"line 2: replica: "" is not right: a text of 1 to 253 bytes"#,
        ),
        (
            r#"{"at":6,"averages":{"stable":1}}"#,
            r#"line 2: averages: {"stable":1} is not right: missing field `panic`"#,
        ),
        (
            r#"{"at":6,"averages":3}"#,
            "line 2: averages: 3 is not right: an object",
        ),
        (
            r#"{"at":6,"removed":true,"ready":1}"#,
            "line 2: ready: 1 is not right: no such field in a removed revision",
        ),
        (
            r#"{"at":6,"replicas":1,"ready":1}"#,
            "line 2: ready: 1 is not right: no such field in a decision",
        ),
        (
            r#"{"lost":3,"at":6}"#,
            "line 2: at: 6 is not right: no such field in a line that says what was lost",
        ),
        (
            r#"{"cheerfulRecording":99}"#,
            "line 2: cheerfulRecording: 99 is not right: 1 to 4, the versions known here",
        ),
        (
            r#"{"cheerfulRecording":1,"at":6}"#,
            "line 2: at: 6 is not right: no such field in the first line",
        ),
        (
            r#"{"state":{"ready":1}}"#,
            "line 2: state: a later state is not right: a state only before",
        ),
        (
            r#"{"state":{"redy":1},"revision":"b"}"#,
            r#"line 2: state: {"redy":1} is not right: unknown field `redy`"#,
        ),
        (
            r#"{"settings":{"min":3,"max":2}}"#,
            "line 2: settings.min: ",
        ),
        (
            r#"{"settings":{"stableWindow":60}}"#,
            "line 2: settings.stableWindow: 60 is not right: ",
        ),
        (r#"{"settings":{"mn":3}}"#, "line 2: settings.mn: "),
        (
            r#"{"settings":{"concurrency":"some"}}"#,
            "line 2: settings.concurrency: ",
        ),
    ] {
        let message = fails(&format!("{known}\n{line}\n"));
        assert!(
            message.starts_with(expected),
            "{line}\n{message}\n{expected}"
        );
        assert!(!message.ends_with('.'), "{message}");
    }
}

#[test]
fn a_line_of_more_than_a_mebibyte_is_refused() {
    let spaces = " ".repeat(1024 * 1024);
    let message = fails(&format!("{{\"at\":1,\"ready\":1{spaces}}}\n"));
    assert_eq!(message, "line 1: a longer line is not right: at most 1 MiB");
    assert!(fails(&spaces.repeat(2)).ends_with("at most 1 MiB"));
}

#[test]
fn a_last_line_that_was_cut_off_is_left_out() {
    let (summary, decisions) = run("{\"at\":1,\"ready\":1,\"decide\":true}\n{\"at\":2,\"rea");
    assert!(summary.cut_off);
    assert_eq!(decisions.len(), 1);
    let (summary, decisions) = run("{\"at\":1,\"ready\":1,\"decide\":true}");
    assert!(!summary.cut_off);
    assert_eq!(decisions.len(), 1);
}

#[test]
fn a_recorded_decision_that_comes_out_otherwise_is_told() {
    let input = r#"{"at":1,"ready":1,"averages":{"stable":25,"panic":25}}"#;
    let settings = r#"{"settings":{"target":10}}"#;
    let mut out = Vec::new();
    replay(
        Cursor::new(format!("{settings}\n{input}\n")),
        None,
        &mut out,
    )
    .unwrap();
    let decision = String::from_utf8(out).unwrap();
    // Averages hold for one moment: the recorded decision below asks anew at that moment.
    let same = format!("{settings}\n{input}\n{decision}");
    let (summary, _) = run(&same);
    assert_eq!((summary.different, summary.decisions), (0, 2));
    let worded = same.replace("\"why\":\"", "\"why\":\"in short: ");
    assert_eq!(run(&worded).0.different, 0);
    let other = same.replace("\"replicas\":3", "\"replicas\":4");
    let (summary, _) = run(&format!("{other}{{\"lost\":12}}\n"));
    assert_eq!((summary.different, summary.lost), (1, 12));
    let difference = summary.first_difference.unwrap();
    assert_eq!((difference.line, &*difference.field), (3, "replicas"));
    assert_eq!((&*difference.recorded, &*difference.replayed), ("4", "3"));
}

#[test]
fn other_settings_can_be_tried() {
    let file = r#"{"settings":{"target":10}}
{"at":1,"ready":1,"averages":{"stable":40,"panic":40}}
{"revision":"b","at":1,"ready":1,"averages":{"stable":40,"panic":40}}
"#;
    let tried = |name: &str| {
        let target = Target::PerReplica(20.0);
        let scaling = Scaling::new(Settings {
            target,
            ..Settings::classic()
        })
        .unwrap();
        let given = BTreeMap::from([(name.to_owned(), scaling)]);
        let mut out = Vec::new();
        replay(Cursor::new(file), Some(&given), &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        let replicas = |line| count(&serde_json::from_str(line).unwrap(), "replicas");
        text.lines().map(replicas).collect::<Vec<_>>()
    };
    assert_eq!(
        tried("b"),
        [2, 2],
        "the only settings are those of a revision without a name too"
    );
    assert_eq!(
        tried("c"),
        [2, 4],
        "a revision that is not named keeps its own"
    );
}

#[test]
fn a_writer_that_fails_ends_it() {
    let mut small = [0_u8; 10];
    let line = "{\"at\":1,\"ready\":1,\"decide\":true}\n";
    let error = replay(Cursor::new(line), None, Cursor::new(&mut small[..])).unwrap_err();
    assert!(matches!(error, ReplayError::Write(_)), "{error}");
}

/// What was learned before counts from its line on, and is no part of the settings.
#[test]
fn what_was_learned_before_is_known_again() {
    let learned = r#"{"version":1,"target":{"requests":3.5,"seconds":900,"top":2.4,"curve":[[7,0.1,0.2,[0.1,0.1,0.2]]]}}"#;
    let lines = |target: &str| {
        format!(
            "{{\"cheerfulRecording\":2}}\n{{\"settings\":{{\"target\":{target}}}}}\n\
             {{\"at\":1,\"learned\":{learned},\"learnedAgeSeconds\":3600}}\n\
             {{\"at\":2,\"ready\":1,\"averages\":{{\"stable\":7,\"panic\":7}}}}\n"
        )
    };
    let (_, decisions) = run(&lines("\"auto\""));
    assert_eq!(
        (count(&decisions[0], "replicas"), &decisions[0]["target"]),
        (2, &3.5.into())
    );
    let (_, decisions) = run(&lines("10"));
    assert_eq!(
        (count(&decisions[0], "replicas"), &decisions[0]["target"]),
        (1, &10.0.into())
    );
    let wrong = fails(r#"{"at":1,"learned":{"target":{}}}"#);
    assert!(wrong.starts_with("line 1: learned: "), "{wrong}");
    let wrong = fails(r#"{"at":1,"learnedAgeSeconds":5}"#);
    assert!(wrong.contains("with learned only"), "{wrong}");
}
