// SPDX-License-Identifier: Apache-2.0
//! Our figures for a plain HPA: the API `external.metrics.k8s.io/v1beta1`, which the API server passes on to us.
//!
//! Who may read is decided by the API server, by its own rules (RBAC), before it passes a request on. So only the API server
//! is let in: it proves itself with the client certificate that Kubernetes has for this, its front proxy's.
mod answer;
mod front_proxy;
mod registration;
mod serve;
mod status;

use cheerful_wire::Workload;
use serde::{Deserialize, Serialize};

pub(crate) use answer::metric_names;
pub use front_proxy::{FrontProxy, follow_front_proxy};
pub(crate) use registration::is_ours;
pub use registration::{Registration, RegistrationState};
pub use serve::{ExternalMetrics, ExternalMetricsCounts};

/// Who knows how much is asked for.
pub trait Knows: Send + Sync + 'static {
    /// What is known of a workload.
    ///
    /// # Errors
    /// Why nothing is. It is never told as 0: an HPA would scale down by it.
    fn figures(&self, workload: &Workload)
    -> impl Future<Output = Result<Figures, Unknown>> + Send;
}

/// What is known of a workload.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Figures {
    /// Requests in flight or held: the larger of the averages over the stable and the panic window, so that it rises in
    /// seconds and falls in a minute. While some replicas are silent it does not fall. `None`: no signal counts requests.
    pub in_flight: Option<f64>,
    /// How many replicas there should be, by all signals, delays and bounds.
    pub wanted: u32,
}

/// Why nothing is known of a workload.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unknown {
    /// There is none.
    #[error("nothing scales {0} here: should be an Autoscaler or a Revision that is there")]
    NotThere(String),
    /// There is one, and it is not known now how much is asked of it.
    #[error("{0}")]
    Now(String),
}
