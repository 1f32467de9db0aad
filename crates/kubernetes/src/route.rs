// SPDX-License-Identifier: Apache-2.0
use cheerful_manifest::{AutoscalerChoice, ConcurrencyText, Hold, Route, Timeouts, Waking};
use serde::{Deserialize, Serialize};

/// What the gateway has to know of a Revision. It travels as an annotation of the Revision's own EndpointSlice, for the
/// gateway may read nothing else.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RouteConfig {
    /// Host names without a port: `<name>.<namespace>`, with `.svc` and `.svc.cluster.local`, and the public Service's
    /// address.
    pub hosts: Vec<String>,
    /// The Revision's own routes, beside the hosts.
    pub routes: Vec<Route>,
    /// As in the Revision.
    pub concurrency: Option<ConcurrencyText>,
    /// Requests in flight per replica to aim for.
    pub target: f64,
    /// As in the Revision.
    pub timeouts: Timeouts,
    /// As in the Revision.
    pub hold: Hold,
    /// As in the Revision.
    pub waking: Waking,
    /// As in the Revision: which autoscaler is told of what is held for it.
    pub autoscaler: Option<AutoscalerChoice>,
}
