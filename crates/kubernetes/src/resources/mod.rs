// SPDX-License-Identifier: Apache-2.0
//! The custom resources as the API server keeps them: the manifest's vocabulary with a status.
mod autoscaler;
mod revision;

pub use autoscaler::{Autoscaler, AutoscalerStatus};
pub use revision::{PathNow, PathStatus, Revision, RevisionStatus, ScaleStatus, WantedPath};
