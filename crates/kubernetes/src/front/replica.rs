// SPDX-License-Identifier: Apache-2.0
use std::{net::SocketAddr, sync::Arc, time::Duration};

use cheerful_scaling::Moment;

/// One pod's queue as the gateway knows it: what the watch shows, what news said, what the gateway was told.
///
/// News is faster than the watch, the watch is surer: so news rules for a while, and then the watch.
#[derive(Debug, Default)]
pub(super) struct Replica {
    /// By slice: a pod may stand in two, while Kubernetes moves it or where it has two addresses.
    shown: Vec<Shown>,
    news: Option<News>,
    told: Told,
    failure: Option<Failure>,
    /// In a row, each within [`TRUSTED_AFTER`] of the time before.
    failures: u32,
    opened: Moment,
}

#[derive(Debug)]
struct Shown {
    slice: Arc<str>,
    address: SocketAddr,
    ready: bool,
}

#[derive(Clone, Copy, Debug)]
struct News {
    ready: bool,
    address: SocketAddr,
    at: Moment,
}

/// What the gateway was told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Told {
    #[default]
    Nothing,
    /// It takes requests.
    Open(SocketAddr),
    /// It took requests and failed; the gateway has taken it out by itself.
    Failed(SocketAddr),
}

#[derive(Clone, Copy, Debug)]
struct Failure {
    /// When it is tried again.
    until: Moment,
    /// It is being tried.
    probing: bool,
}

/// What is to be done with it now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Open(SocketAddr),
    Drain,
    Probe(SocketAddr),
}

/// A pod that news has just called ready takes requests though the watch says otherwise.
pub(super) const NEWS_BEATS_WATCH: Duration = Duration::from_secs(5);
/// How long news holds that the watch does not confirm: a pod that it never shows is forgotten then, and one that it
/// still calls ready comes back.
pub(super) const NEWS_HOLDS: Duration = Duration::from_secs(10);
/// From a failure to the first try; doubled with each one that fails as well.
pub(super) const FIRST_RETRY: Duration = Duration::from_secs(1);
/// Between two tries at most.
pub(super) const LONGEST_RETRY: Duration = Duration::from_secs(10);
/// A replica that has not failed for so long begins anew with [`FIRST_RETRY`].
pub(super) const TRUSTED_AFTER: Duration = Duration::from_secs(30);
/// From so many failures in a row on, being called ready is no reason to try before the time has come.
const DOUBTED: u32 = 3;

impl Replica {
    /// A slice shows it.
    pub(super) fn show(&mut self, slice: &Arc<str>, address: SocketAddr, ready: bool) {
        let was_ready = self.shown_ready().is_some();
        let shown = Shown {
            slice: Arc::clone(slice),
            address,
            ready,
        };
        match self.shown.iter_mut().find(|known| known.slice == *slice) {
            Some(known) => *known = shown,
            None => self.shown.push(shown),
        }
        self.watch_moved(was_ready);
    }

    /// A slice shows it no more.
    pub(super) fn hide(&mut self, slice: &Arc<str>) {
        let was_ready = self.shown_ready().is_some();
        self.shown.retain(|known| known.slice != *slice);
        self.watch_moved(was_ready);
    }

    fn watch_moved(&mut self, was_ready: bool) {
        match (was_ready, self.shown_ready().is_some()) {
            (false, true) => self.called_ready(),
            // The watch has heard of it too, so what it says next is newer.
            (_, false) => self.news = self.news.filter(|news| news.ready),
            (true, true) => {}
        }
    }

    /// The autoscaler heard it.
    pub(super) fn hear(&mut self, ready: bool, address: SocketAddr, now: Moment) {
        self.news = Some(News {
            ready,
            address,
            at: now,
        });
        if ready {
            self.called_ready();
        }
    }

    fn called_ready(&mut self) {
        if let Some(failure) = &mut self.failure
            && self.failures < DOUBTED
        {
            failure.until = Moment::ZERO;
        }
    }

    /// The gateway has taken it out, for it did not answer.
    pub(super) fn fail(&mut self, now: Moment) {
        let Told::Open(address) = self.told else {
            return;
        };
        if now.since(self.opened) >= TRUSTED_AFTER {
            self.failures = 0;
        }
        self.told = Told::Failed(address);
        self.failed_again(now);
    }

    fn failed_again(&mut self, now: Moment) {
        self.failures = self.failures.saturating_add(1);
        let doubled = FIRST_RETRY * 2_u32.saturating_pow((self.failures - 1).min(8));
        self.failure = Some(Failure {
            until: now.plus(doubled.min(LONGEST_RETRY)),
            probing: false,
        });
    }

