// SPDX-License-Identifier: Apache-2.0
use std::{collections::BTreeMap, time::Duration};

use cheerful_scaling::Moment;

use super::{
    Stat,
    message::{WireStatMessage, WireStatMessages},
};

/// What all activators have of each revision: requests that wait in them for a pod, and those that went on to one and still
/// run, for an activator stands in the path of both.
#[derive(Debug, Default)]
pub struct Activators {
    /// By namespace and name.
    revisions: BTreeMap<(String, String), BTreeMap<String, Seen>>,
    counts: ActivatorCounts,
}

/// What one activator said of one revision last.
#[derive(Clone, Copy, Debug)]
struct Seen {
    concurrency: f64,
    /// Whether it was the word of a first request, which the next report takes off again.
    first: bool,
    at: Moment,
}

/// What was counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ActivatorCounts {
    /// Messages that were taken.
    pub taken: u64,
    /// Without a name or a stat, or with a name over the bound.
    pub malformed: u64,
    /// NaN, infinite or negative.
    pub impossible: u64,
    /// Over the most revisions, or the most activators of one.
    pub too_many: u64,
}

/// The revision of a message.
pub type Holder = (String, String);

impl Activators {
    /// Most revisions of which something is kept.
    pub const MOST_REVISIONS: usize = 16_384;
    /// Most activators that may speak of one revision.
    pub const MOST_ACTIVATORS: usize = 64;
    /// Longest name of a namespace, revision or pod.
    const MAX_NAME_BYTES: usize = 253;
    /// An activator that has said nothing of a revision for so long has nothing of it. It reports each second.
    pub const SILENT: Duration = Duration::from_secs(5);

    /// Takes a frame. Gives the revisions of which a first request has come: these should not wait.
    pub fn take(&mut self, now: Moment, frame: WireStatMessages) -> Vec<Holder> {
        let mut first = Vec::new();
        for message in frame.messages {
            if let Some(holder) = self.take_one(now, message) {
                first.push(holder);
            }
        }
        first
    }

    fn take_one(&mut self, now: Moment, message: WireStatMessage) -> Option<Holder> {
        let WireStatMessage {
            namespace,
            name,
            stat,
        } = message;
        let stat = stat.unwrap_or_default();
        let names = [&namespace, &name, &stat.pod_name];
        if names
            .iter()
            .any(|name| name.is_empty() || name.len() > Self::MAX_NAME_BYTES)
        {
            self.counts.malformed += 1;
            return None;
        }
        if stat.check().is_err() {
            self.counts.impossible += 1;
            return None;
        }
        let key = (namespace, name);
        if !self.revisions.contains_key(&key) && self.revisions.len() >= Self::MOST_REVISIONS {
            self.forget_the_silent(now);
            if self.revisions.len() >= Self::MOST_REVISIONS {
                self.counts.too_many += 1;
                return None;
            }
        }
        let seen = self.revisions.entry(key.clone()).or_default();
        let before = seen.get(&stat.pod_name).copied();
        let before = before.filter(|seen| seen.is_heard(now));
        if before.is_none() && seen.len() >= Self::MOST_ACTIVATORS {
            seen.retain(|_, seen| seen.is_heard(now));
            if seen.len() >= Self::MOST_ACTIVATORS {
                self.counts.too_many += 1;
                return None;
            }
        }
        self.counts.taken += 1;
        let is_first = before.is_none() && is_first(&stat);
        // The report after that of a first request is less by it, though it may still be there.
        let taken_off = f64::from(u8::from(before.is_some_and(|seen| seen.first)));
        let concurrency = stat.average_concurrent_requests + taken_off;
        // With nothing left it stays until it is silent, so that what came through it goes on being known as such.
        let now_seen = Seen {
            concurrency,
            first: is_first,
            at: now,
        };
        seen.insert(stat.pod_name, now_seen);
        is_first.then_some(key)
    }

    /// Requests of a revision in all activators; `None`: none of them reports of it, and what they pass on is known from the
    /// pods alone.
    #[must_use]
    pub fn concurrency(&self, now: Moment, namespace: &str, name: &str) -> Option<f64> {
        let key = (namespace.to_owned(), name.to_owned());
        let heard = self.revisions.get(&key)?.values();
        let heard: Vec<f64> = heard
            .filter(|seen| seen.is_heard(now))
            .map(|seen| seen.concurrency)
            .collect();
        (!heard.is_empty()).then(|| heard.iter().sum())
    }

    /// Requests that are held for a revision that has no ready pod: all that the activators have.
    #[must_use]
    pub fn held(&self, now: Moment, namespace: &str, name: &str) -> u64 {
        let concurrency = self.concurrency(now, namespace, name).unwrap_or(0.0);
        concurrency.ceil() as u64
    }

    /// Forgets what has not been spoken of for a while. Once a second or so.
    pub fn forget_the_silent(&mut self, now: Moment) {
        self.revisions.retain(|_, activators| {
            activators.retain(|_, seen| seen.is_heard(now));
            !activators.is_empty()
        });
    }

