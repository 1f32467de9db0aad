// SPDX-License-Identifier: Apache-2.0
use std::time::Duration;

use super::{
    clock::{self, Stamp},
    columns::Columns,
    quantity::{self, Unit, excerpt, seconds_of},
    record::{Edge, Fault, Period, Reader, Record},
};

/// A table: one request, or one count of requests, on each line; columns between commas, semicolons or tabs, a value
/// with one of those in quotes. A value cannot hold the end of a line.
pub(super) struct Table {
    delimiter: u8,
    /// The first line, until it has been seen; the names of the columns stand there.
    header: Option<Vec<u8>>,
    time: (usize, Edge),
    work: Work,
    count: Option<usize>,
    /// A line is of the service that is asked for if one of these begins so.
    keys: Vec<usize>,
    only: Option<String>,
    /// How long a period is that a count stands for, in microseconds.
    period: i64,
    /// When the last period ended.
    until: i64,
    /// Where each column of the line begins and ends.
    fields: Vec<(usize, usize)>,
}

/// How long a request took.
#[derive(Clone, Copy, Debug)]
pub(super) enum Work {
    /// No column says it.
    Unknown,
    /// This column does.
    Column(usize, Unit),
    /// So many seconds, and so many for each of the counts in these columns.
    Sum {
        seconds: f64,
        each: [(usize, f64); 2],
    },
}

/// What stands where in a table.
pub(super) struct Layout {
    pub(super) time: (usize, Edge),
    pub(super) work: Work,
    pub(super) count: Option<usize>,
    pub(super) keys: Vec<usize>,
}

impl Table {
    /// Of a layout that is known; `header` is the line that names its columns.
    pub(super) fn new(header: &[u8], layout: Layout, only: Option<String>, period: i64) -> Self {
        let Layout {
            time,
            work,
            count,
            keys,
        } = layout;
        Self {
            delimiter: delimiter(header),
            header: Some(header.to_vec()),
            time,
            work,
            count,
            keys,
            only,
            period,
            until: i64::MIN,
            fields: Vec::new(),
        }
    }

    /// With columns that are named, or are guessed from the first line; the columns, for a person to see.
    ///
    /// # Errors
    /// Which column is not there.
    pub(super) fn with_columns(
        first: &[u8],
        columns: &Columns,
        only: Option<String>,
        period: i64,
    ) -> Result<(Self, Columns), String> {
        let names = names(first);
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let columns = columns.guess(&names);
        let place = |what: &str, name: &str| {
            let by_name = names.iter().position(|known| *known == name);
            // From 1, as people count.
            let by_number = || name.parse::<usize>().ok()?.checked_sub(1);
            by_name
                .or_else(by_number)
                .filter(|place| *place < names.len())
                .ok_or_else(|| {
                    let known = excerpt(names.join(", ").as_bytes());
                    format!("column {what}={name}: should be one of: {known}; or a number from 1")
                })
        };
        let Some((time, edge)) = &columns.time else {
            let known = excerpt(names.join(", ").as_bytes());
            return Err(format!(
                "no column is known to be the time: name it (time=...); there are: {known}"
            ));
        };
        let work = match &columns.duration {
            None => Work::Unknown,
            Some((name, unit)) => {
                Work::Column(place("duration", name)?, unit.unwrap_or(Unit::Seconds))
            }
        };
        let count = columns.count.as_ref();
        let key = columns.key.as_ref();
        let layout = Layout {
            time: (place("time", time)?, *edge),
            work,
            count: count.map(|name| place("count", name)).transpose()?,
            keys: key
                .map(|name| place("key", name))
                .transpose()?
                .into_iter()
                .collect(),
        };
        let mut table = Self::new(first, layout, only, period);
        // Without names the first line may be a request.
        if table.request(first).is_ok() {
            table.header = None;
        }
        table.until = i64::MIN;
        Ok((table, columns))
    }

