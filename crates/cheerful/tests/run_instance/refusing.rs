// SPDX-License-Identifier: Apache-2.0
//! What cannot be used is refused with one clear message, exit code 2, and nothing started.
use std::{fs, net::TcpListener, os::unix::net::UnixListener};

use crate::rig::{in_folder, refused};

#[test]
fn a_port_that_is_taken() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let folder = tempfile::tempdir().unwrap();
    let started = folder.path().join("started");
    let touch = format!("touch {}", started.display());
    let said = refused(&["run", "--port", &port, "--", "sh", "-c", &touch]);
    assert!(said.contains("--port") && said.contains(&port), "{said}");
    assert!(said.contains("taken by another program"), "{said}");
    assert!(!started.exists());
}

#[test]
fn a_command_that_is_not_there() {
    let said = refused(&[
        "run",
        "--port",
        "0",
        "--",
        "no-such-program-anywhere",
        "{port}",
    ]);
    assert!(
        said.contains("command not found: \"no-such-program-anywhere\""),
        "{said}"
    );
    let said = refused(&["run", "--port", "0", "--", "./no-such-file"]);
    assert!(said.contains("./no-such-file"), "{said}");
}

#[test]
fn a_program_that_may_not_be_run() {
    let folder = tempfile::tempdir().unwrap();
    let file = in_folder(folder.path(), "script");
    fs::write(&file, "").unwrap();
    let said = refused(&["run", "--port", "0", "--", &file]);
    assert!(said.contains("not an executable file"), "{said}");
}

#[test]
fn a_manifest_that_cannot_be_read_or_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let file = in_folder(folder.path(), "absent.yaml");
    let said = refused(&["run", "--port", "0", "-f", &file]);
    assert!(said.contains("absent.yaml"), "{said}");
    fs::write(
        &file,
        "apiVersion: cheerful.dev/v1alpha1\nkind: Revision\nmetadata: {name: a}\n\
         spec: {command: [sh], scaling: {min: 3, max: 2, idleDelay: 5}}\n",
    )
    .unwrap();
    let said = refused(&["run", "--port", "0", "-f", &file]);
    assert!(
        said.contains("min") && said.contains("idleDelay"),
        "all faults at once: {said}"
    );
}

#[test]
fn a_certificate_that_cannot_be_read() {
    let folder = tempfile::tempdir().unwrap();
    let (cert, key) = (
        in_folder(folder.path(), "cert.pem"),
        in_folder(folder.path(), "key.pem"),
    );
    let args = [
        "run",
        "--port",
        "0",
        "--tls-cert",
        &cert,
        "--tls-key",
        &key,
        "--",
        "sh",
    ];
    let said = refused(&args);
    assert!(
        said.contains("--tls-cert") && said.contains("cert.pem"),
        "{said}"
    );
    fs::write(&cert, "no certificate").unwrap();
    fs::write(&key, "no key").unwrap();
    let said = refused(&args);
    assert!(said.contains("there is no certificate in it"), "{said}");
}

#[test]
fn a_socket_that_another_instance_has() {
    let folder = tempfile::tempdir().unwrap();
    let socket = in_folder(folder.path(), "api.sock");
    let _living = UnixListener::bind(&socket).unwrap();
    let said = refused(&["run", "--port", "0", "--socket", &socket, "--", "sh"]);
    assert!(
        said.contains("--socket") && said.contains("another instance"),
        "{said}"
    );
}

#[test]
fn a_recording_that_cannot_be_written() {
    let folder = tempfile::tempdir().unwrap();
    let socket = in_folder(folder.path(), "api.sock");
    let record = in_folder(folder.path(), "no/such/folder");
    let said = refused(&[
        "run", "--port", "0", "--socket", &socket, "--record", &record, "--", "sh",
    ]);
    assert!(
        said.contains("--record") && said.contains("no/such/folder"),
        "{said}"
    );
    assert!(
        !folder.path().join("api.sock").exists(),
        "the socket's file goes"
    );
}