    /// A try at this address has ended.
    pub(super) fn probed(&mut self, at: SocketAddr, answered: bool, now: Moment) {
        let tried = self.failure.is_some_and(|failure| failure.probing);
        if self.told != Told::Failed(at) || !tried {
            return;
        }
        if answered {
            self.failure = None;
        } else {
            self.failed_again(now);
        }
    }

    /// What is to be done now; it is taken as done.
    pub(super) fn settle(&mut self, now: Moment, watch_lost: bool) -> Option<Step> {
        let wanted = self.wanted(now, watch_lost);
        self.expire(now, watch_lost);
        match (self.told, wanted) {
            (Told::Nothing, None) => None,
            (Told::Open(_) | Told::Failed(_), None) => {
                self.told = Told::Nothing;
                self.failure = None;
                Some(Step::Drain)
            }
            (Told::Open(had), Some(address)) if had == address => None,
            (Told::Failed(had), Some(address)) if had == address => {
                let Some(failure) = &mut self.failure else {
                    return Some(self.open(address, now));
                };
                if failure.probing || now < failure.until {
                    return None;
                }
                failure.probing = true;
                Some(Step::Probe(address))
            }
            // Another address is another pod.
            (_, Some(address)) => Some(self.open(address, now)),
        }
    }

    /// Forgets news that holds no more.
    pub(super) fn expire(&mut self, now: Moment, watch_lost: bool) {
        self.news = self
            .news
            .filter(|news| watch_lost || now.since(news.at) < NEWS_HOLDS);
    }

    fn open(&mut self, address: SocketAddr, now: Moment) -> Step {
        self.told = Told::Open(address);
        self.failure = None;
        self.opened = now;
        Step::Open(address)
    }

    /// The revision is not known to the gateway, or no more.
    pub(super) fn untell(&mut self) {
        self.told = Told::Nothing;
        self.failure = None;
        self.failures = 0;
    }

    /// Where it should take requests; `None`: nowhere.
    fn wanted(&self, now: Moment, watch_lost: bool) -> Option<SocketAddr> {
        let shown = self.shown_ready();
        match self.news {
            Some(news) if news.ready && self.rules(news, now, watch_lost) => Some(
                // Its other address, where it has two, is as good: what is open stays.
                shown
                    .filter(|shown| self.told == Told::Open(*shown))
                    .unwrap_or(news.address),
            ),
            Some(news) if !news.ready && (watch_lost || now.since(news.at) < NEWS_HOLDS) => None,
            _ => shown,
        }
    }

    fn rules(&self, news: News, now: Moment, watch_lost: bool) -> bool {
        let limit = if self.shown.is_empty() {
            NEWS_HOLDS
        } else {
            NEWS_BEATS_WATCH
        };
        watch_lost || now.since(news.at) < limit
    }

    /// The address that the watch calls ready: the one that is in use, if it is among them.
    fn shown_ready(&self) -> Option<SocketAddr> {
        let mut ready = self.shown.iter().filter(|shown| shown.ready);
        let first = ready.clone().next()?.address;
        let used = ready.find(
            |shown| matches!(self.told, Told::Open(at) | Told::Failed(at) if at == shown.address),
        );
        Some(used.map_or(first, |shown| shown.address))
    }

    /// When to look at it again, if nothing happens before.
    pub(super) fn next_look(&self, now: Moment) -> Option<Moment> {
        let news = self
            .news
            .into_iter()
            .flat_map(|news| [NEWS_BEATS_WATCH, NEWS_HOLDS].map(|limit| news.at.plus(limit)));
        let retry = self
            .failure
            .filter(|failure| !failure.probing)
            .map(|failure| failure.until);
        news.chain(retry).filter(|at| *at > now).min()
    }

    /// Whether nothing is known of it any more.
    pub(super) fn is_gone(&self) -> bool {
        self.shown.is_empty() && self.news.is_none() && self.told == Told::Nothing
    }

