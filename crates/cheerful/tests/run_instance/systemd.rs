// SPDX-License-Identifier: Apache-2.0
//! Started as systemd starts it.
use std::{
    net::TcpListener,
    os::{fd::OwnedFd, unix::net::UnixDatagram},
    process::{Command, Stdio},
};

use rustix::process::Signal;

use crate::rig::{CHEERFUL, Instance, PATIENCE, get};

#[test]
fn a_socket_that_is_handed_over_is_served() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let rest = ["--", CHEERFUL, "sample", "--port", "{port}"];
    let mut instance = Instance::start_in(folder, &[], &rest, |command| {
        // As fd 3, with the process's own number: only a shell can say that without unsafe code.
        let mut shell = Command::new("sh");
        let script = "LISTEN_PID=$$ LISTEN_FDS=1 exec \"$0\" \"$@\" 3<&0 </dev/null";
        shell
            .args(["-c", script])
            .arg(command.get_program())
            .args(command.get_args());
        shell.stdin(Stdio::from(OwnedFd::from(listener)));
        *command = shell;
    });
    assert_eq!(instance.address, address);
    assert_eq!(get(address, "/").unwrap().status, 200);
    instance.signal(Signal::TERM);
    assert_eq!(instance.wait().code(), Some(0));
    instance.leaves_nothing();
}

#[test]
fn systemd_is_told_what_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let told = move || {
        let mut buffer = [0; 512];
        let length = socket.recv(&mut buffer).unwrap();
        String::from_utf8_lossy(&buffer[..length]).into_owned()
    };
    let rest = ["--", CHEERFUL, "sample", "--port", "{port}"];
    let mut instance = Instance::start_in(folder, &[], &rest, |command| {
        command
            .env("NOTIFY_SOCKET", &path)
            .env("WATCHDOG_USEC", "60000000");
    });
    let next = |wanted: &str| loop {
        let said = told();
        if !said.contains("WATCHDOG=1") {
            assert!(said.contains(wanted), "{said}");
            break;
        }
    };
    next("READY=1");
    instance.signal(Signal::HUP);
    next("RELOADING=1");
    next("READY=1");
    instance.signal(Signal::TERM);
    next("STOPPING=1");
    assert_eq!(instance.wait().code(), Some(0));
}
