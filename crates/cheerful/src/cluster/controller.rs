// SPDX-License-Identifier: Apache-2.0
//! `controller`: turns Revisions into Deployments, Services and EndpointSlices.
use crate::exit::Failure;

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct ControllerArgs {}

/// Runs it.
///
/// # Errors
/// What a person has to know.
pub(crate) fn run(_args: ControllerArgs) -> Result<(), Failure> {
    todo!()
}
