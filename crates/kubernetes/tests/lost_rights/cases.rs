// SPDX-License-Identifier: Apache-2.0
//! Which verb what hangs on, by installation: a line each.
use cheerful_kubernetes::{
    install::{
        Place::{self, Cluster, Elsewhere, Everywhere, KubeSystem, Own},
        RIGHTS, Right,
        Role::{self, Autoscaler, Controller, Gateway},
    },
    names::GROUP,
};

use crate::{
    feature::{Feature, Made, Target},
    role,
};

/// A verb, and what does not work without it.
#[derive(Clone, Copy)]
pub(crate) struct Case {
    pub(crate) right: &'static Right,
    pub(crate) verb: &'static str,
    pub(crate) how: How,
    pub(crate) feature: Feature,
}

/// When its want shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum How {
    /// As soon as it is needed. It is tried again until it is given back.
    AtOnce,
    /// The same, but it is not tried again: it is asked for once more when it is given back.
    Once,
    /// At the start of the part; then it is asked for what cannot work.
    Restarted,
    /// The same, once the part leads: for a watch that cannot go on from what was listed.
    Watching,
    /// At the start of the part, which finds what it should change.
    Found,
}

impl Case {
    pub(crate) fn name(&self) -> String {
        role::name(self.right, self.verb)
    }
}

/// What the controller has at the start and tells.
#[rustfmt::skip]
pub(crate) const LEADING: &[Case] = &[
    case(LEASES, "create", How::AtOnce, Feature::LeaseMade),
    case(LEASES, "get", How::Restarted, Feature::LeaseHeld),
    case(LEASES, "update", How::Restarted, Feature::Followed),
    case(SECRETS, "create", How::Found, Feature::Signed { gone: true }),
    case(SECRETS, "get", How::Found, Feature::Signed { gone: true }),
    case(SECRETS, "patch", How::Found, Feature::Signed { gone: false }),
    case(CONFIG_MAPS, "create", How::Found, Feature::Trusted { gone: true }),
    case(CONFIG_MAPS, "patch", How::Found, Feature::Trusted { gone: false }),
    case(REVISIONS_SEEN, "list", How::Restarted, Feature::Followed),
    case(REVISIONS_SEEN, "watch", How::Watching, Feature::Followed),
    case((Controller, Everywhere, GROUP, "revisions/status"), "patch", How::AtOnce, Feature::HostsTold),
    case(EVENTS, "create", How::Once, Feature::TroubleHappened),
    case(EVENTS, "patch", How::Once, Feature::TroubleHappenedAgain),
    case((Controller, Everywhere, "", "pods"), "list", How::Restarted, Feature::TroubleTold),
    case((Controller, Everywhere, "", "pods"), "watch", How::Watching, Feature::TroubleTold),
];

/// What the controller makes and repairs.
#[rustfmt::skip]
pub(crate) const OBJECTS: &[Case] = &[
    case(DEPLOYMENTS, "list", How::Restarted, Feature::Comes(Made::Deployment)),
    case(DEPLOYMENTS, "watch", How::Watching, Feature::Comes(Made::Deployment)),
    case(DEPLOYMENTS, "create", How::AtOnce, Feature::Comes(Made::Deployment)),
    case(DEPLOYMENTS, "patch", How::AtOnce, Feature::Repaired(Made::Deployment)),
    case(SERVICES, "list", How::Restarted, Feature::Comes(Made::Service)),
    case(SERVICES, "watch", How::Watching, Feature::Comes(Made::Service)),
    case(SERVICES, "create", How::AtOnce, Feature::Comes(Made::Service)),
    case(SERVICES, "patch", How::AtOnce, Feature::Repaired(Made::Service)),
    case(SLICES, "list", How::Restarted, Feature::Comes(Made::Slice)),
    case(SLICES, "watch", How::Watching, Feature::Comes(Made::Slice)),
    case(SLICES, "create", How::AtOnce, Feature::Comes(Made::Slice)),
    case(SLICES, "patch", How::AtOnce, Feature::Repaired(Made::Slice)),
];

