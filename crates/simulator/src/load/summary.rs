// SPDX-License-Identifier: Apache-2.0
use std::time::Duration;

use cheerful_scaling::Moment;

use super::{Broken, Columns, Edge, Format};

/// What was read of a load: what a person should know before they trust a result.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// The layout that was found or given; `None` where the load came from a law.
    pub format: Option<Format>,
    /// The columns or fields that were used, where they have names.
    pub columns: Option<Columns>,
    /// Lines that were read, without empty ones.
    pub lines: u64,
    /// Requests that were made of them.
    pub requests: u64,
    /// Lines of other services than the one asked for.
    pub other: u64,
    /// Lines that were skipped because something is wrong with them.
    pub broken: u64,
    /// The first of them, at most [`Summary::FIRST_BROKEN`].
    pub first_broken: Vec<Broken>,
    /// Requests that turned up too late to be put in their place.
    pub late: u64,
    /// The file ends in the middle of a gzip stream; what comes after is missing.
    pub cut_off: bool,
    /// What was assumed, in sentences.
    pub assumed: Vec<String>,
    /// From the beginning to the last request, or to the end of the last period.
    pub lasts: Duration,
}

impl Summary {
    /// Broken lines that are told one by one.
    pub const FIRST_BROKEN: usize = 5;

    /// When the load ends, counted from its beginning.
    #[must_use]
    pub fn end(&self) -> Moment {
        Moment::ZERO.plus(self.lasts)
    }

    /// All of it in sentences: what was found, what was assumed, what was wrong.
    #[must_use]
    pub fn sentences(&self) -> Vec<String> {
        let mut all = Vec::new();
        if let Some(format) = self.format {
            let columns = self.columns.as_ref().map(in_words).unwrap_or_default();
            let seconds = self.lasts.as_secs_f64();
            all.push(format!(
                "{} requests in {seconds:.0} s, from {} lines (layout {format}{columns})",
                self.requests, self.lines
            ));
        }
        all.extend(self.assumed.iter().cloned());
        if self.other > 0 {
            all.push(format!("lines of other services: {}", self.other));
        }
        if self.late > 0 {
            all.push(format!(
                "{} requests began so long before they were logged that they were put later than they came",
                self.late
            ));
        }
        if self.cut_off {
            all.push("the gzip file is cut off: what came after is missing".to_owned());
        }
        if self.broken > 0 {
            let share = 100.0 * self.broken as f64 / self.lines.max(1) as f64;
            all.push(format!(
                "{} of {} lines ({share:.3} %) are broken and were skipped",
                self.broken, self.lines
            ));
            all.extend(self.first_broken.iter().map(|broken| format!("  {broken}")));
            if self.broken > self.first_broken.len() as u64 {
                all.push("  and more".to_owned());
            }
        }
        all
    }
}

fn in_words(columns: &Columns) -> String {
    let mut words = String::new();
    if let Some((name, edge)) = &columns.time {
        let what = match edge {
            Edge::Start => "start",
            Edge::End => "end",
        };
        words.push_str(&format!(", {what}={name}"));
    }
    if let Some((name, _)) = &columns.duration {
        words.push_str(&format!(", duration={name}"));
    }
    if let Some(name) = &columns.count {
        words.push_str(&format!(", count={name}"));
    }
    if let Some(name) = &columns.key {
        words.push_str(&format!(", key={name}"));
    }
    words
}
