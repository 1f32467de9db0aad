// SPDX-License-Identifier: Apache-2.0
use std::{io, path::PathBuf, time::Duration};

use cheerful_scaling::Moment;

use super::{
    Broken, Columns, Edge, Format, LoadError, Progress, Spreading, Summary, azure_llm,
    clock::Stamp,
    lines::{LINE_BYTES, Line, Lines},
    order::{MOST_WAITING, Order, WINDOW},
    record::{Fault, Reader, Record},
    spread::Within,
};
use crate::{Arrival, Law, Rng};

/// A trace while it is read: lines in, requests in rising time out.
pub(super) struct Reading {
    lines: Lines,
    reader: Box<dyn Reader>,
    options: Options,
    phase: Phase,
    /// What the last line said of more than one request.
    many: Option<Many>,
    /// A request whose time leaps ahead, with its line: the next line shows whether it was a mistake.
    leap: Option<(u64, Placed)>,
    order: Order,
    rng: Rng,
    /// The time that is zero, in microseconds.
    origin: Option<i64>,
    /// The last arrival.
    last: Moment,
    assumed: Assumed,
    summary: Summary,
    error: Option<LoadError>,
}

/// What is known of a trace besides its lines.
pub(super) struct Options {
    pub(super) path: PathBuf,
    pub(super) format: Format,
    pub(super) columns: Option<Columns>,
    pub(super) service: Option<Law>,
    pub(super) spreading: Spreading,
    pub(super) seed: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// There may be more lines.
    Lines,
    /// All lines have been read; the reader may have more to say.
    Rest,
    Done,
}

enum Many {
    Period(Within),
    Several,
}

/// A request in time, in microseconds.
#[derive(Clone, Copy)]
struct Placed {
    begin: i64,
    /// The beginning again where the trace does not say how long it took.
    end: i64,
    work: u64,
}

/// What had to be assumed along the way.
#[derive(Default)]
struct Assumed {
    service: bool,
    seconds: bool,
    periods: bool,
}

/// How long a request takes of which neither the trace nor the user says it.
const SERVICE: Law = Law::Exponential(Duration::from_millis(100));
/// After so many lines more than half of which are broken no more are read.
const ENOUGH_LINES: u64 = 10_000;

impl Reading {
    pub(super) fn new(lines: Lines, reader: Box<dyn Reader>, options: Options) -> Self {
        Self {
            origin: reader.origin(),
            lines,
            reader,
            phase: Phase::Lines,
            many: None,
            leap: None,
            order: Order::new(MOST_WAITING),
            rng: Rng::stream(options.seed, STREAM),
            last: Moment::ZERO,
            assumed: Assumed::default(),
            summary: Summary {
                format: Some(options.format),
                columns: options.columns.clone(),
                ..Summary::default()
            },
            error: None,
            options,
        }
    }

    pub(super) fn progress(&self) -> Progress {
        self.lines.progress()
    }

    pub(super) fn next(&mut self) -> Option<Arrival> {
        loop {
            if let Some((begin, micros)) = self.order.pop() {
                return Some(self.arrival(begin, Duration::from_micros(micros)));
            }
            match self.many.take() {
                Some(Many::Period(mut within)) => {
                    if let Some(at) = within.next(&mut self.rng) {
                        self.many = Some(Many::Period(within));
                        let work = self.service();
                        return Some(self.arrival(at, work));
                    }
                }
                Some(Many::Several) => {
                    if let Some((begin, work)) = self.reader.several(&mut self.rng) {
                        self.order.push(begin, work);
                        self.many = Some(Many::Several);
                    }
                }
                None => match self.phase {
                    Phase::Lines => self.line(),
                    Phase::Rest => match self.reader.rest() {
                        Some(record) => self.record(record),
                        None => self.phase = Phase::Done,
                    },
                    Phase::Done => return None,
                },
            }
        }
    }

    pub(super) fn finish(mut self) -> Result<Summary, LoadError> {
        if let Some(error) = self.error.take() {
            return Err(error);
        }
        let mut summary = self.summary;
        if summary.requests == 0 && self.phase == Phase::Done {
            let what = match summary.other {
                0 => "has no request in it".to_owned(),
                other => format!(
                    "has no request of the service that was asked for, but {other} lines of others"
                ),
            };
            return Err(LoadError::unusable(&self.options.path, None, what));
        }
        summary.late = self.order.late();
        if self.options.format == Format::AzureLlm {
            summary.assumed.push(azure_llm::ASSUMED.to_owned());
        }
        summary.assumed.extend(self.reader.assumed());
        if self.assumed.service {
            let law = self.options.service.unwrap_or(SERVICE);
            let who = self
                .options
                .service
                .map_or("taken to be", |_| "by the law given:");
            summary.assumed.push(format!(
                "durations that the trace does not have are {who} {law}"
            ));
        }
        if self.assumed.seconds {
            summary.assumed.push(SECONDS.to_owned());
        }
        if self.assumed.periods {
            let spreading = self.options.spreading;
            summary.assumed.push(format!(
                "within its period a request's place is {spreading}"
            ));
        }
        Ok(summary)
    }

