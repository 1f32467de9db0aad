// SPDX-License-Identifier: Apache-2.0
//! `inject`: adds the queue to the manifest of a workload.
use crate::exit::Failure;

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct InjectArgs {}

/// Runs it.
///
/// # Errors
/// What a person has to know.
pub(crate) fn run(_args: InjectArgs) -> Result<(), Failure> {
    todo!()
}