/// What the controller does in a namespace that is not its own. First while there is nothing but an Autoscaler.
#[rustfmt::skip]
pub(crate) const APART: &[Case] = &[
    case(AUTOSCALERS_SEEN, "watch", How::Watching, Feature::TrustedByQueues),
    case(AUTOSCALERS_SEEN, "list", How::Restarted, Feature::TrustedByQueues),
    case(ACCOUNTS, "list", How::AtOnce, Feature::OwnAccount),
    case(ACCOUNTS, "create", How::AtOnce, Feature::OwnAccount),
    case(ACCOUNTS, "patch", How::AtOnce, Feature::OwnAccount),
    case(BINDINGS, "list", How::AtOnce, Feature::OwnRights),
    case(BINDINGS, "create", How::AtOnce, Feature::OwnRights),
    case(BINDINGS, "patch", How::AtOnce, Feature::OwnRights),
    case((Controller, Everywhere, RBAC, "clusterroles"), "bind", How::AtOnce, Feature::OwnRights),
    case((Controller, Everywhere, "", "services"), "delete", How::AtOnce, Feature::SharedAgain),
    case(SECRETS_ELSEWHERE, "create", How::Once, Feature::OwnCertificate { gone: true }),
    case(SECRETS_ELSEWHERE, "get", How::Once, Feature::OwnCertificate { gone: true }),
    case(SECRETS_ELSEWHERE, "patch", How::Once, Feature::OwnCertificate { gone: false }),
    case((Controller, Cluster, RBAC, "clusterroles"), "bind", How::AtOnce, Feature::OwnReviews),
    case((Controller, Cluster, RBAC, "clusterrolebindings"), "patch", How::AtOnce, Feature::OwnReviews),
];

/// What the autoscaler does for Revisions.
#[rustfmt::skip]
pub(crate) const REVISIONS: &[Case] = &[
    case((Autoscaler, Everywhere, GROUP, "revisions"), "list", How::Restarted, Feature::Scaled),
    case((Autoscaler, Everywhere, GROUP, "revisions"), "watch", How::Watching, Feature::Scaled),
    case((Autoscaler, Everywhere, GROUP, "revisions/status"), "patch", How::AtOnce, Feature::ScaleTold),
    case((Autoscaler, Everywhere, GROUP, "revisions/scale"), "patch", How::AtOnce, Feature::ScaleMirrored),
    case((Autoscaler, Everywhere, "", "pods"), "list", How::Restarted, Feature::Counted),
    case((Autoscaler, Everywhere, "", "pods"), "watch", How::Watching, Feature::Counted),
    case((Autoscaler, Everywhere, "", "pods"), "patch", How::Once, Feature::MarkedToGo),
    case((Autoscaler, Everywhere, "apps", "deployments"), "list", How::Restarted, Feature::ScaledBack),
    case((Autoscaler, Everywhere, "apps", "deployments"), "watch", How::Watching, Feature::ScaledBack),
    case((Autoscaler, Everywhere, "apps", "deployments/scale"), "patch", How::AtOnce, Feature::Scaled),
    case((Autoscaler, Everywhere, "events.k8s.io", "events"), "create", How::Once, Feature::ScaleHappened),
];

/// What it does for Autoscalers.
#[rustfmt::skip]
pub(crate) const TARGETS: &[Case] = &[
    case((Autoscaler, Everywhere, GROUP, "autoscalers"), "list", How::Restarted, Feature::TargetScaled(Target::Deployment)),
    case((Autoscaler, Everywhere, GROUP, "autoscalers"), "watch", How::Watching, Feature::TargetScaled(Target::Deployment)),
    case((Autoscaler, Everywhere, GROUP, "autoscalers/status"), "patch", How::AtOnce, Feature::TargetTold),
    case((Autoscaler, Everywhere, GROUP, "autoscalers/scale"), "patch", How::AtOnce, Feature::TargetMirrored),
    case((Autoscaler, Everywhere, "apps", "deployments/scale"), "get", How::AtOnce, Feature::TargetFound(Target::Deployment)),
    case((Autoscaler, Everywhere, "apps", "statefulsets/scale"), "get", How::AtOnce, Feature::TargetFound(Target::StatefulSet)),
    case((Autoscaler, Everywhere, "apps", "statefulsets/scale"), "patch", How::AtOnce, Feature::TargetScaled(Target::StatefulSet)),
    case((Autoscaler, Everywhere, "apps", "replicasets/scale"), "get", How::AtOnce, Feature::TargetFound(Target::ReplicaSet)),
    case((Autoscaler, Everywhere, "apps", "replicasets/scale"), "patch", How::AtOnce, Feature::TargetScaled(Target::ReplicaSet)),
    case((Autoscaler, Everywhere, "metrics.k8s.io", "pods"), "list", How::AtOnce, Feature::UsageAsked),
    case(HPAS, "list", How::Restarted, Feature::LeftAlone(Target::StatefulSet)),
    case(HPAS, "watch", How::Watching, Feature::LeftAlone(Target::ReplicaSet)),
];

