// SPDX-License-Identifier: Apache-2.0
use std::{
    borrow::Cow,
    collections::{BTreeMap, VecDeque},
};

use cheerful_autoscaler::RECORDING_VERSION;
use cheerful_scaling::{Latency, Report};
use serde::Deserialize;

use super::{
    clock::SECOND,
    finished::{Finished, Taken},
    holds::Holds,
    quantity::excerpt,
    record::{Fault, Reader, Record},
};
use crate::Rng;

/// What a live autoscaler recorded. Its policy's replicas shaped the reports, so they cannot be given to another one;
/// the requests that they tell of can, and are made from them.
pub(super) struct Recording {
    /// The revision that is asked for, or the only one so far.
    revision: Option<String>,
    asked: bool,
    replicas: BTreeMap<String, Replica>,
    holds: Holds,
    /// Reports, with the time at which they came in, for which it is not yet told what was held until then.
    open: VecDeque<(i64, Finished)>,
    /// Reports whose requests are being made.
    closed: VecDeque<Finished>,
    /// What stands before the times of the present recording, for several may follow one another.
    base: i64,
    newest: i64,
    lost: u64,
    refused: u64,
}

/// What is kept of a replica.
#[derive(Default)]
struct Replica {
    /// The number of its last report: what comes twice counts once.
    last: Option<u64>,
    /// Request-microseconds that were reported and not yet made into requests.
    left: f64,
}

/// Replicas that are kept in mind; beyond them all are forgotten, which costs a little exactness.
const REPLICAS: usize = 16_384;
/// What was held is told after the reports of the same moment, each second; if it is not told so long, in microseconds,
/// nothing was.
const TOLD: i64 = 1_100_000;
/// The longest interval that a report may cover.
const MOST_SECONDS: f64 = 3600.0;
/// The latest moment that a line may have: that of `Moment`.
const MOST_AT: f64 = 2_251_799_813.0;

/// The fields that are used; `docs/recording.md` has them all.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Line<'a> {
    cheerful_recording: Option<u64>,
    at: Option<f64>,
    #[serde(borrow)]
    revision: Option<Cow<'a, str>>,
    replica: Option<Cow<'a, str>>,
    sequence: Option<u64>,
    #[serde(default)]
    age_seconds: f64,
    seconds: Option<f64>,
    #[serde(default)]
    request_seconds: f64,
    #[serde(default)]
    waiting_seconds: f64,
    #[serde(default)]
    requests: u64,
    #[serde(default)]
    refused: u64,
    latency: Option<Latency>,
    held: Option<u64>,
    #[serde(default)]
    arrived: u64,
    replicas: Option<u64>,
    #[serde(default)]
    lost: u64,
}

impl Recording {
    /// `revision`: whose requests; the only one's where none is named.
    pub(super) fn new(revision: Option<String>) -> Self {
        Self {
            asked: revision.is_some(),
            revision,
            replicas: BTreeMap::new(),
            holds: Holds::default(),
            open: VecDeque::new(),
            closed: VecDeque::new(),
            base: 0,
            newest: 0,
            lost: 0,
            refused: 0,
        }
    }

