// SPDX-License-Identifier: Apache-2.0
//! `autoscaler`: decides how many replicas there are.
use crate::exit::Failure;

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct AutoscalerArgs {}

/// Runs it.
///
/// # Errors
/// What a person has to know.
pub(crate) fn run(_args: AutoscalerArgs) -> Result<(), Failure> {
    todo!()
}
