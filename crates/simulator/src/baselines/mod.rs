// SPDX-License-Identifier: Apache-2.0
//! What the policy is compared with, each by its own published rules.
mod clairvoyant;
mod fixed;
mod hpa;
mod keda;
mod knative;
mod per_request;
mod seconds;
mod year_2018;

pub use clairvoyant::clairvoyant;
pub use fixed::Fixed;
pub use hpa::Hpa;
pub use keda::Keda;
pub use knative::Knative;
pub use per_request::PerRequest;
pub use year_2018::Year2018;
