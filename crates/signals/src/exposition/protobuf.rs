// SPDX-License-Identifier: Apache-2.0
use prost::Message;

use super::{Sums, Wanted};
use crate::Unread;

/// Reads a page of length-delimited `io.prometheus.client.MetricFamily` messages as it comes. A family that is not asked
/// for is skipped without being kept.
#[derive(Debug)]
pub struct ProtobufReader<'a> {
    wanted: &'a Wanted,
    sums: Sums,
    state: State,
    kept: Vec<u8>,
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// The length of the next family.
    Length,
    /// The front of a family of so many bytes, until its name is known.
    Name(usize),
    /// An asked family of so many bytes.
    Keep(usize),
    /// So many bytes of another.
    Skip(usize),
}

/// The longest family that is asked for. One series is some hundred bytes.
const LONGEST_FAMILY: usize = 4 * 1024 * 1024;
/// The longest name of a family.
const LONGEST_NAME: usize = 1024;

impl<'a> ProtobufReader<'a> {
    /// Asks for these.
    #[must_use]
    pub fn new(wanted: &'a Wanted) -> Self {
        Self {
            wanted,
            sums: Sums::new(wanted),
            state: State::Length,
            kept: Vec::new(),
        }
    }

    /// Takes the next bytes.
    ///
    /// # Errors
    /// For what is no such message, for an asked family of over 4 MB, and for a value that is no load.
    pub fn feed(&mut self, mut bytes: &[u8]) -> Result<(), Unread> {
        loop {
            match self.state {
                State::Length => {
                    let Some((byte, rest)) = bytes.split_first() else {
                        return Ok(());
                    };
                    bytes = rest;
                    self.kept.push(*byte);
                    if *byte & 0x80 == 0 {
                        let length = varint(&self.kept).ok_or_else(|| malformed("a length"))?;
                        self.kept.clear();
                        self.state = State::Name(length.0);
                    } else if self.kept.len() >= 5 {
                        return Err(malformed("a length"));
                    }
                }
                State::Name(length) => {
                    let front = length.min(LONGEST_NAME);
                    bytes = self.take(bytes, front);
                    // A name that ends early enough need not wait for the rest.
                    match family_name(&self.kept) {
                        Some(name) if self.wanted.of_family(name) => {
                            self.state = State::Keep(length)
                        }
                        Some(_) => self.skip(length),
                        None if self.kept.len() >= front && front < length => {
                            return Err(malformed("a family whose name does not come first"));
                        }
                        // One without a name, or an empty one.
                        None if self.kept.len() >= front => self.skip(length),
                        None => return Ok(()),
                    }
                }
                State::Keep(length) => {
                    if length > LONGEST_FAMILY {
                        return Err(Unread::TooLong(LONGEST_FAMILY));
                    }
                    bytes = self.take(bytes, length);
                    if self.kept.len() < length {
                        return Ok(());
                    }
                    let family = MetricFamily::decode(&*self.kept)
                        .map_err(|error| malformed(&error.to_string()))?;
                    self.kept.clear();
                    self.state = State::Length;
                    self.family(&family)?;
                }
                State::Skip(left) => {
                    let now = left.min(bytes.len());
                    bytes = bytes.get(now..).unwrap_or(&[]);
                    if now < left {
                        self.state = State::Skip(left - now);
                        return Ok(());
                    }
                    self.state = State::Length;
                }
            }
        }
    }

    /// What it came to.
    ///
    /// # Errors
    /// When the page ends within a family.
    pub fn finish(self) -> Result<Sums, Unread> {
        match self.state {
            State::Length if self.kept.is_empty() => Ok(self.sums),
            _ => Err(malformed("it ends within a family")),
        }
    }

