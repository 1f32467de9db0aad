// SPDX-License-Identifier: Apache-2.0
use std::time::Duration;

use cheerful_scaling::{Bound, Decision, Moment};

use crate::resources::WantedPath;

/// Which way requests should go, without going to and fro: to the gateway at once, to the pods only when they have
/// sufficed for a while.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct PathRule {
    wanted: Option<WantedPath>,
    /// Since when the pods suffice.
    suffice_since: Option<Moment>,
}

impl PathRule {
    /// How long the pods must have sufficed.
    pub(crate) const HOLD: Duration = Duration::from_secs(10);

    /// Takes a decision and says the way.
    pub(crate) fn step(&mut self, now: Moment, decision: &Decision) -> WantedPath {
        self.take(now, needs_gateway(decision))
    }

    /// What was said last.
    pub(crate) const fn wanted(&self) -> Option<WantedPath> {
        self.wanted
    }

    fn take(&mut self, now: Moment, needs_gateway: bool) -> WantedPath {
        if needs_gateway {
            self.suffice_since = None;
            self.wanted = Some(WantedPath::Gateway);
            return WantedPath::Gateway;
        }
        let since = *self.suffice_since.get_or_insert(now);
        let path = match self.wanted {
            Some(WantedPath::Pods) => WantedPath::Pods,
            _ if now.since(since) >= Self::HOLD => WantedPath::Pods,
            _ => WantedPath::Gateway,
        };
        self.wanted = Some(path);
        path
    }
}

/// Whether there is no replica, none is to be (but for the gateway, which does not stand there yet), or too little to
/// spare.
fn needs_gateway(decision: &Decision) -> bool {
    decision.replicas == 0
        || decision.ready == 0
        || decision.is_bounded_by(Bound::GracePeriod)
        || decision.spare_capacity < 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn to_the_gateway_at_once_and_back_after_a_while() {
        let mut rule = PathRule::default();
        let mut at =
            |seconds: u64, needs| rule.take(Moment::from_micros(seconds * 1_000_000), needs);
        assert_eq!(at(1, true), WantedPath::Gateway);
        assert_eq!(at(2, false), WantedPath::Gateway);
        assert_eq!(at(8, true), WantedPath::Gateway);
        assert_eq!(at(9, false), WantedPath::Gateway);
        assert_eq!(at(18, false), WantedPath::Gateway);
        assert_eq!(at(19, false), WantedPath::Pods);
        assert_eq!(at(20, true), WantedPath::Gateway);
        assert_eq!(at(21, false), WantedPath::Gateway);
    }
}
