// SPDX-License-Identifier: Apache-2.0
use std::process::Stdio;

use anyhow::Context;
use cheerful_wire::Transport;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
};

use crate::Plan;

/// This program again, in a process of its own. Ends when dropped.
pub(crate) struct Other {
    pub(crate) pid: u32,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
    child: Child,
}

impl Other {
    pub(crate) fn start(role: &str, plan: &Plan) -> anyhow::Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command
            .arg(role)
            .args(["--revisions", &plan.revisions.to_string()])
            .args(["--address", &plan.address.to_string()])
            .args(["--first", &plan.first.to_string()])
            .args(["--count", &plan.count.to_string()])
            .arg("--folder")
            .arg(&plan.folder);
        if !plan.tls {
            command.arg("--plain");
        }
        if plan.transport == Transport::WebSocket {
            command.arg("--websocket");
        }
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        Ok(Self {
            pid: child.id().context("a process has ended")?,
            input: child.stdin.take().context("no stdin")?,
            output: BufReader::new(child.stdout.take().context("no stdout")?).lines(),
            child,
        })
    }

    pub(crate) async fn tell(&mut self, line: &str) -> anyhow::Result<()> {
        self.input.write_all(line.as_bytes()).await?;
        Ok(self.input.write_all(b"\n").await?)
    }

    pub(crate) async fn line(&mut self) -> anyhow::Result<String> {
        let line = self.output.next_line().await?;
        line.context("a process has ended")
    }

    pub(crate) async fn ask(&mut self, question: &str) -> anyhow::Result<String> {
        self.tell(question).await?;
        self.line().await
    }

    pub(crate) async fn kill(mut self) -> anyhow::Result<()> {
        Ok(self.child.kill().await?)
    }
}
