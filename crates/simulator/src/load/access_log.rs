// SPDX-License-Identifier: Apache-2.0
use std::time::Duration;

use super::{
    clock,
    quantity::{self, Unit, excerpt},
    record::{Edge, Fault, Reader, Record},
};

/// Access logs of web servers: Common or Combined Log Format, and what nginx and Apache append for the time taken.
///
/// After the status and the size the first bare number is the time taken. With a point it is nginx's `$request_time`
/// in seconds, and the time in brackets is the end of the request; without one it is Apache's `%D` in microseconds,
/// and the time in brackets its beginning. A name (`rt=0.012`) beats the place.
pub(super) struct AccessLog {
    only: Option<String>,
}

impl AccessLog {
    /// `only`: requests whose path begins so.
    pub(super) const fn new(only: Option<String>) -> Self {
        Self { only }
    }

    /// Whether a line looks like one of an access log.
    pub(super) fn looks_like(line: &[u8]) -> bool {
        time_and_rest(line).is_some_and(|(time, _)| clock::read(time).is_some())
    }
}

impl Reader for AccessLog {
    fn read(&mut self, line: &[u8]) -> Result<Record, Fault> {
        let Some((time, rest)) = time_and_rest(line) else {
            return Err("no time in brackets, such as [24/Nov/2026:15:04:05 +0000]".into());
        };
        let Some(at) = clock::read(time) else {
            return Err(format!("time {}: {}", excerpt(time), clock::EXPECTED).into());
        };
        let mut words = Words(rest);
        let request = words.next().unwrap_or_default();
        let status = words.next().unwrap_or_default();
        if status.len() != 3 || !status.iter().all(u8::is_ascii_digit) {
            let shown = excerpt(status);
            return Err(
                format!("status {shown:?}: should be three digits after the request").into(),
            );
        }
        if let Some(only) = &self.only {
            let path = request.split(|byte| *byte == b' ').nth(1);
            if !path.is_some_and(|path| path.starts_with(only.as_bytes())) {
                return Ok(Record::Other);
            }
        }
        let _size = words.next();
        let (work, edge) = time_taken(words)?;
        Ok(Record::Request { at, edge, work })
    }
}

/// What stands in the first brackets that hold a time, and what follows them.
fn time_and_rest(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let dated = |eight: &[u8]| matches!(eight, [b'[', _, _, b'/', _, _, _, b'/']);
    let open = line.windows(8).position(dated)?;
    let inside = line.get(open + 1..)?;
    let close = inside.iter().position(|byte| *byte == b']')?;
    Some((inside.get(..close)?, inside.get(close + 1..)?))
}

fn time_taken(words: Words<'_>) -> Result<(Option<Duration>, Edge), Fault> {
    let mut first = None;
    for word in words {
        let (named, number) = match word.iter().position(|byte| *byte == b'=') {
            Some(equals) => (is_name(word.get(..equals)), word.get(equals + 1..)),
            None => (false, Some(word)),
        };
        let number = number.unwrap_or_default();
        if named {
            first = Some(number);
            break;
        }
        if first.is_none() && is_number(word) {
            first = Some(word);
        }
    }
    let Some(number) = first else {
        return Ok((None, Edge::End));
    };
    let (unit, edge) = if number.contains(&b'.') {
        (Unit::Seconds, Edge::End)
    } else {
        (Unit::Micros, Edge::Start)
    };
    Ok((quantity::duration(number, unit)?, edge))
}

fn is_name(name: Option<&[u8]>) -> bool {
    matches!(name, Some(b"rt" | b"request_time" | b"duration" | b"D"))
}

fn is_number(word: &[u8]) -> bool {
    let digits = word.strip_prefix(b"-").unwrap_or(word);
    let points = digits.iter().filter(|byte| **byte == b'.').count();
    !digits.is_empty()
        && points <= 1
        && digits
            .iter()
            .all(|byte| byte.is_ascii_digit() || *byte == b'.')
        && digits.iter().any(u8::is_ascii_digit)
}

