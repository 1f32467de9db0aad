// SPDX-License-Identifier: Apache-2.0
use std::collections::BTreeSet;

use k8s_openapi::api::{
    apps::v1::Deployment,
    core::v1::{Pod, Service},
    discovery::v1::EndpointSlice,
};
use kube::{core::PartialObjectMeta, runtime::watcher::Event};

use super::{
    Key,
    table::Table,
    view::{self, Applied, PodView, ServiceView, SliceView},
};
use crate::{
    names,
    objects::{Endpoint, PodTrouble},
    resources::{Autoscaler, Revision},
};

/// What a watch told.
#[derive(Debug)]
pub(super) enum Change {
    Revision(Box<Event<Revision>>),
    Autoscaler(Event<PartialObjectMeta<Autoscaler>>),
    Deployment(Box<Event<Deployment>>),
    Service(Box<Event<Service>>),
    Slice(Event<EndpointSlice>),
    Gateway(Event<EndpointSlice>),
    Pod(Box<Event<Pod>>),
}

/// All that is known of the cluster.
#[derive(Debug, Default)]
pub(super) struct World {
    pub(super) revisions: Table<Revision>,
    pub(super) autoscalers: Table<()>,
    pub(super) deployments: Table<Applied<Deployment>>,
    pub(super) services: Table<Applied<ServiceView>>,
    pub(super) slices: Table<Applied<SliceView>>,
    gateways: Table<Applied<SliceView>>,
    pods: Table<PodView>,
}

/// What has to be looked at again.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Dirty {
    pub(super) revisions: BTreeSet<Key>,
    pub(super) namespaces: BTreeSet<String>,
}

impl World {
    /// Takes what a watch told, and gives what hangs on it.
    pub(super) fn take(&mut self, change: Change) -> Dirty {
        let mut dirty = Dirty::default();
        let keys = &mut dirty.revisions;
        let mut all = false;
        let mut of = |key: &Key, revision: Option<&String>| {
            if let Some(name) = revision {
                keys.insert(Key {
                    namespace: key.namespace.clone(),
                    name: name.clone(),
                });
            }
        };
        match change {
            Change::Revision(event) => {
                self.revisions
                    .take(*event, view::revision, |key, _| of(key, Some(&key.name)));
            }
            Change::Autoscaler(event) => {
                let view =
                    |object: PartialObjectMeta<Autoscaler>| (view::key(&object.metadata), ());
                let namespaces = &mut dirty.namespaces;
                self.autoscalers.take(event, view, |key, ()| {
                    namespaces.insert(key.namespace.clone());
                });
            }
            Change::Deployment(event) => {
                self.deployments.take(*event, view::deployment, |key, row| {
                    of(key, row.ownership.revision.as_ref())
                });
            }
            Change::Service(event) => {
                self.services.take(*event, view::service, |key, row| {
                    of(key, row.ownership.revision.as_ref())
                });
            }
            Change::Slice(event) => {
                self.slices.take(event, view::slice, |key, row| {
                    of(key, row.ownership.revision.as_ref())
                });
            }
            Change::Pod(event) => {
                self.pods
                    .take(*event, view::pod, |key, row| of(key, row.revision.as_ref()));
            }
            Change::Gateway(event) => {
                self.gateways.take(event, view::slice, |_, _| all = true);
            }
        }
        if all {
            dirty
                .revisions
                .extend(self.revisions.rows().keys().cloned());
        }
        dirty
    }

    /// Whether each kind was listed once: before that, what is missing may only not be known.
    pub(super) const fn is_known(&self) -> bool {
        self.revisions.is_synced()
            && self.autoscalers.is_synced()
            && self.deployments.is_synced()
            && self.services.is_synced()
            && self.slices.is_synced()
            && self.gateways.is_synced()
            && self.pods.is_synced()
    }

    /// The gateways that are ready.
    pub(super) fn gateways(&self) -> Vec<Endpoint> {
        let slices = self.gateways.rows().values();
        slices
            .flat_map(|slice| slice.of.endpoints.iter().cloned())
            .collect()
    }

    /// A Revision's pods that are ready, as its private Service's slices tell.
    pub(super) fn ready_pods(&self, key: &Key) -> Vec<Endpoint> {
        self.slices
            .rows()
            .range(first_of(&key.namespace)..)
            .take_while(|(slice, _)| slice.namespace == key.namespace)
            .filter(|(_, slice)| {
                slice.of.path == names::PATH_PRIVATE
                    && slice.ownership.revision.as_ref() == Some(&key.name)
            })
            .flat_map(|(_, slice)| slice.of.endpoints.iter().cloned())
            .collect()
    }

    /// What keeps a pod of a Revision from running: the same one as long as it is there.
    pub(super) fn trouble(&self, key: &Key) -> Option<&PodTrouble> {
        self.pods
            .rows()
            .range(first_of(&key.namespace)..)
            .take_while(|(pod, _)| pod.namespace == key.namespace)
            .filter(|(_, pod)| pod.revision.as_ref() == Some(&key.name))
            .filter_map(|(_, pod)| pod.trouble.as_ref())
            .min()
    }

    /// Where there are queues.
    pub(super) fn namespaces(&self) -> BTreeSet<String> {
        let revisions = self.revisions.rows().keys();
        let keys = revisions.chain(self.autoscalers.rows().keys());
        keys.map(|key| key.namespace.clone()).collect()
    }
}

fn first_of(namespace: &str) -> Key {
    Key {
        namespace: namespace.to_owned(),
        name: String::new(),
    }
}