    fn request(&mut self, line: &[u8]) -> Result<Record, Fault> {
        split(line, self.delimiter, &mut self.fields);
        let field = |place: usize| {
            let (begin, end) = self.fields.get(place).copied()?;
            line.get(begin..end)
        };
        if let Some(only) = &self.only {
            let is_it =
                |key: &usize| field(*key).is_some_and(|key| key.starts_with(only.as_bytes()));
            if !self.keys.iter().any(is_it) {
                return Ok(Record::Other);
            }
        }
        let missing = |place: usize| {
            let fields = self.fields.len();
            Fault::Broken(format!(
                "{fields} columns, should be at least {}",
                place + 1
            ))
        };
        let (place, edge) = self.time;
        let time = field(place).ok_or_else(|| missing(place))?;
        let Some(at) = clock::read(time) else {
            return Err(format!("time {}: {}", excerpt(time), clock::EXPECTED).into());
        };
        if let Some(place) = self.count {
            let count = number(field(place).ok_or_else(|| missing(place))?)?;
            return self.period(at, count);
        }
        let work = match self.work {
            Work::Unknown => None,
            Work::Column(place, unit) => {
                quantity::duration(field(place).ok_or_else(|| missing(place))?, unit)?
            }
            Work::Sum { seconds, each } => {
                let mut sum = seconds;
                for (place, seconds) in each {
                    sum += seconds * number(field(place).ok_or_else(|| missing(place))?)? as f64;
                }
                Some(long(sum)?)
            }
        };
        Ok(Record::Request { at, edge, work })
    }

    fn period(&mut self, at: Stamp, count: u64) -> Result<Record, Fault> {
        if at.micros < self.until {
            let back = (self.until - at.micros) as f64 / 1e6;
            return Err(
                format!("the period begins {back} s before the end of the one before").into(),
            );
        }
        self.until = at.micros.saturating_add(self.period);
        Ok(Record::Period(Period {
            from: at.micros,
            length: self.period,
            count,
        }))
    }
}

impl Reader for Table {
    fn read(&mut self, line: &[u8]) -> Result<Record, Fault> {
        if self.header.take().is_some_and(|header| header == line) {
            return Ok(Record::Nothing);
        }
        self.request(line)
    }
}

fn long(seconds: f64) -> Result<Duration, Fault> {
    seconds_of(seconds).map_err(|expected| format!("duration {seconds} s: {expected}").into())
}

/// A count; `3.0` is one too, for some tools write it so.
pub(super) fn number(text: &[u8]) -> Result<u64, String> {
    let text = text.trim_ascii();
    let read = std::str::from_utf8(text).ok().and_then(|text| {
        let whole = text.parse().ok();
        whole.or_else(|| {
            let number: f64 = text.parse().ok()?;
            (number.fract() == 0.0 && (0.0..=1e15).contains(&number)).then_some(number as u64)
        })
    });
    read.ok_or_else(|| format!("count {}: should be a whole number from 0", excerpt(text)))
}

/// The names in a line that names columns.
pub(super) fn names(line: &[u8]) -> Vec<String> {
    let mut fields = Vec::new();
    split(line, delimiter(line), &mut fields);
    fields
        .iter()
        .filter_map(|(begin, end)| line.get(*begin..*end))
        .map(|name| String::from_utf8_lossy(name.trim_ascii()).into_owned())
        .collect()
}

/// What stands between the columns: what there is most of.
fn delimiter(line: &[u8]) -> u8 {
    let count = |delimiter: u8| line.iter().filter(|byte| **byte == delimiter).count();
    let semicolons_and_tabs = [b';', b'\t'].into_iter().max_by_key(|one| count(*one));
    semicolons_and_tabs
        .filter(|one| count(*one) > count(b','))
        .unwrap_or(b',')
}

