// SPDX-License-Identifier: Apache-2.0
//! `queue`: stands before the app in a pod.
use crate::exit::Failure;

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct QueueArgs {}

/// Runs it.
///
/// # Errors
/// What a person has to know.
pub(crate) fn run(_args: QueueArgs) -> Result<(), Failure> {
    todo!()
}
