// SPDX-License-Identifier: Apache-2.0
use std::{collections::BTreeMap, fs, os::unix::fs::PermissionsExt};

use cheerful_processes::{Probe, ProcessRevision, RunAs, StartError};

use crate::site::{Site, eventually, get, serving, shell};

#[tokio::test]
async fn port_environment_and_directory_are_given() {
    let site = Site::new();
    let folder = tempfile::tempdir().unwrap();
    let directory = folder.path().canonicalize().unwrap();
    let mut revision = serving("hello");
    revision.env = BTreeMap::from([("COLOUR".into(), "green".into())]);
    revision.directory = Some(directory.clone());
    site.run(revision, 1).await;
    site.until_open(&["hello-1"]).await;
    let address = site.door.get("hello-1").unwrap().address;
    let port = address.port();
    assert!(address.ip().is_loopback());
    let expected = format!("hello-1,hello,{port},green,,{}", directory.display());
    assert_eq!(get(address), expected);
    site.end().await;
}

#[test]
fn what_cannot_be_started_is_told_before_it_is_tried() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("plain");
    fs::write(&file, "text").unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    let with = |change: &dyn Fn(&mut ProcessRevision)| {
        let mut revision = shell("hello", "true");
        change(&mut revision);
        revision.check().map_err(|error| (error.to_string(), error))
    };
    let plain = file.display().to_string();
    assert!(with(&|_| ()).is_ok());
    assert!(with(&|it| it.command = vec!["sh".into()]).is_ok());
    let (text, error) = with(&|it| it.command = vec!["no-such".into()]).unwrap_err();
    assert!(
        matches!(error, StartError::NotFound { .. }) && text.contains("no-such"),
        "{text}"
    );
    let (text, error) = with(&|it| it.command = vec![plain.clone()]).unwrap_err();
    assert!(
        matches!(error, StartError::NotExecutable(_)) && text.contains("plain"),
        "{text}"
    );
    let (_, error) = with(&|it| it.command = Vec::new()).unwrap_err();
    assert!(matches!(error, StartError::NoCommand));
    let (_, error) = with(&|it| it.directory = Some(file.clone())).unwrap_err();
    assert!(matches!(error, StartError::NoDirectory(_)));
    let (_, error) = with(&|it| it.readiness = Probe::Http("health check".into())).unwrap_err();
    assert!(matches!(error, StartError::BadProbePath(_)));
    let bad = BTreeMap::from([("A=B".to_owned(), String::new())]);
    let (_, error) = with(&|it| it.env = bad.clone()).unwrap_err();
    assert!(matches!(error, StartError::BadEnv(_)));
    let nobody = RunAs {
        user: "no such user".into(),
    };
    let (text, error) = with(&|it| it.run_as = Some(nobody.clone())).unwrap_err();
    assert!(
        matches!(error, StartError::NoUser(_)) && text.contains("no such user"),
        "{text}"
    );
}

#[tokio::test]
async fn another_user_can_be_had_by_root_alone() {
    let mut revision = shell("hello", "echo $(id -u) $(id -g) $(id -G) $USER; sleep 600");
    revision.run_as = Some(RunAs {
        user: "nobody".into(),
    });
    if !rustix::process::geteuid().is_root() {
        let error = revision.check().unwrap_err();
        assert!(matches!(error, StartError::NotRoot(_, _)), "{error}");
        return;
    }
    let site = Site::new();
    site.run(revision, 1).await;
    let passwd = fs::read_to_string("/etc/passwd").unwrap();
    let nobody = passwd
        .lines()
        .find(|line| line.starts_with("nobody:"))
        .unwrap();
    let ids: Vec<_> = nobody.split(':').skip(2).take(2).collect();
    let expected = format!("hello-1 | {} {} {} nobody", ids[0], ids[1], ids[1]);
    let lines = || site.lines.lock().unwrap().clone();
    eventually(&expected, || lines() == [expected.clone()]).await;
    site.end().await;
}
