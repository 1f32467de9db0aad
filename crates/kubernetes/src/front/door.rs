// SPDX-License-Identifier: Apache-2.0
use cheerful_gateway::{HoldLimits, RevisionConfig, Route, WakingRules};
use cheerful_proxy::TimeLimits;
use cheerful_scaling::Concurrency;

use crate::RouteConfig;

/// What an annotation says, in the words of the gateway. Its routes are each once, as they are compared; a route
/// without host and path is left out, for it would take the requests of all hosts that nobody knows.
pub(super) fn door(revision: &str, config: &RouteConfig) -> RevisionConfig {
    let hosts = config.hosts.iter().map(|host| Route {
        host: Some(host.clone()),
        path_prefix: None,
    });
    let own = config.routes.iter().map(|route| Route {
        host: route.host.clone(),
        path_prefix: route.path_prefix.clone(),
    });
    let mut routes: Vec<_> = hosts
        .chain(own)
        .map(|route| route.normal())
        .filter(|route| *route != Route::default())
        .collect();
    routes.sort_unstable();
    routes.dedup();
    RevisionConfig {
        name: revision.to_owned(),
        routes,
        limit: match config.concurrency.map(|given| given.0) {
            Some(Concurrency::Single) => Some(1),
            Some(Concurrency::Limit(limit)) => Some(limit),
            Some(Concurrency::Multi) | None => None,
        },
        target: config.target,
        hold: HoldLimits {
            requests: config.hold.requests(),
            bytes: config.hold.bytes(),
            wait: config.hold.wait(),
        },
        time_limits: TimeLimits {
            connect: config.timeouts.connect(),
            first_byte: config.timeouts.first_byte(),
            idle: config.timeouts.idle(),
            whole: config.timeouts.whole(),
        },
        waking: WakingRules {
            answer_at_zero_paths: config.waking.answer_at_zero.paths.clone(),
            answer_at_zero_user_agents: config.waking.answer_at_zero.user_agents.clone(),
            uncounted_paths: config.waking.uncounted.paths.clone(),
            uncounted_user_agents: config.waking.uncounted.user_agents.clone(),
        },
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::*;

    #[test]
    fn every_field_reaches_the_gateway() {
        let config: RouteConfig = serde_json::from_value(json!({
            "hosts": ["Cart.Shop", "cart.shop:80", "10.100.3.4"],
            "routes": [{"host": "shop.example.com", "pathPrefix": "/cart/"}, {}],
            "concurrency": 3, "target": 2.1,
            "timeouts": {"connect": "1s", "firstByte": "2s", "idle": "3s", "whole": "4s"},
            "hold": {"requests": 5, "bytes": 6000, "wait": "7s"},
            "waking": {"answerAtZero": {"paths": ["/healthz"], "userAgents": ["probe"]},
                "uncounted": {"paths": ["/metrics"], "userAgents": ["Prometheus"]}},
        }))
        .unwrap();
        let door = door("shop/cart", &config);
        let routes: Vec<_> = door.routes.iter().map(ToString::to_string).collect();
        assert_eq!(
            routes,
            ["10.100.3.4/", "cart.shop/", "shop.example.com/cart"]
        );
        assert_eq!((door.limit, door.target), (Some(3), 2.1));
        let seconds = Duration::from_secs;
        let limits = door.time_limits;
        assert_eq!(
            [
                limits.connect,
                limits.first_byte,
                limits.idle,
                limits.whole,
                door.hold.wait
            ],
            [seconds(1), seconds(2), seconds(3), seconds(4), seconds(7)]
        );
        assert_eq!((door.hold.requests, door.hold.bytes), (5, 6000));
        assert_eq!(door.waking.answer_at_zero_paths, ["/healthz"]);
        assert_eq!(door.waking.answer_at_zero_user_agents, ["probe"]);
        assert_eq!(door.waking.uncounted_paths, ["/metrics"]);
        assert_eq!(door.waking.uncounted_user_agents, ["Prometheus"]);
    }
}
