// SPDX-License-Identifier: Apache-2.0
use std::{
    collections::{BTreeMap, HashMap},
    net::IpAddr,
    time::Duration,
};

use cheerful_scaling::{Latency, Moment};

use super::{
    Counts, Line, Wanted,
    catalogue::{Catalogue, Role},
    line::Head,
    series::Series,
};

/// What has come, of the revisions that ask for it.
#[derive(Debug, Default)]
pub struct Store {
    catalogue: Catalogue,
    /// By number; `None`: free.
    revisions: Vec<Option<Revision>>,
    numbers: HashMap<String, usize>,
    series: usize,
    counts: Counts,
}

#[derive(Debug)]
struct Revision {
    wanted: Wanted,
    /// By the tag that names it.
    replicas: BTreeMap<Box<str>, Series>,
    /// Without such a tag, by where it comes from.
    addresses: BTreeMap<IpAddr, Series>,
    collected: Moment,
}

/// What one sender told of an interval.
#[derive(Clone, Debug, PartialEq)]
pub struct Figure {
    /// Of whom.
    pub origin: Origin,
    /// How long the interval was.
    pub seconds: f64,
    /// Request-seconds in flight in it.
    pub request_seconds: f64,
    /// Requests finished in it.
    pub requests: u64,
    /// How long they took, where it was told.
    pub latency: Option<Latency>,
}

/// Who told it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// By the tag `replica`, `pod` or `pod_name`.
    Replica(String),
    /// Without one, by the address that it came from.
    Address(IpAddr),
}

impl Store {
    /// Most senders of one revision.
    pub const MOST_IN_ONE: usize = 4096;
    /// Most senders of all revisions.
    pub const MOST: usize = 65_536;
    /// Longest name of a replica.
    const MAX_NAME_BYTES: usize = 253;
    /// The tags that name a replica; the first that is there counts.
    const NAMES: [&'static [u8]; 3] = [b"replica", b"pod", b"pod_name"];
    /// A sender that has said nothing for so long is missing: nothing is told of it.
    pub const SILENT: Duration = Duration::from_secs(15);
    /// And for so long, forgotten.
    pub const FORGOTTEN: Duration = Duration::from_secs(60);
    /// The shortest interval that is told of.
    const LEAST: Duration = Duration::from_millis(10);

    /// Says what a revision asks for from now on; `None`: nothing any more. What has come stays, if it asks for the same.
    pub fn want(&mut self, now: Moment, revision: &str, wanted: Option<Wanted>) {
        let number = self.numbers.get(revision).copied();
        let place = number.and_then(|number| self.revisions.get_mut(number));
        match (wanted, place) {
            (None, None) => return,
            (Some(wanted), Some(Some(known))) if known.wanted == wanted => return,
            (wanted, Some(place)) => {
                let before = place.take();
                self.series -= before.map_or(0, |before| before.series());
                if wanted.is_none() {
                    self.numbers.remove(revision);
                }
                *place = wanted.map(|wanted| Revision::new(now, wanted));
            }
            (Some(wanted), None) => {
                let free = self.revisions.iter().position(Option::is_none);
                let number = free.unwrap_or(self.revisions.len());
                if free.is_none() {
                    self.revisions.push(None);
                }
                if let Some(place) = self.revisions.get_mut(number) {
                    *place = Some(Revision::new(now, wanted));
                }
                self.numbers.insert(revision.to_owned(), number);
            }
        }
        let all = self.revisions.iter().enumerate();
        self.catalogue = Catalogue::new(
            all.filter_map(|(number, revision)| Some((number, &revision.as_ref()?.wanted))),
        );
    }

    /// The revisions that ask for something.
    pub fn wanting(&self) -> impl Iterator<Item = &str> {
        self.numbers.keys().map(String::as_str)
    }

    /// Takes a datagram of one or several lines.
    pub fn take(&mut self, now: Moment, from: IpAddr, datagram: &[u8]) {
        self.counts.datagrams += 1;
        for line in datagram.split(|byte| *byte == b'\n') {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            if !line.is_empty() {
                self.line(now, from, line);
            }
        }
    }

    fn line(&mut self, now: Moment, from: IpAddr, line: &[u8]) {
        let head = match Head::read(line) {
            Ok(head) if self.catalogue.has(head.name) => head,
            Ok(_) => {
                self.counts.unwanted += 1;
                return;
            }
            Err(wrong) => return self.counts.wrong(wrong),
        };
        let line = match head.line() {
            Ok(line) => line,
            Err(wrong) => return self.counts.wrong(wrong),
        };
        let Self {
            catalogue,
            revisions,
            series,
            counts,
            ..
        } = self;
        let mut is_wanted = false;
        catalogue.each(line.name, &line.tags, |number, role| {
            is_wanted = true;
            if let Some(Some(revision)) = revisions.get_mut(number) {
                revision.take(now, from, (role, &line), (series, counts));
            }
        });
        if !is_wanted {
            counts.unwanted += 1;
        }
    }

    /// What has come of a revision since the last call, of each who still speaks.
    pub fn collect(&mut self, now: Moment, revision: &str) -> Vec<Figure> {
        let number = self.numbers.get(revision);
        let place = number.and_then(|number| self.revisions.get_mut(*number));
        let Some(revision) = place.and_then(Option::as_mut) else {
            return Vec::new();
        };
        let before = revision.series();
        let figures = revision.collect(now);
        self.series -= before - revision.series();
        figures
    }

    /// Senders of which something is kept.
    #[must_use]
    pub const fn series(&self) -> usize {
        self.series
    }

    /// What was counted.
    #[must_use]
    pub const fn counts(&self) -> &Counts {
        &self.counts
    }
}

impl Revision {
    const fn new(now: Moment, wanted: Wanted) -> Self {
        Self {
            wanted,
            replicas: BTreeMap::new(),
            addresses: BTreeMap::new(),
            collected: now,
        }
    }

