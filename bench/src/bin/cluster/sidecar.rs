// SPDX-License-Identifier: Apache-2.0
use std::{fs, net::SocketAddr, time::Duration};

use anyhow::Context;
use serde_json::json;
use tokio::time::{Instant, sleep};

use crate::{load::Load, stage::Stage};

/// What the queue of one pod takes, idle and under about 1,000 requests a second.
pub(crate) async fn measure(stage: &Stage) -> anyhow::Result<()> {
    let scaling = json!({"min": 1, "max": 1, "target": 1000});
    stage.revision("beside", "0ms", scaling).await?;
    let pods = stage.ready_pods("beside", 1).await?;
    let status = pods.first().and_then(|pod| pod.status.as_ref());
    let address = status
        .and_then(|status| status.pod_ip.clone())
        .context("the pod has no address")?;
    let pod = pods.first().and_then(|pod| pod.metadata.name.clone());
    let process = find(&pod.context("the pod has no name")?)?;
    sleep(Duration::from_secs(10)).await;
    let idle = Use::over(&process, Duration::from_secs(20)).await?;

    let mut load = Load::new(SocketAddr::new(address.parse()?, 8012), "beside".into());
    load.add(20, Duration::from_millis(19));
    sleep(Duration::from_secs(3)).await;
    let since = Instant::now();
    let busy = Use::over(&process, Duration::from_secs(20)).await?;
    let (answered, failed) = load.end().await;
    let rate = answered as f64 / (since.elapsed().as_secs_f64() + 3.0);
    println!("the queue idle: {idle}");
    println!(
        "the queue at {rate:.0} requests/s, each on a new connection: {busy}; {failed} failed"
    );
    Ok(())
}

struct Use {
    cores: f64,
    resident_kilobytes: u64,
}

impl Use {
    async fn over(process: &str, time: Duration) -> anyhow::Result<Self> {
        let before = ticks(process)?;
        let since = Instant::now();
        sleep(time).await;
        let spent = ticks(process)? - before;
        let status = fs::read_to_string(format!("/proc/{process}/status"))?;
        let resident = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))
            .and_then(|rest| rest.trim().strip_suffix(" kB"))
            .context("no VmRSS")?;
        Ok(Self {
            // A tick of the kernel's accounting is 10 ms on every Linux that we know.
            cores: spent as f64 / 100.0 / since.elapsed().as_secs_f64(),
            resident_kilobytes: resident.trim().parse()?,
        })
    }
}

impl std::fmt::Display for Use {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{:.2} mcore, {:.1} MB resident",
            self.cores * 1e3,
            self.resident_kilobytes as f64 / 1024.0
        )
    }
}

fn ticks(process: &str) -> anyhow::Result<u64> {
    let line = fs::read_to_string(format!("/proc/{process}/stat"))?;
    let (_, rest) = line.rsplit_once(')').context("no stat")?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    let field =
        |at: usize| -> anyhow::Result<u64> { Ok(fields.get(at).context("a short stat")?.parse()?) };
    Ok(field(11)? + field(12)?)
}

/// The queue's process of a pod, as its environment names it. Wants to see the processes of the node.
fn find(pod: &str) -> anyhow::Result<String> {
    let wanted = format!("CHEERFUL_POD={pod}");
    for entry in fs::read_dir("/proc")? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        let environment = fs::read(format!("/proc/{name}/environ")).unwrap_or_default();
        if environment
            .split(|byte| *byte == 0)
            .any(|one| one == wanted.as_bytes())
        {
            return Ok(name);
        }
    }
    anyhow::bail!("no process has {wanted}: run where the node's processes can be seen")
}
