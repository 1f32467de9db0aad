// SPDX-License-Identifier: Apache-2.0
use std::str::FromStr;

use super::{SpecError, quantity::Unit, record::Edge};

/// Which columns of a table, or fields of a JSON object, hold what; from text such as
/// `time=ts,duration=latency:ms,key=service`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Columns {
    /// When; and whether that is the beginning or the end of a request.
    pub time: Option<(String, Edge)>,
    /// How long it took; with the unit of a bare number, where the name does not say it.
    pub duration: Option<(String, Option<Unit>)>,
    /// How many requests a line stands for.
    pub count: Option<String>,
    /// Which service it is of.
    pub key: Option<String>,
}

impl FromStr for Columns {
    type Err = SpecError;

    fn from_str(text: &str) -> Result<Self, SpecError> {
        let mut columns = Self::default();
        for part in text
            .split(',')
            .map(str::trim)
            .filter(|part| !part.is_empty())
        {
            let wrong = |expected: &str| SpecError::new("column", part, expected);
            let Some((what, name)) = part.split_once('=') else {
                return Err(wrong("should be a name and a column: time=ts"));
            };
            let name = name.trim();
            if name.is_empty() {
                return Err(wrong("should name a column after the ="));
            }
            let twice = match what.trim() {
                "time" | "end" => columns.time.replace((name.to_owned(), Edge::End)).is_some(),
                "start" => columns
                    .time
                    .replace((name.to_owned(), Edge::Start))
                    .is_some(),
                "count" => columns.count.replace(name.to_owned()).is_some(),
                "key" => columns.key.replace(name.to_owned()).is_some(),
                "duration" => {
                    let given = match name.rsplit_once(':') {
                        None => (name.to_owned(), None),
                        Some((name, unit)) => match Unit::named(unit) {
                            Some(unit) => (name.to_owned(), Some(unit)),
                            None => return Err(wrong("its unit should be s, ms, us or ns")),
                        },
                    };
                    columns.duration.replace(given).is_some()
                }
                _ => return Err(wrong("should be time, start, end, duration, count or key")),
            };
            if twice {
                return Err(wrong("is given twice, should be given once"));
            }
        }
        Ok(columns)
    }
}

impl Columns {
    /// Fills in what was not said, from the names that there are.
    pub(super) fn guess(&self, names: &[&str]) -> Self {
        let mut columns = self.clone();
        if columns.time.is_none() {
            columns.time = known(names, &TIMES).map(|name| {
                let start = plain(name).starts_with("start");
                (name.to_owned(), if start { Edge::Start } else { Edge::End })
            });
        }
        if columns.duration.is_none() && columns.count.is_none() {
            columns.duration = known(names, &DURATIONS).map(|name| (name.to_owned(), None));
        }
        if let Some((name, unit @ None)) = &mut columns.duration {
            let product = PRODUCTS.iter().find(|(mark, _)| names.contains(mark));
            *unit = Some(product.map_or_else(|| Unit::of_column(name), |(_, unit)| *unit));
        }
        columns
    }
}

/// Names that mean a time, in small letters and without marks, the likeliest first.
const TIMES: [&str; 15] = [
    "time",
    "timestamp",
    "ts",
    "timelocal",
    "timeiso8601",
    "datetime",
    "date",
    "endtime",
    "endtimestamp",
    "end",
    "starttime",
    "start",
    "startutc",
    "msec",
    "period",
];

/// Names that mean how long it took.
const DURATIONS: [&str; 16] = [
    "duration",
    "requesttime",
    "requestduration",
    "latency",
    "responsetime",
    "elapsed",
    "elapsedtime",
    "timetaken",
    "took",
    "totaltime",
    "httprequestlatency",
    "requestlatency",
    "servicetime",
    "processingtime",
    "runtime",
    "rt",
];

/// Units at the end of a name of [`DURATIONS`], without marks.
const UNIT_ENDS: [&str; 8] = [
    "seconds", "secs", "millis", "micros", "nanos", "ms", "us", "ns",
];

/// Fields by which the access log of a product is known, whose bare durations have another unit than seconds: Traefik,
/// Envoy.
const PRODUCTS: [(&str, Unit); 2] = [
    ("OriginDuration", Unit::Nanos),
    ("response_flags", Unit::Millis),
];

fn known<'a>(names: &[&'a str], wanted: &[&str]) -> Option<&'a str> {
    wanted.iter().find_map(|wanted| {
        names.iter().copied().find(|name| {
            let name = plain(name);
            let bare = UNIT_ENDS.iter().find_map(|end| name.strip_suffix(end));
            name == *wanted || bare == Some(wanted)
        })
    })
}

fn plain(name: &str) -> String {
    name.chars()
        .filter(|c| c.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn are_read_from_text() {
        let columns: Columns = "start=ts, duration=latency:ms,key=app".parse().unwrap();
        assert_eq!(columns.time, Some(("ts".to_owned(), Edge::Start)));
        assert_eq!(
            columns.duration,
            Some(("latency".to_owned(), Some(Unit::Millis)))
        );
        assert_eq!(columns.key.as_deref(), Some("app"));
        for (text, part) in [
            ("ts", "time=ts"),
            ("when=ts", "time, start, end"),
            ("time=", "after the ="),
            ("time=a,start=b", "twice"),
            ("duration=a:min", "s, ms, us or ns"),
        ] {
            let wrong = text.parse::<Columns>().unwrap_err().to_string();
            assert!(
                wrong.starts_with("column: ") && wrong.contains(part),
                "{wrong}"
            );
        }
    }

    #[test]
    fn what_is_not_said_is_guessed_from_the_names() {
        let guess = |names: &[&str]| Columns::default().guess(names);
        let columns = guess(&["@timestamp", "status", "latency_ms"]);
        assert_eq!(columns.time, Some(("@timestamp".to_owned(), Edge::End)));
        assert_eq!(
            columns.duration,
            Some(("latency_ms".to_owned(), Some(Unit::Millis)))
        );
        let columns = guess(&["start_time", "duration"]);
        assert_eq!(columns.time, Some(("start_time".to_owned(), Edge::Start)));
        assert_eq!(
            columns.duration,
            Some(("duration".to_owned(), Some(Unit::Seconds)))
        );
        let columns = guess(&["time", "Duration", "OriginDuration"]);
        assert_eq!(
            columns.duration,
            Some(("Duration".to_owned(), Some(Unit::Nanos)))
        );
        assert_eq!(guess(&["a", "b"]), Columns::default());
    }
}
