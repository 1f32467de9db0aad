// SPDX-License-Identifier: Apache-2.0
use cheerful_scaling::{Scaling, Target};
use kube::ResourceExt as _;

use crate::{
    RouteConfig,
    resources::{LearnedStatus, Revision},
};

/// The host names by which the gateway knows a Revision: those that Kubernetes' DNS gives the public Service, its
/// address, and those of its routes.
#[must_use]
pub fn hosts(revision: &Revision, cluster_ip: Option<&str>) -> Vec<String> {
    let (name, namespace) = (
        revision.name_any(),
        revision.namespace().unwrap_or_default(),
    );
    let mut hosts: Vec<String> = ["", ".svc", ".svc.cluster.local"]
        .into_iter()
        .map(|rest| format!("{name}.{namespace}{rest}"))
        .collect();
    hosts.extend(cluster_ip.map(str::to_owned));
    hosts
}

/// A target that is learned stands in the status.
fn target(revision: &Revision, scaling: &Scaling) -> f64 {
    let learned = (revision.status.as_ref())
        .and_then(|status| status.learned.as_ref())
        .filter(|_| scaling.settings().target == Target::Auto);
    learned
        .and_then(LearnedStatus::target)
        .unwrap_or_else(|| scaling.target())
}

/// What the gateway has to know.
#[must_use]
pub fn route_config(
    revision: &Revision,
    scaling: &Scaling,
    cluster_ip: Option<&str>,
) -> RouteConfig {
    let spec = &revision.spec;
    RouteConfig {
        hosts: hosts(revision, cluster_ip),
        routes: spec.routes.clone(),
        concurrency: spec.concurrency,
        target: target(revision, scaling),
        timeouts: spec.timeouts.clone(),
        hold: spec.hold.clone(),
        waking: spec.waking.clone(),
        autoscaler: spec.autoscaler,
    }
}
