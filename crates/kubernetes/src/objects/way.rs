// SPDX-License-Identifier: Apache-2.0
use std::time::{Duration, Instant};

use crate::resources::{PathNow, WantedPath};

/// Where a Revision's requests go now: the machine that switches between the gateway and the pods.
///
/// The gateway is put in the path before the pods are taken out, and the pods before the gateway. While there is a pod
/// or a gateway, the Service leads somewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Way {
    /// As `status.path.now` tells.
    pub now: PathNow,
    /// While both are in the path: until when the gateway stays.
    pub until: Option<Instant>,
}

/// What it hangs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WayInput {
    /// What the autoscaler wants; `None`: it has not said.
    pub wish: Option<WantedPath>,
    /// Pods whose queues are ready.
    pub pods: usize,
    /// Gateways that are ready.
    pub gateways: usize,
}

impl Way {
    /// As it is taken up again after a restart of the controller, from what the status says.
    #[must_use]
    pub fn resume(now: Option<PathNow>, grace: Duration, at: Instant) -> Self {
        let now = now.unwrap_or(PathNow::Gateway);
        Self {
            now,
            until: (now == PathNow::Both).then(|| at + grace),
        }
    }

    /// Where they go from now on. `grace` is how long the gateway stays after the pods are back.
    #[must_use]
    pub fn step(self, input: WayInput, grace: Duration, at: Instant) -> Self {
        let gateway = Self {
            now: PathNow::Gateway,
            until: None,
        };
        let pods = Self {
            now: PathNow::Pods,
            until: None,
        };
        if input.pods == 0 {
            return gateway;
        }
        if input.gateways == 0 {
            return pods;
        }
        match (input.wish, self.now) {
            // Without a word from the autoscaler all stays as it is.
            (Some(WantedPath::Gateway), _) | (None, PathNow::Gateway) => gateway,
            (_, PathNow::Pods) => pods,
            (_, PathNow::Gateway) => Self {
                now: PathNow::Both,
                until: Some(at + grace),
            },
            (_, PathNow::Both) => {
                let until = self.until.unwrap_or(at + grace);
                if at >= until {
                    pods
                } else {
                    Self {
                        until: Some(until),
                        ..self
                    }
                }
            }
        }
    }

    /// Whether the Service leads to the pods.
    #[must_use]
    pub const fn has_pods(self) -> bool {
        !matches!(self.now, PathNow::Gateway)
    }

    /// Whether it leads to the gateways.
    #[must_use]
    pub const fn has_gateway(self) -> bool {
        !matches!(self.now, PathNow::Pods)
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "any moment will do")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const GRACE: Duration = Duration::from_secs(30);

    fn input(wish: Option<WantedPath>, pods: usize, gateways: usize) -> WayInput {
        WayInput {
            wish,
            pods,
            gateways,
        }
    }

    #[test]
    fn the_gateway_stays_a_grace_period_after_the_pods_are_back() {
        let start = Instant::now();
        let back = input(Some(WantedPath::Pods), 2, 2);
        let way = Way::resume(None, GRACE, start).step(back, GRACE, start);
        assert_eq!(way.now, PathNow::Both);
        let late = start + Duration::from_secs(29);
        assert_eq!(way.step(back, GRACE, late), way);
        let over = start + GRACE;
        assert_eq!(way.step(back, GRACE, over).now, PathNow::Pods);
        // Wanted back within it: at once, and the next grace period is a whole one.
        let wanted = input(Some(WantedPath::Gateway), 2, 2);
        let again = way.step(wanted, GRACE, late);
        assert_eq!(again.now, PathNow::Gateway);
        assert_eq!(again.step(back, GRACE, late).until, Some(late + GRACE));
    }

    #[test]
    fn without_a_word_from_the_autoscaler_all_stays() {
        let start = Instant::now();
        let silent = input(None, 1, 1);
        for now in [PathNow::Gateway, PathNow::Pods] {
            let way = Way::resume(Some(now), GRACE, start);
            assert_eq!(way.step(silent, GRACE, start).now, now);
        }
    }

    fn any_input() -> impl Strategy<Value = (WayInput, u64)> {
        let wish = prop_oneof![
            Just(None),
            Just(Some(WantedPath::Gateway)),
            Just(Some(WantedPath::Pods))
        ];
        (wish, 0_usize..3, 0_usize..3, 0_u64..40)
            .prop_map(|(wish, pods, gateways, wait)| (input(wish, pods, gateways), wait))
    }

    proptest! {
        #[test]
        fn it_leads_somewhere_and_to_the_gateway_when_it_is_wanted(
            steps in prop::collection::vec(any_input(), 1..40)
        ) {
            let mut at = Instant::now();
            let mut way = Way::resume(None, GRACE, at);
            let mut both_since = None;
            for (input, wait) in steps {
                at += Duration::from_secs(wait);
                let before = way;
                way = way.step(input, GRACE, at);
                let endpoints = usize::from(way.has_pods()) * input.pods
                    + usize::from(way.has_gateway()) * input.gateways;
                prop_assert_eq!(endpoints == 0, input.pods + input.gateways == 0);
                if input.wish == Some(WantedPath::Gateway) && input.gateways > 0 {
                    prop_assert_eq!(way.now, PathNow::Gateway);
                }
                // The gateway leaves only after a grace period beside pods, or when there is none.
                if before.now != PathNow::Both && way.now == PathNow::Both {
                    both_since = Some(at);
                }
                if before.has_gateway() && !way.has_gateway() && input.gateways > 0 {
                    prop_assert_eq!(before.now, PathNow::Both);
                    prop_assert!(both_since.is_some_and(|since| at >= since + GRACE));
                }
                // And the same again changes nothing.
                prop_assert_eq!(way.step(input, GRACE, at), way);
            }
        }
    }
}