    /// Keeps bytes until there are `length`; gives the others back.
    fn take<'b>(&mut self, bytes: &'b [u8], length: usize) -> &'b [u8] {
        let now = length.saturating_sub(self.kept.len()).min(bytes.len());
        let (head, rest) = bytes.split_at_checked(now).unwrap_or((bytes, &[]));
        self.kept.extend_from_slice(head);
        rest
    }

    fn skip(&mut self, length: usize) {
        self.state = State::Skip(length.saturating_sub(self.kept.len()));
        self.kept.clear();
    }

    fn family(&mut self, family: &MetricFamily) -> Result<(), Unread> {
        let name = family.name.as_deref().unwrap_or("");
        for metric in &family.metric {
            let parts = [
                ("", metric.counter.as_ref().map(|it| it.value())),
                ("_total", metric.counter.as_ref().map(|it| it.value())),
                ("", metric.gauge.as_ref().map(|it| it.value())),
                ("", metric.untyped.as_ref().map(|it| it.value())),
                (
                    "_count",
                    metric.summary.as_ref().map(|it| count(it.sample_count())),
                ),
                ("_sum", metric.summary.as_ref().map(|it| it.sample_sum())),
                ("_count", metric.histogram.as_ref().map(Histogram::count)),
                ("_sum", metric.histogram.as_ref().map(|it| it.sample_sum())),
            ];
            for (part, value) in parts {
                if let Some(value) = value {
                    self.series(&format!("{name}{part}"), value, metric, None)?;
                }
            }
            let Some(histogram) = &metric.histogram else {
                continue;
            };
            for bucket in &histogram.bucket {
                let le = bucket.upper_bound().to_string();
                let value = bucket.count();
                self.series(&format!("{name}_bucket"), value, metric, Some(&le))?;
            }
        }
        Ok(())
    }

    fn series(
        &mut self,
        name: &str,
        value: f64,
        metric: &Metric,
        le: Option<&str>,
    ) -> Result<(), Unread> {
        let label = |wanted: &str| {
            if wanted == "le" && le.is_some() {
                return le;
            }
            let found = metric.label.iter().find(|label| label.name() == wanted);
            found.map(LabelPair::value)
        };
        self.sums.take(self.wanted, name, value, label)
    }
}

fn malformed(why: &str) -> Unread {
    Unread::Malformed(why.to_owned())
}

/// A number and how many bytes it took.
fn varint(bytes: &[u8]) -> Option<(usize, usize)> {
    let mut number = 0_u64;
    for (place, byte) in bytes.iter().enumerate().take(5) {
        number |= u64::from(byte & 0x7f) << (7 * place);
        if byte & 0x80 == 0 {
            return Some((usize::try_from(number).ok()?, place + 1));
        }
    }
    None
}

/// The name of a family, which every writer puts first; `None` while it is not all there.
fn family_name(front: &[u8]) -> Option<&str> {
    let rest = front.strip_prefix(&[0x0a])?;
    let (length, took) = varint(rest)?;
    std::str::from_utf8(rest.get(took..took.checked_add(length)?)?).ok()
}

#[expect(
    clippy::cast_precision_loss,
    reason = "counts of requests are far below 2^53"
)]
fn count(count: u64) -> f64 {
    count as f64
}

#[derive(Clone, PartialEq, Message)]
struct LabelPair {
    #[prost(string, optional, tag = "1")]
    name: Option<String>,
    #[prost(string, optional, tag = "2")]
    value: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Message)]
struct Value {
    #[prost(double, optional, tag = "1")]
    value: Option<f64>,
}

#[derive(Clone, Copy, PartialEq, Message)]
struct Summary {
    #[prost(uint64, optional, tag = "1")]
    sample_count: Option<u64>,
    #[prost(double, optional, tag = "2")]
    sample_sum: Option<f64>,
}

#[derive(Clone, PartialEq, Message)]
struct Histogram {
    #[prost(uint64, optional, tag = "1")]
    sample_count: Option<u64>,
    #[prost(double, optional, tag = "2")]
    sample_sum: Option<f64>,
    #[prost(message, repeated, tag = "3")]
    bucket: Vec<Bucket>,
    #[prost(double, optional, tag = "4")]
    sample_count_float: Option<f64>,
}

impl Histogram {
    fn count(&self) -> f64 {
        self.sample_count_float
            .unwrap_or_else(|| count(self.sample_count()))
    }
}

