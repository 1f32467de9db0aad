// SPDX-License-Identifier: Apache-2.0
//! `uninstall`: takes cheerful out of a cluster and leaves every workload running.
use crate::exit::Failure;

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct UninstallArgs {}

/// Runs it.
///
/// # Errors
/// What a person has to know.
pub(crate) fn run(_args: UninstallArgs) -> Result<(), Failure> {
    todo!()
}