    /// Whether a line looks like one of a recording.
    pub(super) fn looks_like(line: &[u8]) -> bool {
        serde_json::from_slice::<Line<'_>>(line).is_ok_and(|line| {
            let says = line.request_seconds > 0.0 || line.replica.is_some() || line.held.is_some();
            line.cheerful_recording.is_some() || (line.at.is_some() && says)
        })
    }

    fn is_other(&mut self, revision: &str) -> Result<bool, Fault> {
        match &self.revision {
            Some(known) if known == revision => Ok(false),
            Some(_) if self.asked => Ok(true),
            Some(known) => {
                let named = |name: &str| match name {
                    "" => "one without a name".to_owned(),
                    name => format!("{name:?}"),
                };
                Err(Fault::Unusable(format!(
                    "there are several revisions, {} and {} among them: one must be asked for by its name",
                    named(known),
                    named(revision)
                )))
            }
            None => {
                self.revision = Some(revision.to_owned());
                Ok(false)
            }
        }
    }

    fn report(&mut self, at: i64, line: &Line<'_>) -> Result<Record, Fault> {
        let numbers = [line.age_seconds, line.request_seconds, line.waiting_seconds];
        let seconds = line.seconds.unwrap_or(0.0);
        let most = Report::MAX_CONCURRENCY * MOST_SECONDS;
        if !numbers.iter().all(|number| (0.0..=most).contains(number))
            || !(1e-6..=MOST_SECONDS).contains(&seconds)
            || line.requests > Report::MAX_COUNT
        {
            return Err("a report with a number that no replica can have seen".into());
        }
        let name = line.replica.as_deref().unwrap_or_default();
        if self.replicas.len() >= REPLICAS && !self.replicas.contains_key(name) {
            self.replicas.clear();
        }
        let replica = self.replicas.entry(name.to_owned()).or_default();
        if line.sequence.is_some() && line.sequence <= replica.last {
            return Ok(Record::Nothing);
        }
        replica.last = line.sequence;
        self.refused = self.refused.saturating_add(line.refused);
        let end = at - micros(line.age_seconds);
        let request_micros = replica.left + line.request_seconds * SECOND as f64;
        if line.requests == 0 {
            replica.left = request_micros;
            return Ok(Record::Nothing);
        }
        let interval = (end - micros(seconds), end);
        let latency = line.latency.as_ref();
        let (finished, left) = Finished::new(interval, line.requests, request_micros, latency);
        replica.left = left;
        let wait = line.waiting_seconds * SECOND as f64 / line.requests as f64;
        let full = self.open.len() >= REPLICAS;
        while let Some((came_in, _)) = self.open.front()
            && (full || *came_in < at.saturating_sub(TOLD))
        {
            self.closed
                .extend(self.open.pop_front().map(|(_, finished)| finished));
        }
        self.open.push_back((at, finished.waiting(wait)));
        Ok(self.made())
    }

    /// What was held until now is told: the reports before can be made into requests.
    fn close(&mut self) -> Record {
        self.closed
            .extend(self.open.drain(..).map(|(_, finished)| finished));
        self.made()
    }

    fn made(&self) -> Record {
        if self.closed.is_empty() {
            Record::Nothing
        } else {
            Record::Several
        }
    }
}

impl Reader for Recording {
    fn read(&mut self, text: &[u8]) -> Result<Record, Fault> {
        let line: Line<'_> = serde_json::from_slice(text).map_err(|error| {
            format!(
                "{}: should be a line of a recording: {error}",
                excerpt(text)
            )
        })?;
        if let Some(version) = line.cheerful_recording {
            if version > RECORDING_VERSION {
                return Err(Fault::Unusable(format!(
                    "cheerfulRecording: {version}: this version reads recordings up to {RECORDING_VERSION}; a newer \
                     version wrote this one"
                )));
            }
            self.base = self.newest;
            self.replicas.clear();
            let rest = self.close();
            self.holds = Holds::default();
            return Ok(rest);
        }
        self.lost = self.lost.saturating_add(line.lost);
        let at = line.at.filter(|at| (0.0..MOST_AT).contains(at));
        let at = at.map(|at| self.base.saturating_add(micros(at)));
        self.newest = self.newest.max(at.unwrap_or(self.newest));
        // A decision, settings, an observation: nothing of a request.
        if line.replicas.is_some() || (line.replica.is_none() && line.held.is_none()) {
            return Ok(Record::Nothing);
        }
        let Some(at) = at else {
            return Err("no time in the field at: should be seconds from 0".into());
        };
        if self.is_other(line.revision.as_deref().unwrap_or_default())? {
            return Ok(Record::Other);
        }
        if let Some(held) = line.held {
            self.holds.now(at, held, line.arrived);
        }
        match (&line.replica, line.held) {
            // In a line that has both the report comes after.
            (Some(_), None) => self.report(at, &line),
            (Some(_), Some(_)) => self.report(at, &line).map(|_| self.close()),
            (None, _) => Ok(self.close()),
        }
    }

    fn several(&mut self, rng: &mut Rng) -> Option<(i64, u64)> {
        loop {
            match self.closed.front_mut()?.next(rng) {
                None => self.closed.pop_front(),
                Some(Taken { at, wait, work }) => {
                    let came = self.holds.came(at).unwrap_or(at - wait);
                    return Some((came, work));
                }
            };
        }
    }

    fn rest(&mut self) -> Option<Record> {
        Some(self.close()).filter(|record| *record != Record::Nothing)
    }

    fn origin(&self) -> Option<i64> {
        Some(0)
    }

    fn end(&self) -> Option<i64> {
        Some(self.newest)
    }

    fn assumed(&self) -> Vec<String> {
        let mut assumed = vec![LOST.to_owned()];
        let counts = [
            (self.lost, "lines were lost when it was recorded"),
            (
                self.refused,
                "requests were refused when it was recorded, and are no part of the load",
            ),
            (
                self.holds.given_up(),
                "requests were held and never reported as finished; they are no part of the load",
            ),
        ];
        let told = counts.iter().filter(|(count, _)| *count > 0);
        assumed.extend(told.map(|(count, what)| format!("{count} {what}")));
        assumed
    }
}

