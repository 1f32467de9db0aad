// SPDX-License-Identifier: Apache-2.0
use super::{LoadError, Progress, Summary, pattern::Drawn, reading::Reading};
use crate::Arrival;

/// The requests of a load, in rising time. What cannot be read ends them; [`Arrivals::finish`] says why.
pub struct Arrivals(Source);

enum Source {
    Read(Box<Reading>),
    Drawn(Drawn),
}

impl Arrivals {
    pub(super) fn read(reading: Reading) -> Self {
        Self(Source::Read(Box::new(reading)))
    }

    pub(super) const fn drawn(drawn: Drawn) -> Self {
        Self(Source::Drawn(drawn))
    }

    /// How much of the file has been read; `None` where there is none.
    #[must_use]
    pub fn progress(&self) -> Option<Progress> {
        match &self.0 {
            Source::Read(reading) => Some(reading.progress()),
            Source::Drawn(_) => None,
        }
    }

    /// What was read so far, and what was wrong with it. To be asked at the end.
    ///
    /// # Errors
    /// When the load cannot be used: it cannot be read to its end, more than half of its lines are broken, or it has
    /// no request.
    pub fn finish(self) -> Result<Summary, LoadError> {
        match self.0 {
            Source::Read(reading) => reading.finish(),
            Source::Drawn(drawn) => Ok(drawn.summary()),
        }
    }
}

impl Iterator for Arrivals {
    type Item = Arrival;

    fn next(&mut self) -> Option<Arrival> {
        match &mut self.0 {
            Source::Read(reading) => reading.next(),
            Source::Drawn(drawn) => drawn.next(),
        }
    }
}