/// Where each column of a line begins and ends, without its quotes.
pub(super) fn split(line: &[u8], delimiter: u8, fields: &mut Vec<(usize, usize)>) {
    fields.clear();
    let mut begin = 0;
    while begin <= line.len() {
        let rest = line.get(begin..).unwrap_or_default();
        let find = |bytes: &[u8], wanted: u8| bytes.iter().position(|byte| *byte == wanted);
        if let Some(quoted) = rest.strip_prefix(b"\"") {
            let mut end = 0;
            // A quote in quotes is written twice.
            while let Some(quote) = find(quoted.get(end..).unwrap_or_default(), b'"') {
                end += quote;
                if quoted.get(end + 1) != Some(&b'"') {
                    break;
                }
                end += 2;
            }
            let closed = quoted.get(end) == Some(&b'"');
            let end = if closed { end } else { quoted.len() };
            fields.push((begin + 1, begin + 1 + end));
            let after = quoted.get(end..).unwrap_or_default();
            match find(after, delimiter) {
                Some(next) => begin += 1 + end + next + 1,
                None => return,
            }
        } else {
            let end = find(rest, delimiter);
            fields.push((begin, begin + end.unwrap_or(rest.len())));
            match end {
                Some(end) => begin += end + 1,
                None => return,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn fields(line: &str) -> Vec<String> {
        let mut fields = Vec::new();
        split(line.as_bytes(), b',', &mut fields);
        let text = |(begin, end): &(usize, usize)| line.get(*begin..*end).unwrap().to_owned();
        fields.iter().map(text).collect()
    }

    #[test]
    fn columns_are_found_with_quotes_and_without() {
        assert_eq!(fields("a,b,,c"), ["a", "b", "", "c"]);
        assert_eq!(fields(""), [""]);
        assert_eq!(fields("a,"), ["a", ""]);
        assert_eq!(fields(r#""a,b",c"#), ["a,b", "c"]);
        assert_eq!(fields(r#""a ""b"", c",d"#), [r#"a ""b"", c"#, "d"]);
        assert_eq!(fields(r#"a,"never ends"#), ["a", "never ends"]);
    }

    fn open(first: &str, columns: &str) -> Result<Table, String> {
        let columns = columns.parse().unwrap();
        Table::with_columns(first.as_bytes(), &columns, None, 60_000_000).map(|(table, _)| table)
    }

    #[test]
    fn columns_have_names_or_numbers() {
        let mut table = open("when;took_ms", "start=when,duration=took_ms").unwrap();
        assert_eq!(table.read(b"when;took_ms"), Ok(Record::Nothing));
        let request = |micros, edge, millis| Record::Request {
            at: Stamp { micros, grain: 0 },
            edge,
            work: Some(Duration::from_millis(millis)),
        };
        assert_eq!(
            table.read(b"1.5;20"),
            Ok(request(1_500_000, Edge::Start, 20))
        );
        let mut table = open("x,1.5,0.02", "time=2,duration=3").unwrap();
        assert_eq!(
            table.read(b"x,1.5,0.02"),
            Ok(request(1_500_000, Edge::End, 20))
        );
        let wrong = open("a,b", "time=when").err().unwrap();
        assert!(
            wrong.contains("time=when") && wrong.contains("a, b"),
            "{wrong}"
        );
        assert!(open("a,b", "").err().unwrap().contains("name it"));
        assert!(open("a,b", "time=3").is_err());
    }

    #[test]
    fn counts_stand_for_periods_that_follow_one_another() {
        let mut table = open("period,count", "count=count").unwrap();
        assert_eq!(table.read(b"period,count"), Ok(Record::Nothing));
        let period = |from, count| {
            Record::Period(Period {
                from,
                length: 60_000_000,
                count,
            })
        };
        assert_eq!(
            table.read(b"1970-01-01 00:01:00,2"),
            Ok(period(60_000_000, 2))
        );
        assert_eq!(
            table.read(b"1970-01-01 00:03:00,3.0"),
            Ok(period(180_000_000, 3))
        );
        assert!(table.read(b"1970-01-01 00:03:30,3").is_err());
        assert!(table.read(b"1970-01-01 00:05:00,-3").is_err());
        assert!(table.read(b"1970-01-01 00:05:00").is_err());
    }

    proptest! {
        #[test]
        fn no_bytes_are_too_much(lines in prop::collection::vec(prop::collection::vec(
            prop_oneof![Just(b','), Just(b'"'), Just(b'1'), Just(b'.'), any::<u8>()], 0..60), 1..5)) {
            let first = lines.first().cloned().unwrap_or_default();
            let columns: Columns = "time=1,duration=2".parse().unwrap();
            if let Ok((mut table, _)) = Table::with_columns(&first, &columns, None, 1) {
                for line in &lines {
                    table.read(line).ok();
                    prop_assert!(table.fields.iter().all(|(begin, end)| line.get(*begin..*end).is_some()
                        || table.header.is_some()));
                }
            }
        }
    }
}
