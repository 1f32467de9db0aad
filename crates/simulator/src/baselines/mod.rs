// SPDX-License-Identifier: Apache-2.0
//! What the policy is compared with, each by its own published rules.
mod clairvoyant;
mod fixed;

pub use clairvoyant::clairvoyant;
pub use fixed::Fixed;
