// SPDX-License-Identifier: Apache-2.0
//! `manifests`: prints what is applied to a cluster.
use crate::exit::Failure;

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct ManifestsArgs {}

/// Runs it.
///
/// # Errors
/// What a person has to know.
pub(crate) fn run(_args: ManifestsArgs) -> Result<(), Failure> {
    todo!()
}
