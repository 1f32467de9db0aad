// SPDX-License-Identifier: Apache-2.0
use std::{collections::BTreeMap, sync::Arc};

use cheerful_gateway::Route;

/// What a revision wants, and since when it is there.
#[derive(Debug)]
pub(super) struct Claim<'a> {
    pub(super) revision: &'a Arc<str>,
    pub(super) created: i64,
    pub(super) routes: &'a [Route],
}

/// Who gets what.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Granted {
    /// The routes of each revision that has any left.
    pub(super) routes: BTreeMap<Arc<str>, Vec<Route>>,
    /// Who does not get a route, and who has it.
    pub(super) refused: BTreeMap<(Arc<str>, Route), Arc<str>>,
}

/// Gives each route to one revision: the one whose name the host is, else the oldest, else the first by name. So no
/// newcomer takes away what another has, and nobody takes the name that a Service has in the cluster.
pub(super) fn grant<'a>(claims: impl Iterator<Item = Claim<'a>>) -> Granted {
    let mut claims: Vec<_> = claims.collect();
    claims.sort_unstable_by_key(|claim| (claim.created, claim.revision));
    let known: BTreeMap<&str, &Arc<str>> = claims
        .iter()
        .map(|claim| (&**claim.revision, claim.revision))
        .collect();
    let mut owners: BTreeMap<&Route, &Arc<str>> = BTreeMap::new();
    let mut granted = Granted::default();
    for claim in &claims {
        let mut kept = Vec::with_capacity(claim.routes.len());
        for route in claim.routes {
            let named = route
                .host
                .as_deref()
                .and_then(named)
                .and_then(|name| known.get(&*name).copied());
            let owner = match named {
                Some(named) => named,
                None => owners.entry(route).or_insert(claim.revision),
            };
            if owner == claim.revision {
                kept.push(route.clone());
            } else {
                let refused = (Arc::clone(claim.revision), route.clone());
                granted.refused.insert(refused, Arc::clone(owner));
            }
        }
        if !kept.is_empty() {
            granted.routes.insert(Arc::clone(claim.revision), kept);
        }
    }
    granted
}

/// The revision that has this name in the cluster: `cart.shop`, `cart.shop.svc`, `cart.shop.svc.cluster.local` are
/// `shop/cart`.
fn named(host: &str) -> Option<String> {
    let mut labels = host.split('.');
    let (name, namespace) = (labels.next()?, labels.next()?);
    matches!(labels.next(), None | Some("svc")).then(|| format!("{namespace}/{name}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Name, creation, and routes by host and path.
    type Asked<'a> = (&'a str, i64, &'a [(&'a str, &'a str)]);

    fn granted(claims: &[Asked<'_>]) -> Vec<String> {
        let claims: Vec<_> = claims
            .iter()
            .map(|(revision, created, routes)| {
                let route = |(host, prefix): &(&str, &str)| {
                    Route {
                        host: Some((*host).to_owned()),
                        path_prefix: Some((*prefix).to_owned()),
                    }
                    .normal()
                };
                let routes: Vec<_> = routes.iter().map(route).collect();
                (Arc::from(*revision), *created, routes)
            })
            .collect();
        let granted = grant(claims.iter().map(|(revision, created, routes)| Claim {
            revision,
            created: *created,
            routes,
        }));
        let had = granted.routes.iter().flat_map(|(revision, routes)| {
            routes
                .iter()
                .map(move |route| format!("{revision} {route}"))
        });
        let refused = granted
            .refused
            .iter()
            .map(|((revision, route), owner)| format!("{revision} not {route} of {owner}"));
        had.chain(refused).collect()
    }

    #[test]
    fn the_older_keeps_a_route_and_all_else_is_had() {
        assert_eq!(
            granted(&[
                ("b/new", 2, &[("x.com", "/"), ("y.com", "/")]),
                ("b/old", 1, &[("x.com", "/")]),
                ("b/same", 2, &[("y.com", "/"), ("x.com", "/deep")]),
            ]),
            [
                "b/new y.com/",
                "b/old x.com/",
                "b/same x.com/deep",
                "b/new not x.com/ of b/old",
                "b/same not y.com/ of b/new",
            ]
        );
    }

    #[test]
    fn a_name_in_the_cluster_is_its_revisions_whoever_came_first() {
        assert_eq!(
            granted(&[
                (
                    "evil/first",
                    1,
                    &[("cart.shop.svc", "/pay"), ("other.shop", "/")]
                ),
                (
                    "shop/cart",
                    9,
                    &[("cart.shop.svc", "/"), ("cart.shop.example.com", "/")]
                ),
            ]),
            [
                "evil/first other.shop/",
                "shop/cart cart.shop.svc/",
                "shop/cart cart.shop.example.com/",
                "evil/first not cart.shop.svc/pay of shop/cart",
            ]
        );
    }
}