const LOST: &str = "the requests are made from the reports: their number is exact, their ends are spread evenly over \
     each report's interval, their durations are exact to a bucket and as they were under the recorded load, and \
     requests still under way at the end are missing";

fn micros(seconds: f64) -> i64 {
    (seconds * SECOND as f64).round() as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What has been reported so far.
    fn requests(recording: &mut Recording) -> Vec<(i64, u64)> {
        let mut rng = Rng::new(1);
        recording.close();
        std::iter::from_fn(|| recording.several(&mut rng)).collect()
    }

    fn read(recording: &mut Recording, line: &str) {
        let record = recording.read(line.as_bytes());
        assert!(
            matches!(record, Ok(Record::Nothing | Record::Several)),
            "{line}: {record:?}"
        );
    }

    #[test]
    fn a_newer_version_is_refused_with_both() {
        let mut recording = Recording::new(None);
        let newer = format!("{{\"cheerfulRecording\":{}}}", RECORDING_VERSION + 1);
        let Err(Fault::Unusable(what)) = recording.read(newer.as_bytes()) else {
            panic!("{newer}");
        };
        for version in [RECORDING_VERSION, RECORDING_VERSION + 1] {
            assert!(what.contains(&version.to_string()), "{what}");
        }
        let known = format!("{{\"cheerfulRecording\":{RECORDING_VERSION}}}");
        assert_eq!(recording.read(known.as_bytes()), Ok(Record::Nothing));
    }

    #[test]
    fn requests_come_back_with_their_count_and_their_time() {
        let mut recording = Recording::new(None);
        let report = r#"{"at":2.0,"revision":"r","replica":"a","sequence":0,"seconds":1.0,"requestSeconds":0.5,"requests":2}"#;
        read(&mut recording, report);
        assert_eq!(
            requests(&mut recording),
            [(1_000_000, 250_000), (1_500_000, 250_000)]
        );
        // The same once more is no more requests.
        read(&mut recording, report);
        assert_eq!(requests(&mut recording), []);
        // What was under way is made up when it ends.
        for line in [
            r#"{"at":3.0,"revision":"r","replica":"a","sequence":1,"seconds":1.0,"requestSeconds":1.0}"#,
            r#"{"at":4.0,"revision":"r","replica":"a","sequence":2,"seconds":1.0,"requestSeconds":0.5,"requests":1}"#,
        ] {
            read(&mut recording, line);
        }
        assert_eq!(requests(&mut recording), [(2_000_000, 1_500_000)]);
    }

    #[test]
    fn what_was_held_came_when_it_began_to_be() {
        let mut recording = Recording::new(None);
        for line in [
            r#"{"at":1.0,"held":1,"arrived":1}"#,
            r#"{"at":2.0,"held":2,"arrived":1}"#,
            r#"{"at":2.4,"ready":1}"#,
            r#"{"at":3.0,"replica":"a","seconds":0.6,"requestSeconds":0.3,"requests":3}"#,
            r#"{"at":3.0,"held":0}"#,
            r#"{"at":3.0,"replicas":1,"held":0,"decided":true}"#,
            r#"{"at":4.0,"replica":"a","seconds":1.0,"requestSeconds":0.1,"requests":1}"#,
            r#"{"at":4.0,"held":0}"#,
        ] {
            read(&mut recording, line);
        }
        let came: Vec<i64> = requests(&mut recording).iter().map(|(at, _)| *at).collect();
        assert_eq!(came, [1_000_000, 1_500_000, 2_800_000, 3_400_000]);
    }

    #[test]
    fn several_revisions_must_be_chosen_from() {
        let report = |revision: &str| {
            format!(
                "{{\"at\":2.0,\"revision\":\"{revision}\",\"replica\":\"a\",\"seconds\":1.0,\"requests\":1}}"
            )
        };
        let mut recording = Recording::new(None);
        assert!(recording.read(report("a").as_bytes()).is_ok());
        let Err(Fault::Unusable(what)) = recording.read(report("b").as_bytes()) else {
            panic!("two revisions");
        };
        assert!(what.contains("\"a\" and \"b\""), "{what}");
        let mut recording = Recording::new(Some("b".to_owned()));
        assert_eq!(recording.read(report("a").as_bytes()), Ok(Record::Other));
        assert_eq!(recording.read(report("b").as_bytes()), Ok(Record::Nothing));
        assert_eq!(requests(&mut recording).len(), 1);
    }
}
