// SPDX-License-Identifier: Apache-2.0
mod roster;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    net::SocketAddr,
    sync::Arc,
    time::Duration,
};

use cheerful_scaling::Moment;

use super::{
    Answer, Pace, ScrapeCounts, Target, dice::Dice, eye::Seen, rule::Paced, subject::Subject,
};
use crate::{Told, Unread};

/// Which replicas are read when, and what of it is told: the pure half of scraping.
#[derive(Debug)]
pub struct Pacing {
    pace: Pace,
    dice: Dice,
    revisions: BTreeMap<Arc<str>, Revision>,
    /// By when the next round begins.
    schedule: BTreeSet<(Moment, Arc<str>, usize)>,
    /// What waits for its turn: of what is fresh, of what is steady, and of replicas whose last read failed.
    lines: [VecDeque<Read>; 3],
    next_read: u64,
    replicas: usize,
    load: (Moment, usize, usize),
    shed: u32,
    late_since: Moment,
    counts: ScrapeCounts,
}

/// A revision with its replicas.
#[derive(Debug, Default)]
struct Revision {
    replicas: BTreeMap<Arc<str>, SocketAddr>,
    subjects: Vec<Subject>,
    fresh_until: Moment,
    panics: bool,
    /// From how many requests in flight on a burst shows.
    threshold: Option<f64>,
    /// What activators report for each replica.
    share: Option<f64>,
}

/// One read.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct Read {
    pub revision: Arc<str>,
    pub replica: Arc<str>,
    /// Where the app listens; the target may name another port.
    pub address: SocketAddr,
    pub target: Arc<Target>,
    place: usize,
    number: u64,
    round: u64,
    since: Moment,
    line: usize,
}

impl Read {
    /// Where it is read.
    #[must_use]
    pub fn at(&self) -> SocketAddr {
        let port = self
            .target
            .endpoint
            .port
            .unwrap_or_else(|| self.address.port());
        SocketAddr::new(self.address.ip(), port)
    }

    /// Whether the read before failed: such reads have places of their own.
    #[must_use]
    pub const fn is_failing(&self) -> bool {
        self.line == FAILING
    }
}

/// What is said of a revision.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)]
pub enum Said {
    Told {
        revision: Arc<str>,
        told: Told,
    },
    /// A replica could not be read: at most once in 5 s for each signal.
    Trouble {
        revision: Arc<str>,
        signal: String,
        reason: &'static str,
        why: String,
    },
}

/// Reads that may begin now.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs)]
pub struct Slots {
    pub plain: usize,
    /// For replicas whose last read failed.
    pub failing: usize,
}

const FRESH: usize = 0;
const STEADY: usize = 1;
const FAILING: usize = 2;

impl Pacing {
    /// Replicas of all revisions at most; others are not read, and counted.
    pub const MOST_REPLICAS: usize = 65_536;
    /// A read that has waited for its turn for so long is late.
    const LATE: Duration = Duration::from_millis(100);
    /// How long nothing must be late before more is read again.
    const CALM_AGAIN: Duration = Duration::from_secs(10);
    /// Between two sentences of what cannot be read.
    const TROUBLE: Duration = Duration::from_secs(5);

    /// With a seed for the samples.
    #[must_use]
    pub fn new(pace: Pace, seed: u64) -> Self {
        Self {
            pace,
            dice: Dice::new(seed),
            revisions: BTreeMap::new(),
            schedule: BTreeSet::new(),
            lines: Default::default(),
            next_read: 0,
            replicas: 0,
            load: (Moment::ZERO, 0, 0),
            shed: 0,
            late_since: Moment::ZERO,
            counts: ScrapeCounts::default(),
        }
    }

    /// Begins the rounds whose time has come, and gives the reads for which there is a place.
    pub fn due(&mut self, now: Moment, slots: Slots, said: &mut Vec<Said>) -> Vec<Read> {
        self.weigh(now);
        while let Some((due, _, _)) = self.schedule.first()
            && *due <= now
        {
            let Some((due, name, place)) = self.schedule.pop_first() else {
                break;
            };
            self.begin(&name, place, due, now, said);
        }
        let mut reads = Vec::new();
        let [fresh, steady, failing] = &mut self.lines;
        let plain = std::iter::from_fn(|| fresh.pop_front().or_else(|| steady.pop_front()));
        reads.extend(plain.take(slots.plain));
        reads.extend(failing.drain(..slots.failing.min(failing.len())));
        let late = reads
            .iter()
            .any(|read| read.line != FAILING && now.since(read.since) > Self::LATE);
        if late && now.since(self.late_since) > Duration::from_secs(1) {
            self.shed = (self.shed + 1).min(6);
            self.late_since = now;
        } else if self.shed > 0 && now.since(self.late_since) > Self::CALM_AGAIN {
            self.shed -= 1;
            self.late_since = now;
        }
        reads
    }

    /// When the next round begins, if nothing changes before.
    #[must_use]
    pub fn next(&self) -> Option<Moment> {
        self.schedule.first().map(|(due, _, _)| *due)
    }

