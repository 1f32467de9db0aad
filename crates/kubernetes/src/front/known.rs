// SPDX-License-Identifier: Apache-2.0
use std::{collections::BTreeMap, sync::Arc};

use cheerful_gateway::{RevisionConfig, Route};
use cheerful_scaling::Moment;

use super::replica::Replica;
use crate::RouteConfig;

/// What is known of one revision.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// By slice: its route. More than one only where somebody else wrote another.
    routes: BTreeMap<Arc<str>, Carried>,
    /// By slice: the pods in it.
    pub(super) places: BTreeMap<Arc<str>, Vec<Arc<str>>>,
    pub(super) replicas: BTreeMap<Arc<str>, Replica>,
    /// What the gateway was told, with the routes that are the revision's own; `None`: it does not know of it.
    pub(super) door: Option<Door>,
    /// From how many requests on a burst shows, as the autoscaler said it.
    pub(super) burst_threshold: Option<f64>,
    /// When news came last.
    pub(super) heard: Moment,
}

/// What one slice says of the revision's route.
#[derive(Debug, Default)]
struct Carried {
    created: i64,
    /// The last that could be read.
    good: Option<RouteConfig>,
}

/// A revision at the gateway.
#[derive(Debug)]
pub(super) struct Door {
    /// What it was made of.
    pub(super) config: RouteConfig,
    /// All the routes it asks for, as they are compared.
    pub(super) asked: Vec<Route>,
    /// What the gateway has now.
    pub(super) told: RevisionConfig,
}

impl Known {
    /// Takes a slice's route in; a bad one leaves the last good one.
    pub(super) fn carry(
        &mut self,
        slice: &Arc<str>,
        created: i64,
        route: Option<Box<RouteConfig>>,
    ) {
        let carried = self.routes.entry(Arc::clone(slice)).or_default();
        carried.created = created;
        if let Some(route) = route {
            carried.good = Some(*route);
        }
    }

    /// A slice is gone. The pods that it showed.
    pub(super) fn drop_slice(&mut self, slice: &Arc<str>) -> Vec<Arc<str>> {
        self.routes.remove(slice);
        self.places.remove(slice).unwrap_or_default()
    }

    /// The route of the oldest slice that has one.
    pub(super) fn route(&self) -> Option<(i64, &RouteConfig)> {
        self.routes
            .iter()
            .filter_map(|(slice, carried)| Some((carried.created, slice, carried.good.as_ref()?)))
            .min_by_key(|(created, slice, _)| (*created, *slice))
            .map(|(created, _, route)| (created, route))
    }

    pub(super) fn slices(&self) -> usize {
        self.routes.len() + self.places.len()
    }
}