/// Words between spaces; one in quotes, with `\"` inside, counts as one.
struct Words<'a>(&'a [u8]);

impl<'a> Iterator for Words<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let rest = self.0.trim_ascii_start();
        if rest.is_empty() {
            return None;
        }
        let Some(quoted) = rest.strip_prefix(b"\"") else {
            let end = rest.iter().position(|byte| *byte == b' ');
            let (word, rest) = rest.split_at(end.unwrap_or(rest.len()));
            self.0 = rest;
            return Some(word);
        };
        let mut escaped = false;
        let end = quoted.iter().position(|byte| {
            let ends = *byte == b'"' && !escaped;
            escaped = *byte == b'\\' && !escaped;
            ends
        });
        // A quote that does not end reaches to the end of the line.
        let end = end.unwrap_or(quoted.len());
        self.0 = quoted.get(end + 1..).unwrap_or_default();
        quoted.get(..end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Record, Fault> {
        AccessLog::new(None).read(line.as_bytes())
    }

    fn taken(tail: &str) -> (Option<Duration>, Edge) {
        let line = format!("1.2.3.4 - bob [24/Nov/2026:15:04:05 +0000] \"GET /a HTTP/1.1\" {tail}");
        match read(&line) {
            Ok(Record::Request { edge, work, .. }) => (work, edge),
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn the_time_taken_is_found_where_there_is_one() {
        let millis = |millis| Some(Duration::from_millis(millis));
        for (tail, work, edge) in [
            ("200 512", None, Edge::End),
            ("200 -", None, Edge::End),
            (r#"200 512 "-" "curl/8""#, None, Edge::End),
            (
                r#"200 512 "http://a/ 7" "a \"b\" 9" 0.250"#,
                millis(250),
                Edge::End,
            ),
            (r#"200 512 "-" "curl" 0.250 0.240"#, millis(250), Edge::End),
            (
                r#"200 512 "-" "curl" "10.0.0.1" 0.250"#,
                millis(250),
                Edge::End,
            ),
            (r#"200 512 "-" "curl" 250000"#, millis(250), Edge::Start),
            ("200 512 0.000", millis(0), Edge::End),
            (
                r#"200 512 "-" "curl" uct=1.5 rt=0.250"#,
                millis(250),
                Edge::End,
            ),
            (r#"200 512 "-" "curl" rt=-"#, None, Edge::Start),
            (r#"200 512 "-" "never ends"#, None, Edge::End),
        ] {
            assert_eq!(taken(tail), (work, edge), "{tail}");
        }
    }

    #[test]
    fn a_broken_line_says_what_is_wrong() {
        let wrong = |line: &str| match read(line) {
            Err(Fault::Broken(what)) => what,
            other => panic!("{line}: {other:?}"),
        };
        assert!(wrong("").contains("no time in brackets"));
        assert!(wrong("a [40/Foo/2026:15:04:05 +0000] \"GET /\" 200").contains("40/Foo"));
        assert!(wrong("a [24/Nov/2026:15:04:05 +0000] \"GET /").contains("three digits"));
        let negative = "a [24/Nov/2026:15:04:05 +0000] \"GET /\" 200 5 -0.5";
        assert_eq!(wrong(negative), "duration -0.5: should be 0 or more");
    }

    #[test]
    fn only_some_paths_are_taken_if_that_is_asked() {
        let mut log = AccessLog::new(Some("/api".to_owned()));
        let line = |path| format!("a [24/Nov/2026:15:04:05 +0000] \"GET {path} HTTP/1.1\" 200 5");
        let mut is_other = |path| log.read(line(path).as_bytes()) == Ok(Record::Other);
        assert!(!is_other("/api/x"));
        assert!(is_other("/"));
        assert!(is_other(""));
    }
}