    fn series(&self) -> usize {
        self.replicas.len() + self.addresses.len()
    }

    fn take(
        &mut self,
        now: Moment,
        from: IpAddr,
        (role, line): (Role, &Line<'_>),
        (series, counts): (&mut usize, &mut Counts),
    ) {
        let named = Store::NAMES.iter().find_map(|key| line.tags.get(key));
        let named = named.filter(|name| !name.is_empty());
        let is_full = self.series() >= Store::MOST_IN_ONE || *series >= Store::MOST;
        let name = match named.map(std::str::from_utf8) {
            Some(Err(_)) => return counts.bad_name += 1,
            Some(Ok(name)) if name.len() > Store::MAX_NAME_BYTES => return counts.bad_name += 1,
            Some(Ok(name)) => Some(name),
            None => None,
        };
        let known = match name {
            Some(name) => self.replicas.get_mut(name),
            None => self.addresses.get_mut(&from),
        };
        if let Some(known) = known {
            return known.take(now, role, line, counts);
        }
        if is_full {
            counts.too_many += 1;
            return;
        }
        *series += 1;
        let new = match name {
            Some(name) => self
                .replicas
                .entry(name.into())
                .or_insert_with(|| Series::new(now)),
            None => self
                .addresses
                .entry(from)
                .or_insert_with(|| Series::new(now)),
        };
        new.take(now, role, line, counts);
    }

    fn collect(&mut self, now: Moment) -> Vec<Figure> {
        let length = now.since(self.collected);
        if length < Store::LEAST {
            return Vec::new();
        }
        self.collected = now;
        let is_kept = |series: &Series| now.since(series.heard) < Store::FORGOTTEN;
        self.replicas.retain(|_, series| is_kept(series));
        self.addresses.retain(|_, series| is_kept(series));
        let replicas = self.replicas.iter_mut();
        let replicas = replicas.map(|(name, series)| (Origin::Replica(name.to_string()), series));
        let addresses = self.addresses.iter_mut();
        let addresses = addresses.map(|(address, series)| (Origin::Address(*address), series));
        let figure = |(origin, series): (Origin, &mut Series)| {
            let sum = series.collect(now)?;
            let is_heard = now.since(series.heard) < Store::SILENT;
            is_heard.then_some(Figure {
                origin,
                seconds: length.as_secs_f64(),
                request_seconds: sum.request_seconds,
                requests: sum.requests,
                latency: sum.latency,
            })
        };
        replicas.chain(addresses).filter_map(figure).collect()
    }
}

#[cfg(test)]
#[path = "store_tests.rs"]
mod tests;
