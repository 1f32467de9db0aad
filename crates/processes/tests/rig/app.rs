// SPDX-License-Identifier: Apache-2.0
//! What the tests of this room start; never shipped.
use std::{
    env, fs, io,
    io::{Read, Write},
    net::{SocketAddr, TcpListener},
    sync::Arc,
    thread,
    time::Duration,
};

use cheerful_autoscaler::Platform;
use cheerful_processes::{
    FirstAnswer, FrontDoor, ProcessEvent, ProcessRevision, Processes, ProcessesConfig,
    WardenCommand, watch_over,
};
use tokio::sync::mpsc;

const FOREVER: Duration = Duration::from_secs(600);

fn main() -> io::Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["serve", port] => serve(port),
        ["leave", file] => leave(file),
        ["warden", run] => watch_over(run),
        ["parent", command @ ..] => {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?;
            runtime.block_on(parent(command))
        }
        _ => Err(io::Error::other(
            "serve PORT, leave FILE, warden RUN or parent COMMAND",
        )),
    }
}

/// Answers each connection with some of its environment.
fn serve(port: &str) -> io::Result<()> {
    let port = port.parse::<u16>().map_err(io::Error::other)?;
    let listener = TcpListener::bind(("127.0.0.1", port))?;
    for connection in listener.incoming() {
        let mut connection = connection?;
        let names = [
            "CHEERFUL_REPLICA",
            "CHEERFUL_REVISION",
            "PORT",
            "COLOUR",
            "NOTIFY_SOCKET",
        ];
        let values = names.map(|name| env::var(name).unwrap_or_default());
        let directory = env::current_dir()?;
        let body = format!("{},{}", values.join(","), directory.display());
        // A probe only connects; who has gone needs no answer.
        if connection
            .read(&mut [0; 1000])
            .is_ok_and(|length| length > 0)
        {
            write!(connection, "HTTP/1.0 200 OK\r\n\r\n{body}").ok();
        }
    }
    Ok(())
}

/// Leaves its process group and session, says so in a file, and stays.
fn leave(file: &str) -> io::Result<()> {
    rustix::process::setsid()?;
    let unfinished = format!("{file}.unfinished");
    fs::write(&unfinished, std::process::id().to_string())?;
    fs::rename(unfinished, file)?;
    thread::sleep(FOREVER);
    Ok(())
}

/// Runs one replica, says its process id in a line once it is ready, and stays.
async fn parent(command: &[&str]) -> io::Result<()> {
    let warden = WardenCommand {
        program: env::current_exe()?,
        arguments: vec!["warden".into()],
    };
    let config = ProcessesConfig {
        lines: None,
        warden: Some(warden),
    };
    let (events, mut happened) = mpsc::channel(16);
    let (processes, _task) = Processes::start(config, Arc::new(OpenDoor), events)?;
    let command = command.iter().map(|part| (*part).to_owned()).collect();
    processes.add(ProcessRevision::new("hello", command)).await;
    processes
        .scale("hello", 1)
        .await
        .map_err(io::Error::other)?;
    while let Some(event) = happened.recv().await {
        if let ProcessEvent::Observed { observation, .. } = event
            && observation.ready == 1
        {
            let replicas = processes.replicas("hello").await;
            let pid = replicas.first().and_then(|replica| replica.pid);
            writeln!(io::stdout(), "{}", pid.unwrap_or_default())?;
        }
    }
    Ok(())
}

struct OpenDoor;

impl FrontDoor for OpenDoor {
    fn open(&self, _: &str, _: &str, _: SocketAddr) {}
    fn take_out(&self, _: &str, _: &str) {}
    async fn drained(&self, _: &str, _: &str) {}
    fn forget(&self, _: &str, _: &str) {}
    fn in_flight(&self, _: &str, _: &str) -> u64 {
        0
    }
    fn first_answer(&self, _: &str, _: &str) -> Option<FirstAnswer> {
        None
    }
}
