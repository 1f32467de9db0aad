// SPDX-License-Identifier: Apache-2.0
use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use super::{
    Arrivals, Columns, Format, LoadError, SpecError, Spreading,
    access_log::AccessLog,
    azure_2019, azure_2021,
    azure_durations::Durations,
    azure_llm,
    json_lines::JsonLines,
    lines::{Line, Lines},
    periods,
    quantity::excerpt,
    reading::{Options, Reading},
    record::Reader,
    recording::Recording,
    table::Table,
};
use crate::Law;

/// A file that says when requests came.
#[derive(Clone, Debug, PartialEq)]
pub struct Trace {
    /// Where it is; plain text or gzip.
    pub path: PathBuf,
    /// Its layout; found by its first lines where it is not given.
    pub format: Option<Format>,
    /// The columns of a table or the fields of JSON lines; guessed by their names where they are not given.
    pub columns: Columns,
    /// Only requests of the service (the column `key`, a path, an app, a function) whose name begins so; of a recording
    /// those of the revision with this name.
    pub only: Option<String>,
    /// How long a request takes where the trace does not say it.
    pub service: Option<Law>,
    /// Where in its period a request comes where only counts are known.
    pub spreading: Spreading,
    /// The period that a count stands for.
    pub period: Duration,
    /// The file of durations that goes with calls of Azure Functions 2019.
    pub durations: Option<PathBuf>,
}

/// Lines by which a layout is found.
const FIRST_LINES: usize = 8;
/// The longest period of a count: a year.
const LONGEST_PERIOD: Duration = Duration::from_secs(365 * 86_400);

impl Trace {
    /// A file of which nothing else is said.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            format: None,
            columns: Columns::default(),
            only: None,
            service: None,
            spreading: Spreading::default(),
            period: Duration::from_secs(60),
            durations: None,
        }
    }

    /// The requests from the beginning.
    ///
    /// # Errors
    /// What is wrong with the file, as far as its first lines show it.
    pub fn open(&self, seed: u64) -> Result<Arrivals, LoadError> {
        self.check()?;
        let first = first_lines(&self.path)?;
        let head = first.first().map(Vec::as_slice).unwrap_or_default();
        let line = || Some(1).filter(|_| !first.is_empty());
        let wrong = |what: String| LoadError::unusable(&self.path, line(), what);
        let format = match self.format {
            Some(format) => format,
            None => Format::detect(&first, &self.columns)
                .map_err(|what| wrong(format!("{:?}: {what}", excerpt(head))))?,
        };
        let (reader, columns) = self.reader(format, head)?;
        let options = Options {
            path: self.path.clone(),
            format,
            columns,
            service: self.service,
            spreading: self.spreading,
            seed,
        };
        let lines = Lines::open(&self.path)?;
        Ok(Arrivals::read(Reading::new(lines, reader, options)))
    }

    fn check(&self) -> Result<(), SpecError> {
        let period = self.period;
        if period < Duration::from_millis(1) || period > LONGEST_PERIOD {
            let value = format!("{period:?}");
            return Err(SpecError::new(
                "period",
                value,
                "should be from 1 ms to 365 days",
            ));
        }
        Ok(())
    }

    fn reader(
        &self,
        format: Format,
        head: &[u8],
    ) -> Result<(Box<dyn Reader>, Option<Columns>), LoadError> {
        let wrong = |what| LoadError::unusable(&self.path, Some(1), what);
        let only = self.only.clone();
        let period = self.period.as_micros() as i64;
        let reader: Box<dyn Reader> = match format {
            Format::AccessLog => Box::new(AccessLog::new(only)),
            Format::JsonLines => {
                let (reader, columns) = JsonLines::new(head, &self.columns, only).map_err(wrong)?;
                return Ok((Box::new(reader), Some(columns)));
            }
            Format::Csv => {
                let (reader, columns) =
                    Table::with_columns(head, &self.columns, only, period).map_err(wrong)?;
                return Ok((Box::new(reader), Some(columns)));
            }
            Format::Counts => Box::new(periods::table(head, period)),
            Format::Azure2019 => {
                let durations = self.durations.as_deref().map(Durations::read).transpose()?;
                Box::new(azure_2019::Day::new(head, only, durations).map_err(wrong)?)
            }
            Format::Azure2021 => Box::new(azure_2021::table(head, only)),
            Format::AzureLlm => Box::new(azure_llm::table(head)),
            Format::Recording => Box::new(Recording::new(only)),
        };
        Ok((reader, None))
    }
}

/// The first lines that say something, by which a layout is found.
fn first_lines(path: &Path) -> Result<Vec<Vec<u8>>, LoadError> {
    let mut lines = Lines::open(path)?;
    let mut first = Vec::new();
    // What is broken further down is told when it is read.
    for _ in 0..FIRST_LINES {
        match lines.next() {
            Ok(Some(Line::Text(line))) if !line.trim_ascii().is_empty() => {
                first.push(line.to_vec())
            }
            Ok(Some(_)) => (),
            Ok(None) | Err(_) => break,
        }
    }
    Ok(first)
}
