// SPDX-License-Identifier: Apache-2.0
use std::borrow::Cow;

/// Labels of one series at most.
const MOST_LABELS: usize = 64;

/// A line of a text page that holds a value.
#[derive(Debug, PartialEq)]
pub(super) struct Series<'a> {
    pub(super) name: Cow<'a, str>,
    pub(super) labels: Vec<(&'a str, Cow<'a, str>)>,
    pub(super) value: &'a [u8],
}

/// The name at the front of a line; `None` for a comment, an empty line, or one with the name among its labels.
pub(super) fn name(line: &[u8]) -> Option<&str> {
    let end = (line
        .iter()
        .position(|byte| matches!(byte, b'{' | b' ' | b'\t')))?;
    std::str::from_utf8(line.get(..end)?).ok()
}

impl<'a> Series<'a> {
    /// Reads `name{label="value",...} value [timestamp] [# exemplar]`, and the form of Prometheus 3 with the name in
    /// quotes among the labels.
    pub(super) fn read(line: &'a [u8]) -> Option<Self> {
        let line = std::str::from_utf8(line).ok()?;
        let end = line.find(['{', ' ', '\t'])?;
        let (name, mut rest) = line.split_at_checked(end)?;
        let mut name = Cow::Borrowed(name);
        let mut labels = Vec::new();
        if let Some(inner) = rest.strip_prefix('{') {
            rest = inner.trim_start();
            loop {
                if let Some(after) = rest.strip_prefix('}') {
                    rest = after;
                    break;
                }
                if labels.len() >= MOST_LABELS {
                    return None;
                }
                if rest.starts_with('"') {
                    let (quoted, after) = quoted(rest)?;
                    name = quoted;
                    rest = after.trim_start();
                } else {
                    let (label, after) = rest.split_once('=')?;
                    let (value, after) = quoted(after.trim_start())?;
                    labels.push((label.trim(), value));
                    rest = after.trim_start();
                }
                rest = rest.strip_prefix(',').unwrap_or(rest).trim_start();
            }
        }
        let value = rest.split_ascii_whitespace().next()?.as_bytes();
        (!name.is_empty()).then_some(Self {
            name,
            labels,
            value,
        })
    }

    pub(super) fn label(&self, name: &str) -> Option<&str> {
        let found = self.labels.iter().find(|(label, _)| *label == name);
        found.map(|(_, value)| &**value)
    }
}

/// A text in quotes, and what comes after it.
fn quoted(text: &str) -> Option<(Cow<'_, str>, &str)> {
    let inner = text.strip_prefix('"')?;
    let end = inner.find(['"', '\\'])?;
    let (plain, rest) = inner.split_at_checked(end)?;
    if let Some(after) = rest.strip_prefix('"') {
        return Some((Cow::Borrowed(plain), after));
    }
    let mut value = plain.to_owned();
    let mut characters = rest.chars();
    loop {
        match characters.next()? {
            '"' => return Some((Cow::Owned(value), characters.as_str())),
            '\\' => value.push(match characters.next()? {
                'n' => '\n',
                other => other,
            }),
            other => value.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_with_its_labels_time_and_exemplar() {
        let line = br#"a_total{x="1",y="a\"b\\c\nd,}", z="" ,} 4.5e3 1700000000 # {id="9"} 1"#;
        let series = Series::read(line).unwrap();
        assert_eq!(series.name, "a_total");
        assert_eq!(series.label("y"), Some("a\"b\\c\nd,}"));
        assert_eq!(series.label("z"), Some(""));
        assert_eq!(series.label("none"), None);
        assert_eq!(series.value, b"4.5e3");
        let bare = Series::read(b"up 1").unwrap();
        assert_eq!((&*bare.name, bare.value), ("up", &b"1"[..]));
        let newer = Series::read(br#"{"my.name", x="1"} 2"#).unwrap();
        assert_eq!((&*newer.name, newer.label("x")), ("my.name", Some("1")));
    }

    #[test]
    fn what_is_cut_off_is_no_series() {
        for line in [
            "a",
            "a{",
            "a{x",
            "a{x=",
            "a{x=\"",
            "a{x=\"1",
            "a{x=\"1\"",
            "a{x=\"1\"}",
            "a{x=\"\\",
            "a ",
            "{} 1",
        ] {
            assert_eq!(Series::read(line.as_bytes()), None, "{line}");
        }
    }
}