    fn line(&mut self) {
        let read = match self.lines.next() {
            Ok(None) => return self.end(),
            Ok(Some(Line::TooLong)) => {
                Err(Fault::Broken(format!("is longer than {LINE_BYTES} bytes")))
            }
            Ok(Some(Line::Text(line))) if line.trim_ascii().is_empty() => return,
            Ok(Some(Line::Text(line))) => self.reader.read(line),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                self.summary.cut_off = true;
                return self.end();
            }
            Err(error) => {
                let path = self.options.path.clone();
                let line = self.lines.number();
                return self.fail(LoadError::Read { path, line, error });
            }
        };
        self.summary.lines += 1;
        match read {
            Ok(record) => self.record(record),
            Err(Fault::Broken(what)) => self.broken(self.lines.number(), what),
            Err(Fault::Unusable(what)) => {
                let line = Some(self.lines.number());
                self.fail(LoadError::unusable(&self.options.path, line, what));
            }
        }
        if self.summary.lines >= ENOUGH_LINES {
            self.judge();
        }
    }

    fn record(&mut self, record: Record) {
        match record {
            Record::Nothing => (),
            Record::Other => self.summary.other += 1,
            Record::Request { at, edge, work } => {
                let placed = self.placed(at, edge, work);
                self.request(placed);
            }
            Record::Period(period) => {
                let origin = *self.origin.get_or_insert(period.from);
                self.lasts(between(origin, period.from.saturating_add(period.length)));
                self.assumed.periods |= period.count > 0;
                self.many = Some(Many::Period(Within::new(self.options.spreading, period)));
            }
            Record::Several => self.many = Some(Many::Several),
        }
    }

    fn request(&mut self, request: Placed) {
        let number = self.lines.number();
        if let Some((line, leapt)) = self.leap.take() {
            let after = leapt.begin.saturating_sub(request.end);
            if after > WINDOW {
                let what = format!(
                    "its time is {:.0} s after that of the next line",
                    seconds(after)
                );
                self.broken(line, what);
            } else {
                self.order.push(leapt.begin, leapt.work);
            }
        }
        if let Some(behind) = self.order.is_behind(request.end) {
            let what = format!(
                "time goes back by {:.0} s; lines should rise",
                seconds(behind)
            );
            self.broken(number, what);
        } else if self.order.is_ahead(request.begin) {
            self.leap = Some((number, request));
        } else {
            self.order.push(request.begin, request.work);
        }
    }

    fn placed(&mut self, at: Stamp, edge: Edge, work: Option<Duration>) -> Placed {
        let mut time = at.micros;
        if at.grain > 0 {
            self.assumed.seconds = true;
            time = time.saturating_add_unsigned(self.rng.below(at.grain.unsigned_abs()));
        }
        let known = micros(work.unwrap_or_default()) as i64;
        let (begin, end) = match edge {
            Edge::Start => (time, time.saturating_add(known)),
            Edge::End => (time.saturating_sub(known), time),
        };
        let work = micros(work.unwrap_or_else(|| self.service()));
        Placed { begin, end, work }
    }

    fn service(&mut self) -> Duration {
        match (self.options.service, self.reader.draw(&mut self.rng)) {
            (None, Some(work)) => work,
            (law, _) => {
                self.assumed.service = true;
                law.unwrap_or(SERVICE).draw(&mut self.rng)
            }
        }
    }

    fn arrival(&mut self, begin: i64, work: Duration) -> Arrival {
        let origin = *self.origin.get_or_insert(begin);
        self.last = self.last.max(Moment::ZERO.plus(between(origin, begin)));
        self.lasts(self.last.since(Moment::ZERO));
        self.summary.requests += 1;
        Arrival {
            at: self.last,
            work: work.max(Duration::from_micros(1)),
        }
    }

    fn lasts(&mut self, lasts: Duration) {
        self.summary.lasts = self.summary.lasts.max(lasts);
    }

    fn broken(&mut self, line: u64, what: String) {
        self.summary.broken += 1;
        if self.summary.first_broken.len() < Summary::FIRST_BROKEN {
            self.summary.first_broken.push(Broken { line, what });
        }
    }

    /// All lines have been read.
    fn end(&mut self) {
        if let Some((_, request)) = self.leap.take() {
            self.order.push(request.begin, request.work);
        }
        if let (Some(origin), Some(end)) = (self.origin, self.reader.end()) {
            self.lasts(between(origin, end));
        }
        self.order.end();
        self.phase = Phase::Rest;
        self.judge();
    }

    /// Ends with an error if too much is broken.
    fn judge(&mut self) {
        let Summary {
            broken,
            lines,
            first_broken,
            ..
        } = &self.summary;
        if broken.saturating_mul(2) <= *lines {
            return;
        }
        if let Some(first) = first_broken.first().cloned() {
            let (broken, lines, path) = (*broken, *lines, self.options.path.clone());
            self.fail(LoadError::MostlyBroken {
                path,
                broken,
                lines,
                first,
            });
        }
    }

    fn fail(&mut self, error: LoadError) {
        self.error.get_or_insert(error);
        self.many = None;
        self.phase = Phase::Done;
    }
}

/// The stream of chance that places requests; a simulation has others of the same seed.
const STREAM: u64 = 0x7472_6163_6573;

const SECONDS: &str = "times in whole seconds are spread evenly over their second, by the seed";

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

fn between(from: i64, to: i64) -> Duration {
    Duration::from_micros(to.saturating_sub(from).max(0).unsigned_abs())
}

fn seconds(micros: i64) -> f64 {
    micros as f64 / 1e6
}
