// SPDX-License-Identifier: Apache-2.0
//! `gateway`: holds requests while there is no replica, and spreads a burst.
use crate::exit::Failure;

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct GatewayArgs {}

/// Runs it.
///
/// # Errors
/// What a person has to know.
pub(crate) fn run(_args: GatewayArgs) -> Result<(), Failure> {
    todo!()
}
