// SPDX-License-Identifier: Apache-2.0
use cheerful_simulator::load::{LoadError, Trace};

use crate::{fixture, gzip, log, read, written};

fn refused(trace: &Trace) -> String {
    match read(trace) {
        Err(error) => error.to_string(),
        Ok((_, summary)) => panic!("{}: {summary:?}", trace.path.display()),
    }
}

#[test]
fn a_file_that_is_not_there() {
    let told = refused(&fixture("nothing.log"));
    assert!(
        told.contains("nothing.log: ") && told.contains("No such file"),
        "{told}"
    );
    let (folder, _) = written(b"");
    let told = refused(&Trace::new(folder.path()));
    assert!(told.contains("no regular file"), "{told}");
}

#[test]
fn a_file_without_requests() {
    let (_folder, trace) = written(b"");
    assert!(refused(&trace).ends_with("the file is empty"));
    let (_folder, trace) = written(b"period,count\n");
    assert!(refused(&trace).ends_with("has no request in it"));
    let (_folder, trace) = written(b"\n\n\n");
    assert!(refused(&trace).contains("no layout is known"));
    let mut trace = fixture("azure-2021.csv");
    trace.only = Some("nobody".to_owned());
    assert!(refused(&trace).contains("but 3 lines of others"));
}

#[test]
fn a_layout_that_is_not_known() {
    let (_folder, trace) = written(b"Dear reader,\nthis is a letter.\n");
    let told = refused(&trace);
    assert!(
        told.contains("line 1: \"Dear reader,\": no layout is known"),
        "{told}"
    );
    for (bytes, part) in [
        (&b"\x28\xb5\x2f\xfd...."[..], "packed by zstd"),
        (b"\xff\xfea\0", "is UTF-16"),
        (b"\x89PNG\r\n\x1a\n\0\0\0", "no layout is known"),
    ] {
        let (_folder, trace) = written(bytes);
        let told = refused(&trace);
        assert!(told.contains(part), "{told}");
    }
    let durations = fixture("azure-2019-durations.csv");
    assert!(refused(&durations).contains("this one goes with it"));
}

#[test]
fn a_few_broken_lines_are_skipped_and_told() {
    let mut bytes = log(100).into_bytes();
    for broken in [&b"nothing"[..], b"\xff\xfe\0", &[b'x'; 200_000]] {
        bytes.extend_from_slice(broken);
        bytes.push(b'\n');
    }
    bytes.extend_from_slice(
        log(200)
            .lines()
            .last()
            .unwrap()
            .replace("0.050", "-1.5")
            .as_bytes(),
    );
    let (_folder, trace) = written(&bytes);
    let (arrivals, summary) = read(&trace).unwrap();
    assert_eq!(
        (arrivals.len(), summary.broken, summary.lines),
        (100, 4, 104)
    );
    let told = summary.sentences().join("\n");
    for part in [
        "4 of 104 lines (3.846 %)",
        "line 101: no time",
        "line 103: is longer than 65536 bytes",
        "line 104: duration -1.5: should be 0 or more",
    ] {
        assert!(told.contains(part), "{told}");
    }
}

#[test]
fn no_more_than_five_broken_lines_are_told_one_by_one() {
    let (_folder, trace) = written(format!("{}{}", log(100), "broken\n".repeat(50)).as_bytes());
    let (_, summary) = read(&trace).unwrap();
    assert_eq!((summary.broken, summary.first_broken.len()), (50, 5));
    assert!(summary.sentences().join("\n").contains("and more"));
}

#[test]
fn mostly_broken_is_an_error() {
    let (_folder, trace) = written(format!("{}{}", log(50), "broken\n".repeat(51)).as_bytes());
    let told = refused(&trace);
    assert!(
        told.contains("51 of 101 lines are broken") && told.contains("line 51"),
        "{told}"
    );
    // It does not take the whole of a large file to see that.
    let (_folder, trace) = written(format!("{}{}", log(5), "broken\n".repeat(50_000)).as_bytes());
    match read(&trace) {
        Err(LoadError::MostlyBroken { lines, .. }) => assert_eq!(lines, 10_000),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_clock_that_goes_back() {
    let lines = log(1000);
    let mut lines: Vec<&str> = lines.lines().collect();
    // A little is put right; more is told and left out.
    lines.swap(100, 110);
    let back = lines[0];
    lines.insert(900, back);
    let (_folder, trace) = written(lines.join("\n").as_bytes());
    let (arrivals, summary) = read(&trace).unwrap();
    assert_eq!((arrivals.len(), summary.broken), (1000, 1));
    let told = summary.first_broken[0].to_string();
    assert_eq!(told, "line 901: time goes back by 899 s; lines should rise");
}

#[test]
fn one_line_from_far_ahead() {
    let lines = log(100);
    let ahead = lines.lines().next().unwrap().replace("2026", "2099");
    let mut lines: Vec<&str> = lines.lines().collect();
    lines.insert(50, &ahead);
    let (_folder, trace) = written(lines.join("\n").as_bytes());
    let (arrivals, summary) = read(&trace).unwrap();
    assert_eq!((arrivals.len(), summary.broken), (100, 1));
    assert_eq!(summary.first_broken[0].line, 51);
    // A night without requests is no mistake.
    let later = log(100).replace("2026:15", "2026:23");
    let (_folder, trace) = written((log(100) + &later).as_bytes());
    let (arrivals, summary) = read(&trace).unwrap();
    assert_eq!((arrivals.len(), summary.broken), (200, 0));
}

#[test]
fn a_gzip_that_is_cut_off() {
    let packed = gzip(log(3000).as_bytes());
    let (_folder, trace) = written(&packed[..packed.len() / 2]);
    let (arrivals, summary) = read(&trace).unwrap();
    assert!(summary.cut_off && arrivals.len() < 3000, "{summary:?}");
    assert!(summary.sentences().join("\n").contains("cut off"));
    let mut broken = packed;
    let middle = broken.len() / 2;
    broken[middle..middle + 20].fill(0xff);
    let (_folder, trace) = written(&broken);
    assert!(refused(&trace).contains("cannot be read"));
}

#[test]
fn a_newer_recording() {
    let (_folder, trace) =
        written(b"{\"cheerfulRecording\":99,\"by\":\"cheerful 9.0.0\"}\n{\"at\":1.0}\n");
    let told = refused(&trace);
    assert!(told.contains("line 1: cheerfulRecording: 99"), "{told}");
    let known = format!("up to {}", cheerful_autoscaler::RECORDING_VERSION);
    assert!(told.contains(&known), "{told}");
}

#[test]
fn columns_that_are_not_there() {
    let mut trace = fixture("requests.csv");
    trace.columns = "time=when".parse().unwrap();
    let told = refused(&trace);
    assert!(
        told.contains("time=when: should be one of: start, service"),
        "{told}"
    );
}
