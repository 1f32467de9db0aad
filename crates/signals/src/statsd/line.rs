// SPDX-License-Identifier: Apache-2.0
use super::Tags;

/// One line of a datagram, in place: `name:value|kind|@rate|#tag:value,tag`. Values may be several
/// (`name:1:2:3|ms`), and tags may stand behind the name (`name;tag=value`, `name,tag=value`, `name[tag=value]`,
/// `name#tag=value`).
#[derive(Clone, Copy, Debug)]
pub struct Line<'a> {
    /// The name, without tags.
    pub name: &'a [u8],
    /// What its values are.
    pub kind: Kind,
    /// How many of those that happened were sent: 0.000001 at least, 1 at most.
    pub rate: f64,
    /// Its tags.
    pub tags: Tags<'a>,
    values: &'a [u8],
}

/// What the values of a line are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `c`: more of it.
    Counter,
    /// `g`: its level, or with a sign a change of it.
    Gauge,
    /// `ms`: a duration in milliseconds.
    Timer,
    /// `h` and `d`: an amount.
    Amount,
}

/// A value stands for no more than a million: none can make the sum endless.
const LEAST_RATE: f64 = 1e-6;

/// Why a line tells nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Wrong {
    /// No name before the first colon, or none that is text.
    #[error("no name")]
    Name,
    /// No number.
    #[error("no value that is a number")]
    Value,
    /// A kind that is not known.
    #[error("a kind that is not known")]
    Kind,
    /// A rate that is none.
    #[error("a rate that is not within 0.000001 and 1")]
    Rate,
    /// Sets, events and checks, which no load follows from.
    #[error("a set, an event or a check")]
    Ignored,
}

/// A line whose name has been found, and nothing else looked at: most lines are of no interest.
#[derive(Clone, Copy, Debug)]
pub(super) struct Head<'a> {
    pub(super) name: &'a [u8],
    behind: Tags<'a>,
    rest: &'a [u8],
}

/// One value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Value {
    pub(super) number: f64,
    /// Whether it began with a sign.
    pub(super) signed: bool,
}

impl<'a> Line<'a> {
    /// Reads a line.
    ///
    /// # Errors
    /// Says why it tells nothing.
    pub fn read(line: &'a [u8]) -> Result<Self, Wrong> {
        Head::read(line)?.line()
    }

    pub(super) fn values(&self) -> impl Iterator<Item = Result<Value, Wrong>> + 'a {
        self.values.split(|byte| *byte == b':').map(value)
    }

    /// Its numbers, for a look at what was read.
    ///
    /// # Errors
    /// For one that is none.
    pub fn numbers(&self) -> Result<Vec<f64>, Wrong> {
        self.values()
            .map(|value| value.map(|value| value.number))
            .collect()
    }
}

impl<'a> Head<'a> {
    pub(super) fn read(line: &'a [u8]) -> Result<Self, Wrong> {
        if line.starts_with(b"_e{") || line.starts_with(b"_sc|") {
            return Err(Wrong::Ignored);
        }
        let is_end = |byte: &u8| matches!(byte, b':' | b';' | b',' | b'[' | b'#' | b'|');
        let end = line.iter().position(is_end).ok_or(Wrong::Name)?;
        let (name, after) = line.split_at(end);
        if name.is_empty() {
            return Err(Wrong::Name);
        }
        let (mark, after) = after.split_first().ok_or(Wrong::Name)?;
        if *mark == b':' {
            return Ok(Self {
                name,
                behind: Tags::default(),
                rest: after,
            });
        }
        let (behind, rest) = match mark {
            b'|' => return Err(Wrong::Value),
            b'[' => {
                let (inside, rest) = split(after, b']').ok_or(Wrong::Name)?;
                (inside, rest.strip_prefix(b":").ok_or(Wrong::Value)?)
            }
            _ => split(after, b':').ok_or(Wrong::Value)?,
        };
        let separator = if *mark == b';' { b';' } else { b',' };
        Ok(Self {
            name,
            behind: Tags::behind_the_name(behind, separator),
            rest,
        })
    }

    pub(super) fn line(self) -> Result<Line<'a>, Wrong> {
        let (values, rest) = split(self.rest, b'|').ok_or(Wrong::Value)?;
        let (kind, mut rest) = split(rest, b'|').unwrap_or((rest, &[]));
        let kind = match kind {
            b"c" => Kind::Counter,
            b"g" => Kind::Gauge,
            b"ms" => Kind::Timer,
            b"h" | b"d" => Kind::Amount,
            b"s" => return Err(Wrong::Ignored),
            _ => return Err(Wrong::Kind),
        };
        let (mut rate, mut tags) = (1.0, self.behind);
        while !rest.is_empty() {
            let (part, after) = split(rest, b'|').unwrap_or((rest, &[]));
            match part.split_first() {
                Some((b'@', text)) => {
                    let read = number(text).ok_or(Wrong::Rate)?;
                    if !(LEAST_RATE..=1.0).contains(&read) {
                        return Err(Wrong::Rate);
                    }
                    rate = read;
                }
                Some((b'#', text)) => tags = tags.and(text),
                // A container's id, a time, and what may be thought of later.
                Some(_) | None => {}
            }
            rest = after;
        }
        Ok(Line {
            name: self.name,
            kind,
            rate,
            tags,
            values,
        })
    }
}