#[derive(Clone, Copy, PartialEq, Message)]
struct Bucket {
    #[prost(uint64, optional, tag = "1")]
    cumulative_count: Option<u64>,
    #[prost(double, optional, tag = "2")]
    upper_bound: Option<f64>,
    #[prost(double, optional, tag = "4")]
    cumulative_count_float: Option<f64>,
}

impl Bucket {
    fn count(&self) -> f64 {
        self.cumulative_count_float
            .unwrap_or_else(|| count(self.cumulative_count()))
    }
}

#[derive(Clone, PartialEq, Message)]
struct Metric {
    #[prost(message, repeated, tag = "1")]
    label: Vec<LabelPair>,
    #[prost(message, optional, tag = "2")]
    gauge: Option<Value>,
    #[prost(message, optional, tag = "3")]
    counter: Option<Value>,
    #[prost(message, optional, tag = "4")]
    summary: Option<Summary>,
    #[prost(message, optional, tag = "5")]
    untyped: Option<Value>,
    #[prost(message, optional, tag = "7")]
    histogram: Option<Histogram>,
}

#[derive(Clone, PartialEq, Message)]
struct MetricFamily {
    #[prost(string, optional, tag = "1")]
    name: Option<String>,
    #[prost(message, repeated, tag = "4")]
    metric: Vec<Metric>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exposition::Want;

    fn family(name: &str, metric: Metric) -> Vec<u8> {
        let family = MetricFamily {
            name: Some(name.to_owned()),
            metric: vec![metric],
        };
        family.encode_length_delimited_to_vec()
    }

    fn page() -> Vec<u8> {
        let label = LabelPair {
            name: Some("x".to_owned()),
            value: Some("1".to_owned()),
        };
        let gauge = |value| Metric {
            label: vec![label.clone()],
            gauge: Some(Value { value: Some(value) }),
            ..Metric::default()
        };
        let histogram = Metric {
            histogram: Some(Histogram {
                sample_count: Some(5),
                sample_sum: Some(2.5),
                bucket: vec![Bucket {
                    cumulative_count: Some(4),
                    upper_bound: Some(0.1),
                    cumulative_count_float: None,
                }],
                sample_count_float: None,
            }),
            ..Metric::default()
        };
        [
            family("a", gauge(3.0)),
            family("bad", gauge(f64::NAN)),
            family("d", histogram),
        ]
        .concat()
    }

    fn read(wanted: &Wanted, page: &[u8], chunk: usize) -> Result<Sums, Unread> {
        let mut reader = ProtobufReader::new(wanted);
        for chunk in page.chunks(chunk) {
            reader.feed(chunk)?;
        }
        reader.finish()
    }

    #[test]
    fn asked_families_are_read_and_others_skipped_whatever_the_chunks() {
        let mut wanted = Wanted::default();
        let gauge = wanted.add(Want::named("a"));
        let sum = wanted.add(Want::named("d_sum"));
        let count = wanted.add(Want::named("d_count"));
        let buckets = wanted.add(Want {
            by_bound: true,
            ..Want::named("d_bucket")
        });
        for chunk in [1, 3, 1000] {
            let sums = read(&wanted, &page(), chunk).unwrap();
            assert_eq!(sums.get(gauge), Some(3.0));
            assert_eq!((sums.get(sum), sums.get(count)), (Some(2.5), Some(5.0)));
            assert_eq!(sums.buckets(buckets), [(0.1, 4.0)]);
        }
    }

    #[test]
    fn what_is_no_such_page_is_refused() {
        let mut wanted = Wanted::default();
        wanted.add(Want::named("bad"));
        assert_eq!(read(&wanted, &page(), 9).unwrap_err().name(), "impossible");
        let cut = &page()[..20];
        assert_eq!(read(&wanted, cut, 9).unwrap_err().name(), "malformed");
        let endless = [0xff; 64];
        assert_eq!(read(&wanted, &endless, 9).unwrap_err().name(), "malformed");
        let large = [&[0xff, 0xff, 0xff, 0x7f, 0x0a, 3][..], b"bad"].concat();
        assert_eq!(read(&wanted, &large, 9).unwrap_err().name(), "too_long");
    }
}