/// How queues and gateways reach the autoscaler, and requests the gateway.
#[rustfmt::skip]
pub(crate) const STREAMS: &[Case] = &[
    case((Autoscaler, Own, "", "secrets"), "list", How::Restarted, Feature::TakesReports),
    case((Autoscaler, Own, "", "secrets"), "watch", How::Watching, Feature::CertificateRenewed),
    case((Autoscaler, Own, LEASE, "leases"), "create", How::AtOnce, Feature::LeaseMade),
    case((Autoscaler, Own, LEASE, "leases"), "get", How::Restarted, Feature::LeaseHeld),
    case((Autoscaler, Own, LEASE, "leases"), "update", How::Restarted, Feature::Scaled),
    case((Autoscaler, Cluster, "authentication.k8s.io", "tokenreviews"), "create", How::Restarted, Feature::Woken),
    case((Gateway, Everywhere, DISCOVERY, "endpointslices"), "list", How::Restarted, Feature::Reached),
    case((Gateway, Everywhere, DISCOVERY, "endpointslices"), "watch", How::Restarted, Feature::Reached),
];

/// How HPAs go by our figures.
#[rustfmt::skip]
pub(crate) const HPAS_ASK: &[Case] = &[
    case(REGISTRATION, "create", How::AtOnce, Feature::Registered { gone: true }),
    case(REGISTRATION, "get", How::AtOnce, Feature::Registered { gone: true }),
    case(REGISTRATION, "patch", How::AtOnce, Feature::Registered { gone: false }),
    case((Controller, Cluster, RBAC, "clusterroles"), "get", How::AtOnce, Feature::Registered { gone: true }),
    case((Autoscaler, KubeSystem, "", "configmaps"), "get", How::Restarted, Feature::HpasAnswered),
];

type Of = (Role, Place, &'static str, &'static str);

const RBAC: &str = "rbac.authorization.k8s.io";
const DISCOVERY: &str = "discovery.k8s.io";
const LEASE: &str = "coordination.k8s.io";
const REGISTRATION: Of = (Controller, Cluster, "apiregistration.k8s.io", "apiservices");
const LEASES: Of = (Controller, Own, LEASE, "leases");
const SECRETS: Of = (Controller, Own, "", "secrets");
const SECRETS_ELSEWHERE: Of = (Controller, Elsewhere, "", "secrets");
const CONFIG_MAPS: Of = (Controller, Everywhere, "", "configmaps");
const REVISIONS_SEEN: Of = (Controller, Everywhere, GROUP, "revisions");
const AUTOSCALERS_SEEN: Of = (Controller, Everywhere, GROUP, "autoscalers");
const EVENTS: Of = (Controller, Everywhere, "events.k8s.io", "events");
const DEPLOYMENTS: Of = (Controller, Everywhere, "apps", "deployments");
const SERVICES: Of = (Controller, Everywhere, "", "services");
const SLICES: Of = (Controller, Everywhere, DISCOVERY, "endpointslices");
const ACCOUNTS: Of = (Controller, Everywhere, "", "serviceaccounts");
const BINDINGS: Of = (Controller, Everywhere, RBAC, "rolebindings");
const HPAS: Of = (
    Autoscaler,
    Everywhere,
    "autoscaling",
    "horizontalpodautoscalers",
);

/// For a verb that no right has it does not compile.
const fn case(
    (role, place, group, resource): Of,
    verb: &'static str,
    how: How,
    feature: Feature,
) -> Case {
    let mut at = 0;
    while at < RIGHTS.len() {
        let right = &RIGHTS[at];
        let same = right.role as u8 == role as u8
            && right.place as u8 == place as u8
            && is(right.group, group)
            && is(right.resource, resource);
        let mut of = 0;
        while same && of < right.verbs.len() {
            if is(right.verbs[of], verb) {
                return Case {
                    right,
                    verb,
                    how,
                    feature,
                };
            }
            of += 1;
        }
        at += 1;
    }
    panic!("no right has this verb")
}

const fn is(one: &str, other: &str) -> bool {
    let (one, other) = (one.as_bytes(), other.as_bytes());
    if one.len() != other.len() {
        return false;
    }
    let mut at = 0;
    while at < one.len() {
        if one[at] != other[at] {
            return false;
        }
        at += 1;
    }
    true
}
