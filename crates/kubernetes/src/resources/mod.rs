// SPDX-License-Identifier: Apache-2.0
//! The custom resources as the API server keeps them: the manifest's vocabulary with a status.
mod autoscaler;
mod revision;
mod rules;
mod schema;
mod shadow;
mod shadow_rules;
mod signal_rules;
mod structural;

pub use autoscaler::{Autoscaler, AutoscalerStatus};
pub use revision::{
    LearnedStatus, PathNow, PathStatus, Revision, RevisionStatus, ScaleStatus, SignalStatus,
    WantedPath,
};
pub use schema::crds;
pub use shadow::{BillStatus, ShadowStatus};
