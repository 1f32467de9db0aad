// SPDX-License-Identifier: Apache-2.0
use crate::{
    Unread,
    exposition::{Sums, Want, Wanted},
    meter::Figures,
};

/// Where the figures of a replica are on a page.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Preset {
    wanted: Wanted,
    in_flight: Option<Part>,
    waiting: Option<Part>,
    requests: Option<Part>,
    seconds: Option<Part>,
    request_seconds: Option<Part>,
    waited_seconds: Option<Part>,
    refused: Option<Part>,
    buckets: Option<Part>,
    began: Option<Part>,
    busy: Option<Part>,
    /// A metric that the program has from its start, so that a figure that is missing beside it is 0 and not unknown.
    marker: Option<Part>,
}

/// One figure.
#[derive(Clone, Debug, PartialEq)]
struct Part {
    place: usize,
    /// What the number is multiplied by: 0.001 for milliseconds.
    scale: f64,
    /// What is no request of a client: our own read.
    less: f64,
    /// Beside the marker it is unknown where it is missing, not 0: not every version of the program has it.
    of_some_versions: bool,
}

impl Part {
    const fn at(place: usize) -> Self {
        Self {
            place,
            scale: 1.0,
            less: 0.0,
            of_some_versions: false,
        }
    }
}

/// Makes a [`Preset`]; each step names where one figure is.
#[derive(Clone, Debug, Default)]
pub struct PresetBuilder(Preset);

macro_rules! parts {
    ($($(#[$doc:meta])* $name:ident)*) => {
        impl PresetBuilder {
            $($(#[$doc])* #[must_use]
            pub fn $name(mut self, want: Want) -> Self {
                let place = self.0.wanted.add(want);
                self.0.$name = Some(Part::at(place));
                self
            })*
        }
    };
}

parts! {
    /// A gauge: requests inside the app.
    in_flight
    /// A gauge: requests that wait before it.
    waiting
    /// A counter: requests.
    requests
    /// A counter: seconds that finished requests took.
    seconds
    /// A counter: request-seconds so far, those in flight included.
    request_seconds
    /// A counter: seconds that requests waited.
    waited_seconds
    /// A counter: requests refused.
    refused
    /// A gauge: when the process began.
    began
    /// A gauge: other than 0 while the replica works in the background.
    busy
    /// What the program always has.
    marker
}

impl PresetBuilder {
    /// A histogram of how long finished requests took, in seconds: its buckets.
    #[must_use]
    pub fn buckets(mut self, want: Want) -> Self {
        let place = self.0.wanted.add(Want {
            by_bound: true,
            ..want
        });
        self.0.buckets = Some(Part::at(place));
        self
    }

    /// The durations are in milliseconds.
    #[must_use]
    pub const fn in_millis(mut self) -> Self {
        if let Some(part) = &mut self.0.seconds {
            part.scale = 0.001;
        }
        if let Some(part) = &mut self.0.buckets {
            part.scale = 0.001;
        }
        self
    }

    /// So many of the requests in flight are our own reads.
    #[must_use]
    pub const fn less(mut self, own: f64) -> Self {
        if let Some(part) = &mut self.0.in_flight {
            part.less = own;
        }
        self
    }

    /// Not every version of the program has the gauge of requests: where it is missing it is unknown, though the marker
    /// is there.
    #[must_use]
    pub const fn gauge_of_some_versions(mut self) -> Self {
        if let Some(part) = &mut self.0.in_flight {
            part.of_some_versions = true;
        }
        self
    }

    /// What was named.
    #[must_use]
    pub fn build(self) -> Preset {
        self.0
    }
}

impl Preset {
    /// What is to be kept of the page.
    #[must_use]
    pub const fn wanted(&self) -> &Wanted {
        &self.wanted
    }

    /// The figures of a page.
    ///
    /// # Errors
    /// When nothing on it says how many requests are in flight.
    pub fn figures(&self, sums: &Sums) -> Result<Figures, Unread> {
        let is_there = (self.marker.as_ref()).is_some_and(|marker| sums.has(marker.place));
        let get = |part: &Option<Part>| {
            let part = part.as_ref()?;
            let is_zero = is_there && !part.of_some_versions;
            let value = sums.get(part.place).or_else(|| is_zero.then_some(0.0))?;
            Some((value * part.scale - part.less).max(0.0))
        };
        let buckets = self.buckets.as_ref().map(|part| {
            let scale = |(bound, count): (f64, f64)| (bound * part.scale, count);
            sums.buckets(part.place).into_iter().map(scale).collect()
        });
        let figures = Figures {
            in_flight: get(&self.in_flight),
            waiting: get(&self.waiting),
            requests: get(&self.requests),
            seconds: get(&self.seconds),
            request_seconds: get(&self.request_seconds),
            waited_seconds: get(&self.waited_seconds),
            refused: get(&self.refused),
            buckets: buckets.unwrap_or_default(),
            began: get(&self.began).filter(|began| *began > 0.0),
        };
        if figures.says_load() || self.busy.as_ref().is_some_and(|busy| sums.has(busy.place)) {
            Ok(figures)
        } else {
            Err(Unread::Absent(self.load_name()))
        }
    }

    /// Whether the replica says that it works in the background.
    #[must_use]
    pub fn busy(&self, sums: &Sums) -> Option<bool> {
        Some(sums.get(self.busy.as_ref()?.place)? != 0.0)
    }

    /// What a page without load lacks.
    fn load_name(&self) -> String {
        let parts = [&self.in_flight, &self.request_seconds, &self.seconds];
        let names = parts.into_iter().flatten().filter_map(|part| {
            let want = self.wanted.get(part.place)?;
            let labels = want
                .labels
                .iter()
                .map(|(key, value)| format!("{key}={value:?}"));
            let labels: Vec<_> = labels.collect();
            Some(if labels.is_empty() {
                want.name.clone()
            } else {
                format!("{}{{{}}}", want.name, labels.join(","))
            })
        });
        names.collect::<Vec<_>>().join(" or ")
    }
}
