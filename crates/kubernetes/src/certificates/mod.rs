// SPDX-License-Identifier: Apache-2.0
//! The certificate authority of the reports' port: made, kept in a Secret, rotated before it ends.
//!
//! [`step`] is the rule, `make` the cryptography, [`Authority`] the shell.
mod kept;
mod make;
mod rule;
mod shell;

pub use kept::{Issued, Root};
pub use make::MakeError;
pub use rule::{Due, Lifetimes, step};
pub use shell::Authority;
