// SPDX-License-Identifier: Apache-2.0
use std::time::Duration;

use super::{
    azure_durations::Durations,
    clock::SECOND,
    mixture::{Mixture, Times},
    record::{Fault, Period, Reader, Record},
    table::{names, number, split},
};
use crate::Rng;

/// A day of the Azure Functions trace of 2019: one function or app on each line, and a column for each minute. All
/// that are asked for together are the load.
pub(super) struct Day {
    header: Vec<u8>,
    /// The columns that name it.
    keys: Vec<usize>,
    only: Option<String>,
    /// The column of the first minute.
    first: usize,
    cells: Cells,
    minutes: Vec<u64>,
    /// How many of those have been given out.
    given: usize,
    durations: Option<Durations>,
    mixture: Mixture,
    fields: Vec<(usize, usize)>,
}

/// What stands in the column of a minute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cells {
    /// Calls.
    Calls,
    /// The mean number of calls at once, rounded up; all calls of the day are in the column of this number.
    Containers { calls: usize },
}

/// Milliseconds that half of all functions do not exceed on average: e to the -0.38 s, the log-normal fit of Shahrad
/// and others, "Serverless in the Wild" (2020), section 3.4.
const MEDIAN_MILLIS: f64 = 684.0;
/// Functions whose times are kept; the times of more are drawn from those of the others.
const FUNCTIONS: usize = 262_144;
const MINUTE_MILLIS: f64 = 60_000.0;

impl Day {
    /// Whether a line names the columns of such a file.
    pub(super) fn is_header(line: &[u8]) -> bool {
        let names = names(line);
        let first = first_minute(&names);
        let is_key = |name: &String| is_key(name);
        first.is_some_and(|first| {
            names
                .get(..first)
                .is_some_and(|names| names.iter().any(is_key))
        })
    }

    /// # Errors
    /// What the header lacks.
    pub(super) fn new(
        header: &[u8],
        only: Option<String>,
        durations: Option<Durations>,
    ) -> Result<Self, String> {
        let names = names(header);
        let first = first_minute(&names).ok_or(
            "the first line should name the columns: HashApp,...,1,2,3,... (one for each minute)",
        )?;
        let calls = names.iter().position(|name| name == "num_invocations");
        Ok(Self {
            header: header.to_vec(),
            keys: (0..first)
                .filter(|place| names.get(*place).is_some_and(|name| is_key(name)))
                .collect(),
            only,
            first,
            cells: calls.map_or(Cells::Calls, |calls| Cells::Containers { calls }),
            minutes: vec![0; names.len() - first],
            given: 0,
            durations,
            mixture: Mixture::default(),
            fields: Vec::new(),
        })
    }

    fn row(&mut self, line: &[u8]) -> Result<Record, Fault> {
        split(line, b',', &mut self.fields);
        let columns = self.first + self.minutes.len();
        if self.fields.len() != columns {
            return Err(format!("{} columns, should be {columns}", self.fields.len()).into());
        }
        let field = |place: usize| {
            let (begin, end) = self.fields.get(place).copied().unwrap_or_default();
            line.get(begin..end).unwrap_or_default()
        };
        if let Some(only) = &self.only
            && !self
                .keys
                .iter()
                .any(|key| field(*key).starts_with(only.as_bytes()))
        {
            return Ok(Record::Other);
        }
        // All of the row is read before any of it counts.
        let cells: Vec<u64> = (self.first..columns)
            .map(|place| number(field(place)))
            .collect::<Result<_, _>>()?;
        let all: u64 = cells.iter().fold(0, |all, cell| all.saturating_add(*cell));
        let (calls, times) = match self.cells {
            Cells::Calls => {
                let known = self.durations.as_ref();
                let keys = self.keys.iter().map(|key| field(*key));
                (all, known.and_then(|known| known.of(keys)))
            }
            Cells::Containers { calls } => {
                let calls = number(field(calls))?;
                (calls, Some(Times::constant(millis(calls, &cells) as f32)))
            }
        };
        let mut before = (0_u64, 0_u64);
        for (minute, cell) in self.minutes.iter_mut().zip(cells) {
            let added = match self.cells {
                Cells::Calls => cell,
                // Each minute has its part of the day's calls; rounded so that the sum is right.
                Cells::Containers { .. } => {
                    let upto = before.0.saturating_add(cell);
                    let part = upto as f64 / all.max(1) as f64;
                    let due = (part * calls as f64).round() as u64;
                    let added = due.saturating_sub(before.1);
                    before = (upto, due);
                    added
                }
            };
            *minute = minute.saturating_add(added);
        }
        if let Some(times) = times
            && self.mixture.len() < FUNCTIONS
        {
            self.mixture.add(calls as f64, times);
        }
        Ok(Record::Nothing)
    }
}

