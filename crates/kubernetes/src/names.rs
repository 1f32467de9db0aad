// SPDX-License-Identifier: Apache-2.0
//! The names that two parts share: labels, annotations, ports, files, objects.

/// The API group of the custom resources.
pub const GROUP: &str = "cheerful.dev";
/// Their version.
pub const VERSION: &str = "v1alpha1";

/// On everything that belongs to a Revision, pods and EndpointSlices included: the Revision's name.
pub const REVISION_LABEL: &str = "cheerful.dev/revision";
/// On the pods of a workload that an Autoscaler scales: the Autoscaler's name.
pub const AUTOSCALER_LABEL: &str = "cheerful.dev/autoscaler";
/// On every pod with a queue: `true`. What the autoscaler watches pods by.
pub const QUEUE_LABEL: &str = "cheerful.dev/queue";
/// On a Service and its EndpointSlices: which way they are, one of [`PATH_PRIVATE`], [`PATH_PODS`], [`PATH_GATEWAY`].
pub const PATH_LABEL: &str = "cheerful.dev/path";
/// The private Service, whose EndpointSlices Kubernetes writes: the ready pods' queues.
pub const PATH_PRIVATE: &str = "private";
/// The public Service's EndpointSlice with the pods' queues; empty while the gateway has to be the only way.
pub const PATH_PODS: &str = "pods";
/// The public Service's EndpointSlice with the gateways; always there (it carries [`ROUTE_ANNOTATION`]), empty while
/// the gateway is out of the path.
pub const PATH_GATEWAY: &str = "gateway";
/// On the [`PATH_GATEWAY`] EndpointSlice: a [`crate::RouteConfig`] as JSON.
pub const ROUTE_ANNOTATION: &str = "cheerful.dev/route";
/// On a Revision or an Autoscaler: who woke it by hand and when. Each other text wakes it once, as a request would.
pub const WAKE_ANNOTATION: &str = "cheerful.dev/woken";
/// `app.kubernetes.io/managed-by`, and its value on all that we make.
pub const MANAGED_BY_LABEL: &str = "app.kubernetes.io/managed-by";
#[allow(missing_docs)]
pub const MANAGED_BY: &str = "cheerful";
/// On our own Deployments, Services and pods: `controller`, `autoscaler` or `gateway`.
pub const COMPONENT_LABEL: &str = "app.kubernetes.io/component";

/// On the pods of an autoscaler that serves one Revision alone: the Revision's name.
pub const DEDICATED_LABEL: &str = "cheerful.dev/autoscaler-of";

/// Where everything of ours is installed, unless said otherwise.
pub const SYSTEM_NAMESPACE: &str = "cheerful-system";
/// Service accounts, Deployments and Services of the three roles.
pub const CONTROLLER: &str = "cheerful-controller";
#[allow(missing_docs)]
pub const AUTOSCALER: &str = "cheerful-autoscaler";
#[allow(missing_docs)]
pub const GATEWAY: &str = "cheerful-gateway";

/// The Service by which the API server reaches the autoscaler for HPAs, the ClusterRole of those who may read what it
/// answers, and the owner of the registration, which goes with it.
pub const EXTERNAL_METRICS: &str = "cheerful-external-metrics";
/// That registration, an APIService: a cluster has one of this name.
pub const EXTERNAL_METRICS_API: &str = "v1beta1.external.metrics.k8s.io";

/// Field managers of server-side apply, each the owner of its own fields.
pub const CONTROLLER_MANAGER: &str = "cheerful-controller";
#[allow(missing_docs)]
pub const AUTOSCALER_MANAGER: &str = "cheerful-autoscaler";

/// In the system's namespace: the certificate authority with its key. Read and written by the controller alone.
pub const CA_SECRET: &str = "cheerful-ca";
/// In every namespace with a queue, made by the controller: the authority's certificates, old and new, as `ca.crt`.
pub const CA_CONFIG_MAP: &str = "cheerful-ca";
/// In the autoscaler's namespace, and in each with an autoscaler that serves one Revision alone: `tls.crt` and `tls.key` of its port for reports, for the name
/// `<service>.<namespace>.svc`. Made by the controller, watched by the autoscaler.
pub const AUTOSCALER_TLS_SECRET: &str = "cheerful-autoscaler-tls";
/// The audience of the token by which a queue or gateway proves who it is.
pub const TOKEN_AUDIENCE: &str = "cheerful.dev/autoscaler";
/// In the pods: the folder with `token` and `ca.crt`.
pub const IDENTITY_FOLDER: &str = "/var/run/cheerful";

/// In the autoscaler's namespace, made by a person where it is needed: tokens and certificates for signals. A key
/// `NAMESPACE.NAME` is for the objects of that namespace.
pub const SIGNALS_SECRET: &str = "cheerful-signals";
/// Where the autoscaler has them as files.
pub const SIGNALS_FOLDER: &str = "/etc/cheerful/signals";

/// The queue's container.
pub const QUEUE_CONTAINER: &str = "cheerful-queue";
/// Where the queue takes requests.
pub const QUEUE_PORT: u16 = 8012;
/// The queue's own pages: `/readyz`, `/livez`, `/wait-for-drain`, `/metrics`.
pub const QUEUE_ADMIN_PORT: u16 = 8022;
/// Where the app listens unless its first container names a port; it is told as PORT.
pub const APP_PORT: u16 = 8080;
/// Where the autoscaler takes reports (TLS).
pub const REPORTS_PORT: u16 = 8443;
/// Where the autoscaler answers the API server for HPAs (TLS).
pub const EXTERNAL_METRICS_PORT: u16 = 8444;
/// Pages of the controller, the autoscaler (with the explain API) and the gateway: `/livez`, `/readyz`, `/metrics`.
pub const ADMIN_PORT: u16 = 8081;
/// Where the gateway takes requests.
pub const GATEWAY_PORT: u16 = 8080;
/// The port of a Revision's public Service, and the name of that port and of every EndpointSlice's.
pub const SERVICE_PORT: u16 = 80;
#[allow(missing_docs)]
pub const SERVICE_PORT_NAME: &str = "http";

/// The Deployment and the public Service of a Revision have its own name; this is its private (headless) Service.
#[must_use]
pub fn private_service(revision: &str) -> String {
    format!("{revision}-private")
}

/// The public Service's EndpointSlice for a way ([`PATH_PODS`] or [`PATH_GATEWAY`]).
#[must_use]
pub fn public_slice(revision: &str, path: &str) -> String {
    format!("{revision}-{path}")
}

/// Deployment, Service and service account of the autoscaler that serves one Revision alone.
#[must_use]
pub fn dedicated_autoscaler(revision: &str) -> String {
    format!("{revision}-autoscaler")
}

/// What such an autoscaler may do in its namespace.
pub const DEDICATED_ROLE: &str = "cheerful-autoscaler-dedicated";
/// That it may have tokens reviewed, and the ClusterRoleBinding whose subjects the controller writes.
pub const TOKEN_REVIEW_ROLE: &str = "cheerful-token-review";

/// The name of such a ClusterRole: each installation for one namespace has its own.
#[must_use]
pub fn cluster_role(name: &str, namespaced: Option<&str>) -> String {
    namespaced.map_or_else(
        || name.to_owned(),
        |namespace| format!("{name}-{namespace}"),
    )
}

/// The Lease of a shard of the autoscaler; the controller's is called [`CONTROLLER`].
#[must_use]
pub fn autoscaler_lease(shard: u32) -> String {
    format!("{AUTOSCALER}-{shard}")
}