    /// Revisions that are spoken of.
    #[must_use]
    pub fn revisions(&self) -> usize {
        self.revisions.len()
    }

    /// What was counted.
    #[must_use]
    pub const fn counts(&self) -> ActivatorCounts {
        self.counts
    }
}

impl Seen {
    fn is_heard(&self, now: Moment) -> bool {
        now.since(self.at) < Activators::SILENT
    }
}

/// The word of a first request is a concurrency and a count of one, at once.
fn is_first(stat: &Stat) -> bool {
    stat.average_concurrent_requests == 1.0 && stat.request_count == 1.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Moment {
        Moment::from_micros(millis * 1000)
    }

    fn says(pod: &str, name: &str, concurrency: f64, count: f64) -> WireStatMessages {
        WireStatMessages {
            messages: vec![WireStatMessage {
                namespace: "default".to_owned(),
                name: name.to_owned(),
                stat: Some(Stat {
                    pod_name: pod.to_owned(),
                    average_concurrent_requests: concurrency,
                    request_count: count,
                    ..Stat::default()
                }),
            }],
        }
    }

    fn key(name: &str) -> Holder {
        ("default".to_owned(), name.to_owned())
    }

    #[test]
    fn a_first_request_is_news_and_is_not_lost_by_the_report_that_takes_it_off() {
        let mut all = Activators::default();
        assert_eq!(
            all.take(at(0), says("a", "hello", 1.0, 1.0)),
            [key("hello")]
        );
        assert_eq!(all.held(at(10), "default", "hello"), 1);
        // It was there for all of the second: 1.0, less the one that was told.
        assert_eq!(all.take(at(1000), says("a", "hello", 0.0, 0.0)), []);
        assert_eq!(all.held(at(1000), "default", "hello"), 1);
        all.take(at(2000), says("a", "hello", 1.0, 0.0));
        assert_eq!(all.held(at(2000), "default", "hello"), 1);
        all.take(at(3000), says("a", "hello", 0.0, 0.0));
        assert_eq!(all.held(at(3000), "default", "hello"), 0);
        assert_eq!(all.concurrency(at(3000), "default", "hello"), Some(0.0));
    }

    #[test]
    fn one_a_second_is_no_first_request_each_time() {
        let mut all = Activators::default();
        all.take(at(0), says("a", "hello", 4.0, 9.0));
        assert_eq!(all.take(at(1000), says("a", "hello", 1.0, 1.0)), []);
        all.take(at(2000), says("a", "hello", 3.0, 1.0));
        assert_eq!(all.concurrency(at(2000), "default", "hello"), Some(3.0));
    }

    #[test]
    fn several_activators_are_added_and_a_silent_one_is_left_out() {
        let mut all = Activators::default();
        all.take(at(0), says("a", "hello", 2.5, 9.0));
        all.take(at(4000), says("b", "hello", 4.0, 9.0));
        assert_eq!(all.concurrency(at(4500), "default", "hello"), Some(6.5));
        assert_eq!(all.concurrency(at(6000), "default", "hello"), Some(4.0));
        assert_eq!(all.concurrency(at(6000), "other", "hello"), None);
        all.forget_the_silent(at(9000));
        assert_eq!(all.revisions(), 0);
    }

    #[test]
    fn what_cannot_be_is_counted_and_changes_nothing() {
        let mut all = Activators::default();
        all.take(at(0), says("a", "hello", 2.0, 9.0));
        for concurrency in [f64::NAN, f64::INFINITY, -1.0] {
            all.take(at(1), says("a", "hello", concurrency, 1.0));
        }
        all.take(at(1), says("a", "", 1.0, 1.0));
        all.take(at(1), says("a", &"x".repeat(254), 1.0, 1.0));
        all.take(
            at(1),
            WireStatMessages {
                messages: vec![WireStatMessage::default()],
            },
        );
        let counts = all.counts();
        assert_eq!(
            (counts.taken, counts.impossible, counts.malformed),
            (1, 3, 3)
        );
        assert_eq!(all.concurrency(at(1), "default", "hello"), Some(2.0));
    }

    #[test]
    fn memory_is_bounded_whatever_the_names() {
        let mut all = Activators::default();
        for number in 0..Activators::MOST_REVISIONS + 10 {
            all.take(at(0), says("a", &format!("r{number}"), 1.0, 2.0));
        }
        for number in 0..Activators::MOST_ACTIVATORS + 5 {
            all.take(at(0), says(&format!("pod{number}"), "r0", 1.0, 2.0));
        }
        assert_eq!(all.revisions(), Activators::MOST_REVISIONS);
        assert_eq!(all.counts().too_many, 10 + 6);
        // The silent make room.
        all.take(at(6000), says("a", "new", 1.0, 2.0));
        assert_eq!(all.concurrency(at(6000), "default", "new"), Some(1.0));
    }
}
