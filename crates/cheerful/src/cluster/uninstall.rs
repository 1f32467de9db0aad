// SPDX-License-Identifier: Apache-2.0
//! `uninstall`: takes cheerful out of a cluster and leaves every workload running.
use std::{path::PathBuf, time::Duration};

use cheerful_kubernetes::{
    ApiServer,
    install::uninstall::{UninstallOptions, uninstall},
    names,
};
use cheerful_manifest::DurationText;

use super::manifests::namespace;
use crate::exit::{Failure, print};

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct UninstallArgs {
    /// Where the three roles run
    #[arg(long, short, default_value = names::SYSTEM_NAMESPACE, value_parser = namespace)]
    namespace: String,
    /// Only say what would be done; so it is without --yes, too
    #[arg(long, conflicts_with = "yes")]
    dry_run: bool,
    /// Do it
    #[arg(long)]
    yes: bool,
    /// How long one workload may take to have a replica that answers
    #[arg(long, value_name = "TIME", default_value = "2m")]
    patience: DurationText,
    /// Go on though a workload has no replica that answers
    #[arg(long)]
    abandon: bool,
    /// The file that tells of the cluster [default: as kubectl has it]
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
    /// The context in it [default: the current one]
    #[arg(long)]
    context: Option<String>,
}

/// Does it, and prints each step.
///
/// # Errors
/// When there is no cluster, it refuses something, or a workload would be left without a replica.
pub(crate) fn run(args: UninstallArgs) -> Result<(), Failure> {
    let server = ApiServer {
        kubeconfig: args.kubeconfig,
        context: args.context,
    };
    let options = UninstallOptions {
        namespace: args.namespace,
        dry_run: !args.yes,
        patience: Duration::from(args.patience),
        abandon: args.abandon,
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::later(format_args!("the runtime does not start: {error}")))?;
    runtime.block_on(async {
        let client = server.client().await.map_err(Failure::bad_input)?;
        // A reader that has gone must not end it half-way.
        let mut say = |sentence: &str| drop(print(&format!("{sentence}\n")));
        uninstall(&client, &options, &mut say)
            .await
            .map_err(Failure::later)
    })?;
    if options.dry_run {
        print("nothing was changed; give --yes to do it\n")
    } else {
        Ok(())
    }
}