fn split(bytes: &[u8], at: u8) -> Option<(&[u8], &[u8])> {
    let place = bytes.iter().position(|byte| *byte == at)?;
    Some((bytes.get(..place)?, bytes.get(place + 1..)?))
}

fn value(text: &[u8]) -> Result<Value, Wrong> {
    Ok(Value {
        number: number(text).ok_or(Wrong::Value)?,
        signed: matches!(text.first(), Some(b'+' | b'-')),
    })
}

/// A number; NaN and infinities are numbers here, and refused where they are used.
fn number(text: &[u8]) -> Option<f64> {
    // Most are short and whole.
    if !text.is_empty() && text.len() <= 15 && text.iter().all(u8::is_ascii_digit) {
        let digits = text.iter().map(|digit| u64::from(digit - b'0'));
        return Some(digits.fold(0, |sum, digit| sum * 10 + digit) as f64);
    }
    std::str::from_utf8(text).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Line<'_> {
        Line::read(line.as_bytes()).unwrap()
    }

    fn wrong(line: &str) -> Wrong {
        Line::read(line.as_bytes())
            .and_then(|line| line.numbers())
            .unwrap_err()
    }

    #[test]
    fn each_kind_is_read() {
        for (text, kind, values) in [
            ("hits:1|c", Kind::Counter, vec![1.0]),
            ("load:-2.5|g", Kind::Gauge, vec![-2.5]),
            ("load:+4|g", Kind::Gauge, vec![4.0]),
            ("took:320.5|ms", Kind::Timer, vec![320.5]),
            ("took:0.32|h", Kind::Amount, vec![0.32]),
            ("took:1:2:3|d", Kind::Amount, vec![1.0, 2.0, 3.0]),
            (
                "much:12345678901234567890|c",
                Kind::Counter,
                vec![12_345_678_901_234_567_890.0],
            ),
            ("few:1e-3|c", Kind::Counter, vec![0.001]),
        ] {
            let line = read(text);
            assert_eq!(
                (line.kind, line.numbers().unwrap()),
                (kind, values),
                "{text}"
            );
        }
    }

    #[test]
    fn rate_tags_and_what_is_not_known_come_in_any_order() {
        for text in [
            "hits:3|c|@0.1|#revision:hello,replica:hello-1,plain",
            "hits:3|c|#revision:hello,replica:hello-1,plain|@0.1|c:83c0|T1656581400|e:it-false",
        ] {
            let line = read(text);
            assert_eq!(line.rate, 0.1);
            assert_eq!(line.tags.get(b"revision"), Some(&b"hello"[..]));
            assert_eq!(line.tags.get(b"replica"), Some(&b"hello-1"[..]));
            assert_eq!(line.tags.get(b"plain"), Some(&b""[..]));
            assert_eq!(line.tags.get(b"other"), None);
        }
    }

    #[test]
    fn tags_may_stand_behind_the_name() {
        for text in [
            "envoy.cluster.upstream_rq_active;envoy.cluster_name=shop;x=1:7|g",
            "envoy.cluster.upstream_rq_active,envoy.cluster_name=shop,x=1:7|g",
            "envoy.cluster.upstream_rq_active[envoy.cluster_name=shop,x=1]:7|g",
            "envoy.cluster.upstream_rq_active#envoy.cluster_name=shop,x=1:7|g",
        ] {
            let line = read(text);
            assert_eq!(line.name, b"envoy.cluster.upstream_rq_active", "{text}");
            assert_eq!(line.tags.get(b"envoy.cluster_name"), Some(&b"shop"[..]));
            assert_eq!(line.numbers().unwrap(), [7.0]);
        }
    }

    #[test]
    fn what_is_wrong_has_a_reason() {
        for (line, reason) in [
            ("", Wrong::Name),
            ("hits", Wrong::Name),
            (":1|c", Wrong::Name),
            ("hits|c", Wrong::Value),
            ("hits:1", Wrong::Value),
            ("hits:|c", Wrong::Value),
            ("hits:one|c", Wrong::Value),
            ("hits:1:|c", Wrong::Value),
            ("hits:1|", Wrong::Kind),
            ("hits:1|x", Wrong::Kind),
            ("hits:1|c|@", Wrong::Rate),
            ("hits:1|c|@0", Wrong::Rate),
            ("hits:1|c|@1.5", Wrong::Rate),
            ("hits:1|c|@1e-300", Wrong::Rate),
            ("hits:1|c|@NaN", Wrong::Rate),
            ("hits[a=b:1|c", Wrong::Name),
            ("hits[a=b]1|c", Wrong::Value),
            ("hits;a=b", Wrong::Value),
            ("users:17|s", Wrong::Ignored),
            ("_e{5,4}:title|text", Wrong::Ignored),
            ("_sc|check|0", Wrong::Ignored),
        ] {
            assert_eq!(wrong(line), reason, "{line}");
        }
    }
}
