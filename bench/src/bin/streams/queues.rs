// SPDX-License-Identifier: Apache-2.0
//! A process with some of the queues.
use std::{sync::Arc, time::Duration};

use anyhow::bail;
use cheerful_scaling::{Latency, Report};
use cheerful_wire::{
    Downward, Link, LinkConfig, Lookup, ReplicaReport, Upward, Who, Workload, WorkloadKind,
};
use tokio::{
    sync::mpsc,
    task::JoinSet,
    time::{Instant, MissedTickBehavior, interval, sleep},
};

use crate::{
    CA_FILE, CONCURRENCY, NAME, Plan, REPLICAS,
    lines::{asked, say},
};

/// A second's reports go out in so many parts.
const PARTS: usize = 100;
/// Streams that are on their way at once.
const OPENING: usize = 50;
/// For the streams that are on their way.
const OPEN_LIMIT: Duration = Duration::from_secs(60);

type Queue = (Link, mpsc::Receiver<Downward>);

/// Runs until its input ends. Answers each line: `open` when all streams are up, `report` begins to report,
/// `connected` tells how many streams are up, `counts` how many reports found a full line, and how many streams failed
/// or were refused.
pub(crate) async fn run(plan: &Plan) -> anyhow::Result<()> {
    let mut queues = Arc::default();
    let mut tasks = JoinSet::new();
    let mut lines = asked();
    while let Some(line) = lines.recv().await {
        match line.as_str() {
            "open" => {
                queues = Arc::new(open(plan).await?);
                say("open")?;
            }
            "report" => {
                tasks.spawn(report_on(Arc::clone(&queues)));
                say("reporting")?;
            }
            "connected" => say(&sum(&queues, |link| link.metrics().connected).to_string())?,
            _ => {
                let dropped = sum(&queues, |link| link.metrics().dropped_total);
                let failures = sum(&queues, |link| link.metrics().failures_total);
                let refused = sum(&queues, |link| link.metrics().refused_total);
                say(&format!("{dropped} {failures} {refused}"))?;
            }
        }
    }
    Ok(())
}

fn sum(queues: &[Queue], of: impl Fn(&Link) -> u64) -> u64 {
    queues.iter().map(|(link, _)| of(link)).sum()
}

async fn open(plan: &Plan) -> anyhow::Result<Vec<Queue>> {
    let server = plan.address;
    let lookup: Lookup = Arc::new(move || Box::pin(async move { Ok(vec![server]) }));
    let mut queues: Vec<Queue> = Vec::new();
    let mut up = 0;
    for at in 0..plan.count {
        let number = plan.first + at;
        let (revision, replica) = (number / REPLICAS, number % REPLICAS);
        let config = LinkConfig {
            autoscaler: server.to_string(),
            server_name: plan.tls.then(|| NAME.to_owned()),
            ca_file: plan.tls.then(|| plan.folder.join(CA_FILE)),
            token_file: None,
            transport: plan.transport,
            who: Who::Queue {
                workload: Workload {
                    namespace: "bench".to_owned(),
                    kind: WorkloadKind::Revision,
                    name: format!("revision-{revision}"),
                },
                pod: format!("revision-{revision}-{replica}"),
                address: ([10, 0, 0, 1], 8012).into(),
            },
            refresh: Duration::from_secs(600),
        };
        queues.push(Link::start_with_lookup(config, Arc::clone(&lookup))?);
        let last = at + 1 == plan.count;
        let began = Instant::now();
        while queues.len() - up > if last { 0 } else { OPENING } {
            sleep(Duration::from_millis(1)).await;
            while let Some((link, _)) = queues.get(up)
                && link.metrics().connected == 1
            {
                up += 1;
            }
            if began.elapsed() > OPEN_LIMIT {
                bail!("only {up} streams come up");
            }
        }
    }
    Ok(queues)
}

/// Each queue reports once a second, evenly spread over it.
async fn report_on(queues: Arc<Vec<Queue>>) {
    let part = queues.len().div_ceil(PARTS).max(1);
    let mut beat = interval(Duration::from_secs(1) / PARTS as u32);
    beat.set_missed_tick_behavior(MissedTickBehavior::Burst);
    for sequence in 0.. {
        for at in 0..PARTS {
            beat.tick().await;
            for (link, _) in queues.iter().skip(at * part).take(part) {
                link.send(report(sequence));
            }
        }
    }
}

fn report(sequence: u64) -> Upward {
    let mut counts = [0; Latency::BUCKETS];
    for (bucket, count) in [(10, 3), (11, 20), (12, 30), (13, 7)] {
        counts[bucket] = count;
    }
    Upward::Report(ReplicaReport {
        report: Report {
            replica: String::new(),
            sequence: Some(sequence),
            age_seconds: 0.0,
            seconds: 1.0,
            request_seconds: CONCURRENCY,
            waiting_seconds: 0.0,
            requests: 60,
            refused: 0,
            in_flight: None,
            latency: Some(Latency::from_counts(&counts)),
        },
        ready: true,
        draining: false,
    })
}
