// SPDX-License-Identifier: Apache-2.0
//! The three APIs by which Kubernetes tells metrics: `metrics.k8s.io` (CPU and memory), `custom.metrics.k8s.io` and
//! `external.metrics.k8s.io`. Each is asked as a [`cheerful_signals::asking::Ask`].
mod ask;
mod custom;
mod external;
mod quantity;
mod usage;

#[cfg(test)]
mod tests;

pub(crate) use custom::Custom;
pub(crate) use external::External;
pub(crate) use quantity::Quantity;
pub(crate) use usage::{Resource, Usage};

use cheerful_signals::Unread;

/// A quantity that is a load.
fn load(what: &str, text: &str) -> Result<f64, Unread> {
    match text.parse() {
        Ok(Quantity(number)) if number >= 0.0 => Ok(number.abs()),
        Ok(_) => Err(Unread::Impossible {
            what: what.to_owned(),
            value: text.chars().take(64).collect(),
        }),
        Err(wrong) => Err(Unread::Malformed(format!("{what}: {wrong}"))),
    }
}