/// How long a call of an app takes, of which the day's calls and the mean number at once, rounded up, are known for
/// each minute: what Azure's median function takes, as far as those numbers allow it. Rounding up added less than one
/// for each minute that is not empty.
fn millis(calls: u64, cells: &[u64]) -> f64 {
    let calls = calls.max(1) as f64;
    let sum = |each: fn(u64) -> u64| cells.iter().map(|cell| each(*cell) as f64).sum::<f64>();
    let most = MINUTE_MILLIS * sum(|cell| cell) / calls;
    let least = MINUTE_MILLIS * sum(|cell| cell.saturating_sub(1)) / calls;
    MEDIAN_MILLIS.clamp(least, most.max(least))
}

impl Reader for Day {
    fn read(&mut self, line: &[u8]) -> Result<Record, Fault> {
        if line == self.header {
            return Ok(Record::Nothing);
        }
        self.row(line)
    }

    fn rest(&mut self) -> Option<Record> {
        let count = *self.minutes.get(self.given)?;
        let minute = self.given as i64;
        self.given += 1;
        Some(Record::Period(Period {
            from: minute * 60 * SECOND,
            length: 60 * SECOND,
            count,
        }))
    }

    fn draw(&self, rng: &mut Rng) -> Option<Duration> {
        let millis = self.mixture.draw(rng)?;
        Some(Duration::from_secs_f64(millis.clamp(0.0, 1e9) / 1e3))
    }

    fn origin(&self) -> Option<i64> {
        Some(0)
    }

    fn assumed(&self) -> Vec<String> {
        let what = match self.cells {
            Cells::Containers { .. } => CONTAINERS,
            Cells::Calls if self.mixture.len() > 0 => DURATIONS,
            Cells::Calls => return Vec::new(),
        };
        vec![what.to_owned()]
    }
}

const CONTAINERS: &str = "the trace has for each minute the mean number of requests at once, rounded up, and the number \
     of requests of the day: these are divided among the minutes by those, and each takes 0.68 s (the median of Azure's \
     functions) or what is nearest to it that the numbers allow";
const DURATIONS: &str = "durations are drawn from those of all functions, each as often as it is called in the whole day";

/// The place of the first minute's column, if the rest are those of the others.
fn first_minute(names: &[String]) -> Option<usize> {
    let first = names.iter().position(|name| name == "1")?;
    let minutes = names.get(first..)?;
    let is_minute = |(minute, name): (usize, &String)| *name == minute.to_string();
    (minutes.len() > 1 && (1..).zip(minutes).all(is_minute)).then_some(first)
}

fn is_key(name: &str) -> bool {
    name.starts_with("Hash") || name == "app" || name == "func"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn periods(day: &mut Day) -> Vec<u64> {
        let counts = std::iter::from_fn(|| day.rest()).map(|record| match record {
            Record::Period(period) => period.count,
            other => panic!("{other:?}"),
        });
        counts.collect()
    }

    #[test]
    fn functions_are_added_up() {
        let header = b"HashOwner,HashApp,HashFunction,Trigger,1,2,3";
        assert!(Day::is_header(header));
        let mut day = Day::new(header, Some("a".to_owned()), None).unwrap();
        assert_eq!(day.read(header), Ok(Record::Nothing));
        assert_eq!(day.read(b"o,a,f,http,1,0,3"), Ok(Record::Nothing));
        assert_eq!(day.read(b"o,x,a2,timer,1,1,1"), Ok(Record::Nothing));
        assert_eq!(day.read(b"o,x,f,timer,1,1,1"), Ok(Record::Other));
        assert!(day.read(b"o,a,f,http,1,0").is_err());
        assert!(day.read(b"o,a,f,http,9,9,many").is_err());
        assert_eq!(periods(&mut day), [2, 1, 4]);
        assert_eq!(day.draw(&mut Rng::new(1)), None);
    }

    #[test]
    fn of_containers_the_calls_of_the_day_are_divided_among_the_minutes() {
        let header = b"app,avg_mem_mb,num_invocations,1,2,3,4";
        assert!(Day::is_header(header));
        let mut day = Day::new(header, None, None).unwrap();
        day.read(b"a,128,10,0,1,2,1").unwrap();
        assert_eq!(periods(&mut day), [0, 3, 5, 2]);
        // 4 container-minutes for 10 calls allow 6 s to 24 s for each.
        assert_eq!(day.draw(&mut Rng::new(1)), Some(Duration::from_secs(6)));
    }

    #[test]
    fn a_call_takes_what_the_numbers_allow() {
        assert_eq!(millis(10, &[1, 1]), MEDIAN_MILLIS);
        assert_eq!(millis(1000, &[1]), 60.0);
        assert_eq!(millis(1, &[3]), 120_000.0);
        assert_eq!(millis(0, &[0]), 0.0);
    }

    #[test]
    fn other_tables_are_none() {
        for header in [
            "period,count",
            "app,func,end_timestamp,duration",
            "1,2,3",
            "HashApp,1,3",
            "",
        ] {
            assert!(!Day::is_header(header.as_bytes()), "{header}");
            assert!(Day::new(b"period,count", None, None).is_err());
        }
    }
}
