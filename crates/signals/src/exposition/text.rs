// SPDX-License-Identifier: Apache-2.0
use super::{
    LONGEST_LINE, Sums, Wanted,
    line::{Series, name},
    sums::number,
};
use crate::Unread;

/// Reads a text page (Prometheus 0.0.4 or OpenMetrics) as it comes. Lines of other names are not parsed.
#[derive(Debug)]
pub struct TextReader<'a> {
    wanted: &'a Wanted,
    sums: Sums,
    /// What has come of a line.
    line: Vec<u8>,
    /// Whether the page said that it is over (OpenMetrics).
    ended: bool,
    /// Whether a line has a series or a comment: else it is no such page.
    is_page: bool,
}

impl<'a> TextReader<'a> {
    /// Asks for these.
    #[must_use]
    pub fn new(wanted: &'a Wanted) -> Self {
        Self {
            wanted,
            sums: Sums::new(wanted),
            line: Vec::new(),
            ended: false,
            is_page: false,
        }
    }

    /// Takes the next bytes.
    ///
    /// # Errors
    /// For a line over [`LONGEST_LINE`], and for an asked line that cannot be read or whose value is no load.
    pub fn feed(&mut self, mut bytes: &[u8]) -> Result<(), Unread> {
        while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
            let (head, rest) = bytes.split_at_checked(end).unwrap_or((bytes, &[]));
            if self.line.is_empty() {
                short_enough(head.len())?;
                self.take(head)?;
            } else {
                self.keep(head)?;
                let line = std::mem::take(&mut self.line);
                self.take(&line)?;
                self.line = line;
                self.line.clear();
            }
            bytes = rest.get(1..).unwrap_or(&[]);
        }
        self.keep(bytes)
    }

    /// What it came to.
    ///
    /// # Errors
    /// For a page that is none, and as [`TextReader::feed`].
    pub fn finish(mut self) -> Result<Sums, Unread> {
        let line = std::mem::take(&mut self.line);
        self.take(&line)?;
        if self.is_page {
            Ok(self.sums)
        } else {
            Err(Unread::Malformed("it is no page of metrics".to_owned()))
        }
    }

    fn keep(&mut self, bytes: &[u8]) -> Result<(), Unread> {
        short_enough(self.line.len() + bytes.len())?;
        self.line.extend_from_slice(bytes);
        Ok(())
    }

    fn take(&mut self, line: &[u8]) -> Result<(), Unread> {
        let line = line.trim_ascii();
        if line.is_empty() || self.ended {
            return Ok(());
        }
        if line.starts_with(b"#") {
            self.ended = line == b"# EOF";
            self.is_page = true;
            return Ok(());
        }
        // The name alone decides about nearly all lines.
        match name(line) {
            Some(name) if !name.is_empty() && self.wanted.of(name).is_empty() => {
                self.is_page |= is_name(name);
                return Ok(());
            }
            Some(_) => {}
            None => return Ok(()),
        }
        let malformed = || {
            let text: String = String::from_utf8_lossy(line).chars().take(80).collect();
            Unread::Malformed(format!("the line {text:?}"))
        };
        let series = Series::read(line).ok_or_else(malformed)?;
        self.is_page = true;
        if self.wanted.of(&series.name).is_empty() {
            return Ok(());
        }
        let value = number(series.value).ok_or_else(malformed)?;
        let label = |name: &str| series.label(name);
        self.sums.take(self.wanted, &series.name, value, label)
    }
}

fn short_enough(line: usize) -> Result<(), Unread> {
    if line > LONGEST_LINE {
        let why = format!("a line is longer than {LONGEST_LINE} bytes");
        return Err(Unread::Malformed(why));
    }
    Ok(())
}

fn is_name(name: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b':');
    name.bytes().all(fits)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::exposition::Want;

    fn read(wanted: &Wanted, page: &str, chunk: usize) -> Result<Sums, Unread> {
        let mut reader = TextReader::new(wanted);
        for chunk in page.as_bytes().chunks(chunk) {
            reader.feed(chunk)?;
        }
        reader.finish()
    }

    const PAGE: &str = "# HELP r Requests\n# TYPE r counter\nr{code=\"200\"} 7\nr{code=\"500\"} 2\r\nother 9\n\
        d_bucket{le=\"0.1\"} 3\nd_bucket{le=\"+Inf\"} 4\nd_sum 1.5\nd_count 4\n\
        h{handler=\"a\",code=\"1\"} 5\nh{handler=\"a\",code=\"2\"} 1\nh{handler=\"b\",code=\"1\"} 5\nnan NaN";

    #[test]
    fn only_what_is_asked_for_is_summed_whatever_the_chunks() {
        let mut wanted = Wanted::default();
        let all = wanted.add(Want::named("r"));
        let good = BTreeMap::from([("code".to_owned(), "200".to_owned())]);
        let good = wanted.add(Want::named("r").with(&good));
        let none = wanted.add(Want::named("none"));
        let buckets = wanted.add(Want {
            by_bound: true,
            ..Want::named("d_bucket")
        });
        let handlers = wanted.add(Want {
            largest_of: Some("handler".to_owned()),
            ..Want::named("h")
        });
        for chunk in [1, 2, 7, 1000] {
            let sums = read(&wanted, PAGE, chunk).unwrap();
            assert_eq!(sums.get(all), Some(9.0));
            assert_eq!(sums.get(good), Some(7.0));
            assert_eq!(sums.get(none), None);
            assert_eq!(sums.buckets(buckets), [(0.1, 3.0), (f64::INFINITY, 4.0)]);
            assert_eq!(sums.get(handlers), Some(6.0));
        }
    }

    #[test]
    fn what_is_no_load_is_refused_only_where_it_is_asked_for() {
        let mut wanted = Wanted::default();
        wanted.add(Want::named("nan"));
        let unread = read(&wanted, PAGE, 10).unwrap_err();
        assert_eq!(unread.name(), "impossible");
        for (line, name) in [
            ("nan -1\n", "impossible"),
            ("nan +Inf\n", "impossible"),
            ("nan 1e300\n", "impossible"),
            ("nan x\n", "malformed"),
            ("nan{ 1\n", "malformed"),
            ("<html><body>nan</body></html>\n", "malformed"),
            ("", "malformed"),
        ] {
            assert_eq!(read(&wanted, line, 10).unwrap_err().name(), name, "{line}");
        }
        let long = format!("other{{x=\"{}\"}} 1\n", "x".repeat(LONGEST_LINE));
        for chunk in [100, 100_000] {
            assert_eq!(read(&wanted, &long, chunk).unwrap_err().name(), "malformed");
        }
    }

    #[test]
    fn nothing_after_the_end_of_an_open_metrics_page_counts() {
        let mut wanted = Wanted::default();
        let place = wanted.add(Want::named("a_total"));
        let sums = read(&wanted, "a_total 1\n# EOF\na_total 5\n", 4).unwrap();
        assert_eq!(sums.get(place), Some(1.0));
    }
}