    /// Whether it takes requests, as far as is known here.
    pub(super) fn is_open(&self) -> bool {
        matches!(self.told, Told::Open(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Moment {
        Moment::from_micros(seconds * 1_000_000)
    }
    fn address(last: u8) -> SocketAddr {
        SocketAddr::from(([10, 1, 0, last], 8012))
    }
    fn slice(name: &str) -> Arc<str> {
        Arc::from(name)
    }

    #[test]
    fn news_opens_at_once_and_without_the_watch_it_is_forgotten() {
        let mut replica = Replica::default();
        replica.hear(true, address(1), at(100));
        assert_eq!(replica.settle(at(100), false), Some(Step::Open(address(1))));
        assert_eq!(replica.settle(at(109), false), None);
        assert_eq!(replica.next_look(at(106)), Some(at(110)));
        assert_eq!(replica.settle(at(110), false), Some(Step::Drain));
        assert!(replica.is_gone());
    }

    #[test]
    fn a_pod_that_the_watch_still_calls_unready_stays_for_a_while() {
        let mut replica = Replica::default();
        replica.show(&slice("s"), address(1), false);
        replica.hear(true, address(1), at(100));
        assert_eq!(replica.settle(at(100), false), Some(Step::Open(address(1))));
        replica.show(&slice("s"), address(1), false);
        assert_eq!(replica.settle(at(104), false), None);
        assert_eq!(replica.settle(at(105), false), Some(Step::Drain));
        replica.show(&slice("s"), address(1), true);
        assert_eq!(replica.settle(at(106), false), Some(Step::Open(address(1))));
        assert_eq!(replica.settle(at(111), false), None);
    }

    #[test]
    fn a_pod_that_has_gone_by_the_news_is_out_until_the_watch_has_seen_it_go() {
        let mut replica = Replica::default();
        replica.show(&slice("s"), address(1), true);
        assert_eq!(replica.settle(at(0), false), Some(Step::Open(address(1))));
        replica.hear(false, address(1), at(100));
        assert_eq!(replica.settle(at(100), false), Some(Step::Drain));
        replica.show(&slice("s"), address(1), true);
        assert_eq!(replica.settle(at(101), false), None);
        replica.show(&slice("s"), address(1), false);
        replica.show(&slice("s"), address(1), true);
        assert_eq!(replica.settle(at(102), false), Some(Step::Open(address(1))));
    }

    #[test]
    fn news_that_the_watch_never_confirms_gives_way() {
        let mut replica = Replica::default();
        replica.show(&slice("s"), address(1), true);
        replica.hear(false, address(1), at(100));
        assert_eq!(replica.settle(at(109), false), None);
        assert_eq!(replica.settle(at(110), false), Some(Step::Open(address(1))));
    }

    #[test]
    fn while_the_watch_is_lost_news_holds() {
        let mut replica = Replica::default();
        replica.hear(true, address(1), at(100));
        assert_eq!(replica.settle(at(100), true), Some(Step::Open(address(1))));
        assert_eq!(replica.settle(at(1_000), true), None);
        assert_eq!(replica.settle(at(1_001), false), Some(Step::Drain));
    }

    #[test]
    fn a_failed_one_is_tried_after_a_second_then_two_up_to_ten() {
        let mut replica = Replica::default();
        replica.show(&slice("s"), address(1), true);
        replica.settle(at(0), false);
        replica.fail(at(100));
        let mut now = 100;
        for wait in [1, 2, 4, 8, 10, 10] {
            assert_eq!(replica.settle(at(now), false), None);
            assert_eq!(replica.next_look(at(now)), Some(at(now + wait)));
            now += wait;
            assert_eq!(
                replica.settle(at(now), false),
                Some(Step::Probe(address(1)))
            );
            assert_eq!(replica.settle(at(now), false), None, "one try at a time");
            replica.probed(address(1), false, at(now));
        }
        replica.settle(at(now + 10), false);
        replica.probed(address(1), true, at(now + 10));
        assert_eq!(
            replica.settle(at(now + 10), false),
            Some(Step::Open(address(1)))
        );
        replica.fail(at(now + 11));
        assert_eq!(replica.next_look(at(now + 11)), Some(at(now + 21)));
    }

    #[test]
    fn being_called_ready_shortens_the_wait_unless_it_is_doubted() {
        let mut replica = Replica::default();
        replica.show(&slice("s"), address(1), true);
        replica.settle(at(0), false);
        replica.fail(at(100));
        replica.hear(true, address(1), at(100));
        assert_eq!(
            replica.settle(at(100), false),
            Some(Step::Probe(address(1)))
        );
        for _ in 0..3 {
            replica.probed(address(1), false, at(100));
            replica.settle(at(110), false);
        }
        replica.probed(address(1), false, at(110));
        replica.hear(true, address(1), at(111));
        assert_eq!(replica.settle(at(111), false), None);
    }

    #[test]
    fn the_same_name_at_another_address_is_another_pod() {
        let mut replica = Replica::default();
        replica.show(&slice("s"), address(1), true);
        replica.settle(at(0), false);
        replica.fail(at(1));
        replica.show(&slice("s"), address(2), true);
        assert_eq!(replica.settle(at(1), false), Some(Step::Open(address(2))));
    }

    #[test]
    fn of_two_addresses_the_one_in_use_stays() {
        let mut replica = Replica::default();
        replica.show(&slice("v4"), address(1), true);
        replica.settle(at(0), false);
        replica.show(&slice("v6"), address(2), true);
        replica.hear(true, address(2), at(1));
        assert_eq!(replica.settle(at(1), false), None);
        replica.hide(&slice("v4"));
        assert_eq!(replica.settle(at(1), false), Some(Step::Open(address(2))));
    }
}
