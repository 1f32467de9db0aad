// SPDX-License-Identifier: Apache-2.0
//! What follows from what is known: the directory's second half.
use cheerful_manifest::AutoscalerChoice;

use super::*;
use crate::RouteConfig;

impl Directory {
    /// What is known of a revision, made if there is room.
    pub(super) fn known(&mut self, revision: &Arc<str>) -> Option<&mut Known> {
        if self.revisions.len() >= REVISIONS && !self.revisions.contains_key(revision) {
            self.over_bound(revision);
            return None;
        }
        Some(self.revisions.entry(Arc::clone(revision)).or_default())
    }

    pub(super) fn over_bound(&mut self, revision: &Arc<str>) {
        self.counts.over_bound_total += 1;
        tracing::debug!(revision = &**revision, "over a bound of the directory");
    }

    /// Makes the gateway know what a revision's slices say of its route.
    pub(super) fn set_door(&mut self, revision: &Arc<str>, now: Moment, actions: &mut Vec<Action>) {
        let Some(known) = self.revisions.get_mut(revision) else {
            return;
        };
        let route = known.route().map(|(_, route)| route.clone());
        let had = known
            .door
            .as_ref()
            .is_some_and(|door| is_dedicated(&door.config));
        let dedicated = route.as_ref().is_some_and(is_dedicated);
        if had != dedicated {
            actions.push(Action::Dedicate {
                revision: Arc::clone(revision),
                dedicated,
            });
        }
        match (route, &mut known.door) {
            (None, None) => {}
            (None, had @ Some(_)) => {
                *had = None;
                known.replicas.values_mut().for_each(Replica::untell);
                actions.push(Action::Remove(Arc::clone(revision)));
                self.route_soon(now);
            }
            (Some(config), Some(had)) => {
                if had.config == config {
                    return;
                }
                let mut told = door(revision, &config);
                let asked = mem::replace(&mut told.routes, mem::take(&mut had.told.routes));
                let others = asked != had.asked;
                actions.push(Action::Change(Box::new(told.clone())));
                *had = Door {
                    config,
                    asked,
                    told,
                };
                if others {
                    self.route_soon(now);
                }
            }
            (Some(config), none) => {
                let mut told = door(revision, &config);
                let asked = mem::take(&mut told.routes);
                actions.push(Action::Add(Box::new(told.clone())));
                *none = Some(Door {
                    config,
                    asked,
                    told,
                });
                if let Some(requests) = known.burst_threshold {
                    let revision = Arc::clone(revision);
                    actions.push(Action::SetBurst { revision, requests });
                }
                let pods: Vec<_> = known.replicas.keys().map(Arc::clone).collect();
                for pod in pods {
                    self.settle(revision, &pod, now, actions);
                }
                self.route_soon(now);
            }
        }
    }

    /// Does what is to be done with one replica now.
    pub(super) fn settle(
        &mut self,
        revision: &Arc<str>,
        pod: &Arc<str>,
        now: Moment,
        actions: &mut Vec<Action>,
    ) {
        let Some(known) = self.revisions.get_mut(revision) else {
            return;
        };
        let Some(replica) = known.replicas.get_mut(pod) else {
            return;
        };
        // What the gateway does not know is settled when it does.
        let is_known = known.door.is_some();
        let step = if is_known {
            replica.settle(now, self.watch_lost)
        } else {
            replica.expire(now, self.watch_lost);
            None
        };
        let next = replica.next_look(now);
        if replica.is_gone() {
            known.replicas.remove(pod);
        }
        let (revision, pod) = (Arc::clone(revision), Arc::clone(pod));
        match next {
            Some(at) => self.look_at(&revision, &pod, at),
            None => self.look_no_more(&revision, &pod),
        }
        actions.extend(step.map(|step| match step {
            Step::Open(address) => Action::Open {
                revision,
                pod,
                address,
            },
            Step::Drain => Action::Drain { revision, pod },
            Step::Probe(address) => {
                self.counts.probes_total += 1;
                Action::Probe {
                    revision,
                    pod,
                    address,
                }
            }
        }));
    }

    pub(super) fn look_at(&mut self, revision: &Arc<str>, pod: &Arc<str>, at: Moment) {
        self.look_no_more(revision, pod);
        let of = (Arc::clone(revision), Arc::clone(pod));
        self.looks
            .insert((at, Arc::clone(&of.0), Arc::clone(&of.1)));
        self.looks_of.insert(of, at);
    }

    fn look_no_more(&mut self, revision: &Arc<str>, pod: &Arc<str>) {
        let of = (Arc::clone(revision), Arc::clone(pod));
        if let Some(before) = self.looks_of.remove(&of) {
            self.looks.remove(&(before, of.0, of.1));
        }
    }

    /// Looks at those whose time has come.
    pub(super) fn look_again(&mut self, now: Moment, actions: &mut Vec<Action>) {
        while let Some((at, revision, pod)) = self.looks.first() {
            if *at > now {
                break;
            }
            let (revision, pod) = (Arc::clone(revision), Arc::clone(pod));
            self.look_no_more(&revision, &pod);
            self.settle(&revision, &pod, now, actions);
            self.drop_if_empty(&revision, now);
        }
    }

    /// A revision of which only news was heard, and that long ago, is forgotten.
    pub(super) fn drop_if_empty(&mut self, revision: &Arc<str>, now: Moment) {
        let empty = self.revisions.get(revision).is_some_and(|known| {
            known.slices() == 0
                && known.replicas.is_empty()
                && (known.burst_threshold.is_none() || now.since(known.heard) >= NEWS_HOLDS)
        });
        if empty {
            self.revisions.remove(revision);
            self.look_no_more(revision, &Arc::from(""));
        } else if let Some(known) = self.revisions.get(revision)
            && known.slices() == 0
            && known.replicas.is_empty()
        {
            let at = known.heard.plus(NEWS_HOLDS);
            self.look_at(revision, &Arc::from(""), at);
        }
    }

    fn route_soon(&mut self, now: Moment) {
        let due = now.max(self.routed.plus(ROUTES_APART));
        self.routes_due.get_or_insert(due);
    }

    /// Gives out all routes anew, if one has changed and the time has come.
    pub(super) fn route(&mut self, now: Moment, actions: &mut Vec<Action>) {
        if !self.listed || self.routes_due.is_none_or(|due| due > now) {
            return;
        }
        self.routes_due = None;
        self.routed = now;
        let mut granted = grant(self.revisions.iter().filter_map(|(revision, known)| {
            let (created, _) = known.route()?;
            let routes = &known.door.as_ref()?.asked;
            Some(Claim {
                revision,
                created,
                routes,
            })
        }));
        let names = granted.routes.keys().map(ToString::to_string).collect();
        for (revision, known) in &mut self.revisions {
            let Some(door) = &mut known.door else {
                continue;
            };
            // One without a route is not among the names: nothing is told of it.
            let routes = granted.routes.remove(revision).unwrap_or_default();
            if door.told.routes != routes {
                door.told.routes = routes;
                actions.push(Action::Change(Box::new(door.told.clone())));
            }
        }
        actions.push(Action::Route(names));
        for ((revision, route), owner) in &granted.refused {
            let of = (Arc::clone(revision), route.clone());
            if self.refused.get(&of) != Some(owner) {
                let revision = Arc::clone(revision);
                let text = format!("the route {route} is that of {owner}, which keeps it");
                actions.push(Action::Say { revision, text });
            }
        }
        self.refused = granted.refused;
    }
}

fn is_dedicated(route: &RouteConfig) -> bool {
    route.autoscaler == Some(AutoscalerChoice::Dedicated)
}