    /// Takes what a read came to, and how many bytes that were.
    pub fn done(
        &mut self,
        read: &Read,
        result: Result<Answer, Unread>,
        bytes: usize,
        at: Moment,
        said: &mut Vec<Said>,
    ) {
        let source = read.target.source;
        let Some((name, revision)) = self.revisions.get_key_value(&read.revision) else {
            return;
        };
        let name = Arc::clone(name);
        let share = revision.share;
        let Some(revision) = self.revisions.get_mut(&name) else {
            return;
        };
        let Some(subject) = revision.subjects.get_mut(read.place) else {
            return;
        };
        let tells = read.round == subject.round.number && subject.tells(&read.replica);
        let eye = subject.eyes.get_mut(&read.replica);
        // The replica may have gone, or been replaced by another of its name.
        let Some(eye) = eye.filter(|eye| eye.reading == Some(read.number)) else {
            return;
        };
        eye.reading = None;
        let level = eye.level;
        let busy = match &result {
            Ok(Answer::Figures(_, busy)) => *busy,
            _ => None,
        };
        if let Some(busy) = busy.filter(|_| busy != eye.busy) {
            eye.busy = Some(busy);
            let replica = read.replica.to_string();
            tell(said, &name, Told::Busy { replica, busy });
        }
        match result.and_then(|answer| eye.see(&answer, share, at)) {
            Ok(seen) => {
                let anew = matches!(seen, Seen::Anew);
                let result = if anew { "anew" } else { "ok" };
                self.counts.read(source, result, bytes);
                #[expect(
                    clippy::cast_precision_loss,
                    reason = "a page has far less than 2^53 bytes"
                )]
                let size = bytes as f64;
                subject.bytes += (size - subject.bytes) / 8.0;
                let threshold = revision.threshold;
                if let Some(report) = subject.seen(&read.replica, seen, level, at, threshold) {
                    tell(said, &name, Told::Report(report));
                }
            }
            Err(unread) => {
                self.counts.read(source, unread.name(), bytes);
                eye.failed(at);
                eye.begun = None;
                if subject
                    .troubled
                    .is_none_or(|then| at.since(then) >= Self::TROUBLE)
                {
                    subject.troubled = Some(at);
                    said.push(Said::Trouble {
                        revision: Arc::clone(&name),
                        signal: subject.target.signal.clone(),
                        reason: unread.name(),
                        why: format!("{} at {}: {unread}", read.replica, read.at()),
                    });
                }
            }
        }
        if tells {
            subject.round.open = subject.round.open.saturating_sub(1);
        }
        if subject.round.open == 0 {
            self.end(&name, read.place, at, said);
        }
    }

    /// What was counted.
    #[must_use]
    pub const fn counts(&self) -> &ScrapeCounts {
        &self.counts
    }

    fn begin(
        &mut self,
        name: &Arc<str>,
        place: usize,
        due: Moment,
        now: Moment,
        said: &mut Vec<Said>,
    ) {
        // What has not answered by now does not tell in this round any more.
        self.end(name, place, now, said);
        let Some(revision) = self.revisions.get_mut(name) else {
            return;
        };
        let fresh = revision.panics || revision.fresh_until > now;
        let Some(subject) = revision.subjects.get_mut(place) else {
            return;
        };
        if subject.eyes.is_empty() {
            // It is scheduled again with its first replica.
            return;
        }
        let (_, steady_reads, fresh_reads) = self.load;
        let paced = Paced {
            fresh,
            sampled: subject.is_sampled(),
            is_value: !subject.target.counts_requests(),
            bytes: subject.bytes,
            steady_reads,
            fresh_reads,
            shed: self.shed,
        };
        self.counts.shed += u64::from(self.shed > 0 && !fresh);
        let interval = self.pace.interval(paced);
        // On the beat, so that none drifts into another. Where it is another beat, somewhere within its first: those that
        // came together, as all do at a start, are not read together for ever.
        let next = if subject.changes_beat(interval) {
            now.plus(interval.mul_f64(self.dice.share()))
        } else {
            due.plus(interval)
        };
        subject.due = if next > now { next } else { now.plus(interval) };
        self.schedule.insert((subject.due, Arc::clone(name), place));
        for replica in subject.begin(now, &mut self.dice) {
            let (Some(eye), Some(address)) = (
                subject.eyes.get_mut(&replica),
                revision.replicas.get(&replica),
            ) else {
                continue;
            };
            let number = self.next_read;
            self.next_read += 1;
            eye.reading = Some(number);
            let line = match (eye.failures > 0, fresh) {
                (true, _) => FAILING,
                (false, true) => FRESH,
                (false, false) => STEADY,
            };
            let read = Read {
                revision: Arc::clone(name),
                replica,
                address: *address,
                target: Arc::clone(&subject.target),
                place,
                number,
                round: subject.round.number,
                since: now,
                line,
            };
            if let Some(line) = self.lines.get_mut(line) {
                line.push_back(read);
            }
        }
    }

    fn end(&mut self, name: &Arc<str>, place: usize, now: Moment, said: &mut Vec<Said>) {
        let Some(revision) = self.revisions.get_mut(name) else {
            return;
        };
        let Some(subject) = revision.subjects.get_mut(place) else {
            return;
        };
        let (all, assumed) = subject.end(now, &mut self.dice);
        self.counts.assumed += assumed;
        let moved = subject.has_moved();
        for told in all {
            tell(said, name, told);
        }
        if moved {
            self.freshen(&Arc::clone(name), now);
        }
    }

    /// Once a second: how many reads there are in a round of all.
    fn weigh(&mut self, now: Moment) {
        if now.since(self.load.0) < Duration::from_secs(1) {
            return;
        }
        let (mut steady, mut fresh) = (0, 0);
        for revision in self.revisions.values() {
            let reads: usize = revision.subjects.iter().map(Subject::reads).sum();
            if revision.panics || revision.fresh_until > now {
                fresh += reads;
            } else {
                steady += reads;
            }
        }
        self.load = (now, steady, fresh);
    }
}

fn tell(said: &mut Vec<Said>, revision: &Arc<str>, told: Told) {
    said.push(Said::Told {
        revision: Arc::clone(revision),
        told,
    });
}
