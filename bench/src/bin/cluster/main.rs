// SPDX-License-Identifier: Apache-2.0
//! What cheerful costs and how fast it is in a real cluster in which it is installed. Run inside the cluster's network:
//!
//!     cluster/cluster exec target/release/cluster reaction      # a step of 10x: to the scale, to the last ready pod
//!     cluster/cluster exec target/release/cluster from-zero     # beside a bare pod, and one with a native sidecar
//!     cluster/cluster exec target/release/cluster wave          # 100 services woken at once, on fake nodes
//!     cluster/cluster exec target/release/cluster sidecar       # memory and CPU of the queue in a pod
#![allow(clippy::print_stdout, reason = "a command that prints its result")]
mod from_zero;
mod load;
mod reaction;
mod sidecar;
mod stage;
mod table;
mod wave;

use std::process::ExitCode;

use anyhow::bail;

use stage::Stage;

fn main() -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            println!("no runtime: {error}");
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(run()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let which = arguments.next().unwrap_or_default();
    let rounds = arguments.next().map_or(Ok(5), |text| text.parse())?;
    let image =
        std::env::var("CHEERFUL_IMAGE").unwrap_or_else(|_| "docker.io/local/cheerful:dev".into());
    let stage = Stage::set(&which, image).await?;
    let result = match which.as_str() {
        "reaction" => reaction::measure(&stage, rounds).await,
        "from-zero" => from_zero::measure(&stage, rounds).await,
        "wave" => wave::measure(&stage).await,
        "sidecar" => sidecar::measure(&stage).await,
        _ => bail!("usage: cluster reaction|from-zero|wave|sidecar [ROUNDS]"),
    };
    stage.clear().await;
    result
}
