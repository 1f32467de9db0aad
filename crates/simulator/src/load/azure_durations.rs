// SPDX-License-Identifier: Apache-2.0
use std::{collections::HashMap, path::Path};

use super::{
    LoadError,
    lines::{Line, Lines},
    mixture::Times,
    table::{names, split},
};

/// How long each function of the Azure Functions trace of 2019 takes: the file of durations that goes with that of
/// calls.
pub(super) struct Durations {
    functions: HashMap<Box<[u8]>, Times>,
}

/// The columns that are used, in the order of [`Times`]; in milliseconds.
const TIMES: [&str; 7] = [
    "percentile_Average_0",
    "percentile_Average_1",
    "percentile_Average_25",
    "percentile_Average_50",
    "percentile_Average_75",
    "percentile_Average_99",
    "percentile_Average_100",
];
const KEY: &str = "HashFunction";
/// Functions that are kept; the whole of Azure had 80,000.
const FUNCTIONS: usize = 262_144;

impl Durations {
    /// Whether a line names the columns of such a file.
    pub(super) fn is_header(line: &[u8]) -> bool {
        let names = names(line);
        names.iter().any(|name| name == KEY) && names.iter().any(|name| name == TIMES[0])
    }

    /// Reads such a file.
    ///
    /// # Errors
    /// What it lacks, and where it cannot be read.
    pub(super) fn read(path: &Path) -> Result<Self, LoadError> {
        let mut lines = Lines::open(path)?;
        let mut columns = None;
        let mut functions = HashMap::new();
        let mut fields = Vec::new();
        loop {
            let number = lines.number() + 1;
            let wrong = |what: &str| LoadError::unusable(path, Some(number), what);
            let line = match lines.next() {
                Ok(Some(Line::Text(line))) => line,
                Ok(Some(Line::TooLong)) => return Err(wrong("is too long")),
                Ok(None) => break,
                Err(error) => {
                    let path = path.to_owned();
                    let line = number - 1;
                    return Err(LoadError::Read { path, line, error });
                }
            };
            let Some((key, times)) = columns else {
                columns = Some(places(line).ok_or_else(|| wrong(HEADER))?);
                continue;
            };
            split(line, b',', &mut fields);
            let field = |place: usize| {
                let (begin, end) = fields.get(place).copied()?;
                line.get(begin..end)
            };
            let read = |place: usize| {
                let millis: f32 = std::str::from_utf8(field(place)?)
                    .ok()?
                    .trim()
                    .parse()
                    .ok()?;
                (0.0..=1e9).contains(&millis).then_some(millis)
            };
            let times: [usize; 7] = times;
            let mut millis = [0.0; 7];
            for (millis, place) in millis.iter_mut().zip(times) {
                *millis = read(place).ok_or_else(|| wrong(TIME))?;
            }
            if !millis.is_sorted() {
                return Err(wrong("the percentiles should rise"));
            }
            let key: Box<[u8]> = field(key).unwrap_or_default().into();
            if functions.len() < FUNCTIONS {
                functions.insert(key, Times(millis));
            }
        }
        Ok(Self { functions })
    }

    /// What is known of the function that has one of these names.
    pub(super) fn of<'a>(&self, mut names: impl Iterator<Item = &'a [u8]>) -> Option<Times> {
        names.find_map(|name| self.functions.get(name).copied())
    }
}

const HEADER: &str = "should name the columns of durations: HashFunction, percentile_Average_0 to percentile_Average_100";
const TIME: &str = "a percentile should be a number of milliseconds from 0";

fn places(line: &[u8]) -> Option<(usize, [usize; 7])> {
    let names = names(line);
    let place = |wanted: &str| names.iter().position(|name| name == wanted);
    let mut times = [0; 7];
    for (time, name) in times.iter_mut().zip(TIMES) {
        *time = place(name)?;
    }
    Some((place(KEY)?, times))
}
