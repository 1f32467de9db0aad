// SPDX-License-Identifier: Apache-2.0
//! `inject`: adds the queue to the manifest of a workload.
use std::path::PathBuf;

use cheerful_kubernetes::{
    inject::{InjectOptions, inject},
    install::InstallOptions,
    names,
};
use similar::TextDiff;

use crate::{
    exit::{Failure, complain, print},
    source,
};

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct InjectArgs {
    /// Manifest of the workload; - reads it from stdin
    #[arg(short, long, value_name = "FILE")]
    file: PathBuf,

    /// Name of the Autoscaler that scales it [default: the workload's name]
    #[arg(long, value_name = "NAME")]
    autoscaler: Option<String>,

    /// Namespace in which cheerful is installed
    #[arg(long, default_value = names::SYSTEM_NAMESPACE, value_name = "NAMESPACE")]
    namespace: String,

    /// Image of the queue
    #[arg(long, default_value_t = InstallOptions::default().image, value_name = "IMAGE")]
    image: String,

    /// Port on which the app listens [default: the first of its first container, or 8080]
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    app_port: Option<u16>,

    /// Most requests in flight in one replica; more wait [default: no limit]
    #[arg(long, value_name = "REQUESTS", value_parser = clap::value_parser!(u32).range(1..))]
    concurrency: Option<u32>,

    /// Also have Services that lead to the app lead to its queue
    #[arg(long)]
    services: bool,

    /// Print what changes, as a unified diff
    #[arg(long)]
    diff: bool,
}

/// Prints the manifest with the queue, or what it adds; what a person should know goes to stderr.
///
/// # Errors
/// What a person has to know.
pub(crate) fn run(args: InjectArgs) -> Result<(), Failure> {
    let name = args.file.display().to_string();
    let text = source::read(&args.file)
        .map_err(|error| Failure::bad_input(format_args!("--file {name}: {error}")))?;
    let options = InjectOptions {
        image: args.image,
        autoscaler: format!(
            "{}.{}.svc:{}",
            names::AUTOSCALER,
            args.namespace,
            names::REPORTS_PORT
        ),
        name: args.autoscaler,
        app_port: args.app_port,
        limit: args.concurrency,
        services: args.services,
    };
    let done = inject(&text, &options)
        .map_err(|error| Failure::bad_input(format_args!("{name}: {error}")))?;
    for note in &done.notes {
        complain(&format!("cheerful: {note}"));
    }
    if args.diff {
        print(&unified(&name, &text, &done.yaml))
    } else {
        print(&done.yaml)
    }
}

/// As `patch` takes it; empty when nothing changes.
fn unified(name: &str, before: &str, after: &str) -> String {
    TextDiff::from_lines(before, after)
        .unified_diff()
        .header(name, name)
        .to_string()
}
