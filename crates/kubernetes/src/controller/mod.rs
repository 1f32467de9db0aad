// SPDX-License-Identifier: Apache-2.0
//! The controller: Revisions become Deployments, Services and EndpointSlices, and stay as they should be.
//!
//! [`Controller`] owns all that is known and takes what watches tell; `plan` says what to do; `carry_out` does it.
mod agenda;
mod carry_out;
mod dedicated;
mod metrics;
mod owner;
mod plan;
mod table;
mod view;
mod watches;
mod world;

pub use dedicated::{DedicatedAutoscalers, MAX_DEDICATED};
pub use metrics::ControllerMetrics;
pub use owner::{Controller, ControllerConfig};
pub use plan::Policy;
pub use table::Key;

use cheerful_manifest::ConcurrencyText;
use cheerful_scaling::{Concurrency, Invalid};

use crate::{
    objects::{Verdict, verdict},
    resources::Revision,
};

fn concurrency(revision: &Revision) -> Concurrency {
    revision
        .spec
        .concurrency
        .map_or(Concurrency::Multi, |ConcurrencyText(given)| given)
}

fn limit(revision: &Revision) -> Option<u32> {
    match concurrency(revision) {
        Concurrency::Single => Some(1),
        Concurrency::Multi => None,
        Concurrency::Limit(limit) => Some(limit),
    }
}

/// Settings that the API server let pass, but `scaling` does not.
fn invalid(faults: &[Invalid]) -> Verdict {
    let told: Vec<String> = faults
        .iter()
        .map(|fault| {
            format!(
                "spec.scaling.{}: {}: {}",
                fault.field, fault.value, fault.expected
            )
        })
        .collect();
    verdict(Some(false), "ScalingInvalid", told.join("; "))
}
