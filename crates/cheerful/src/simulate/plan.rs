// SPDX-License-Identifier: Apache-2.0
use std::{path::Path, time::Duration};

use cheerful_manifest::Revision;
use cheerful_scaling::{Concurrency, Moment};
use cheerful_simulator::{
    Arrival, Contender, Law, Model,
    load::{Arrivals, Format, Load, LoadError, Summary, Trace},
    report::{Comparison, Demand, Figures},
};

use super::{args::SimulateArgs, contest, progress::Progress};
use crate::exit::Failure;

/// What is to be simulated: all that was asked for, checked.
#[derive(Debug)]
pub(super) struct Plan {
    title: String,
    load: Load,
    contenders: Vec<Contender>,
    model: Model,
    assumptions: Vec<String>,
    seed: u64,
}

/// A load of at most so many requests is kept (24 bytes each); a longer one is read again for each policy.
const KEPT: usize = 4_000_000;
/// Slots of a replica where nobody says how many: what `target: auto` begins with.
const SLOTS: u32 = 10;

impl Plan {
    /// # Errors
    /// 2: the manifest cannot be used, or two policies would have one name.
    pub(super) fn new(args: &SimulateArgs) -> Result<Self, Failure> {
        let revision = args
            .manifest
            .as_deref()
            .map(|path| revision(path, args.revision.as_deref()))
            .transpose()?;
        let mut assumptions = vec![format!(
            "a replica takes {} until it answers (--start-up)",
            law(&args.start_up)
        )];
        let slots = match (args.slots, revision.as_ref().map(Revision::concurrency)) {
            (Some(slots), _) | (None, Some(Concurrency::Limit(slots))) => slots,
            (None, Some(Concurrency::Single)) => 1,
            (None, Some(Concurrency::Multi) | None) => {
                assumptions.push(format!(
                    "a replica serves {SLOTS} requests at once: nobody said how many (--slots)"
                ));
                SLOTS
            }
        };
        if args.slots.is_some() || revision.is_some() {
            assumptions.push(format!("a replica serves {slots} requests at once"));
        }
        assumptions.push(format!("seed {}", args.seed));
        Ok(Self {
            title: title(args),
            load: load(args),
            contenders: contenders(args, revision.as_ref())?,
            model: Model {
                slots: Some(slots),
                start_up: args.start_up,
                ..Model::default()
            },
            assumptions,
            seed: args.seed,
        })
    }
    /// How many policies are compared.
    pub(super) const fn policies(&self) -> usize {
        self.contenders.len()
    }
    /// Reads the load once to know it, and then lets every policy meet it.
    ///
    /// # Errors
    /// 2: the load cannot be used.
    pub(super) fn work(self, progress: &Progress) -> Result<Comparison, Failure> {
        let (demand, kept, summary) = self.survey(progress)?;
        let figures = demand.figures();
        let mut assumptions = summary.sentences();
        assumptions.extend(self.assumptions.iter().cloned());
        let model = Model {
            end: summary.end().max(last(&figures)),
            ..self.model.clone()
        };
        let outcomes = contest::each(&self.contenders, progress, |contender| {
            let arrivals = || self.arrivals(kept.as_deref());
            // It was read once already: what fails now is a file that was changed or taken away meanwhile.
            arrivals().map_err(Failure::bad_input)?;
            let load = || progress.watch(arrivals().into_iter().flatten());
            Ok(contender.run(load, &model, self.seed))
        })?;
        let pairs = || self.contenders.iter().zip(&outcomes);
        let floor = pairs()
            .find(|(contender, _)| **contender == Contender::Clairvoyant)
            .map(|(_, outcome)| outcome.replica_seconds);
        let mut comparison = Comparison::new(self.title, figures, model.slots, assumptions);
        comparison.policies = pairs()
            .map(|(contender, outcome)| Figures::of(outcome, contender.about(), floor))
            .collect();
        Ok(comparison)
    }

    fn survey(
        &self,
        progress: &Progress,
    ) -> Result<(Demand, Option<Vec<Arrival>>, Summary), Failure> {
        let mut arrivals = self.load.open(self.seed).map_err(Failure::bad_input)?;
        let mut demand = Demand::default();
        let mut kept = Some(Vec::new());
        for arrival in progress.watch(arrivals.by_ref()) {
            demand.count(&arrival);
            kept = kept.filter(|kept| kept.len() < KEPT);
            if let Some(kept) = &mut kept {
                kept.push(arrival);
            }
        }
        let summary = arrivals.finish().map_err(Failure::bad_input)?;
        progress.survey_ends();
        Ok((demand, kept, summary))
    }

    fn arrivals<'a>(&self, kept: Option<&'a [Arrival]>) -> Result<Source<'a>, LoadError> {
        match kept {
            Some(kept) => Ok(Source::Kept(kept.iter())),
            None => self
                .load
                .open(self.seed)
                .map(|read| Source::Read(Box::new(read))),
        }
    }
}

/// The load once more.
enum Source<'a> {
    Kept(std::slice::Iter<'a, Arrival>),
    Read(Box<Arrivals>),
}

impl Iterator for Source<'_> {
    type Item = Arrival;

    fn next(&mut self) -> Option<Arrival> {
        match self {
            Self::Kept(kept) => kept.next().copied(),
            Self::Read(read) => read.next(),
        }
    }
}

fn last(load: &cheerful_simulator::report::LoadFigures) -> Moment {
    Moment::ZERO.plus(Duration::from_secs_f64(load.seconds))
}

fn title(args: &SimulateArgs) -> String {
    let path = args.trace.as_deref().or(args.recording.as_deref());
    let name = path.map(|path| path.file_name().unwrap_or(path.as_os_str()));
    match name {
        Some(name) => crate::words::printable(&name.to_string_lossy()),
        None => "a load by chance".to_owned(),
    }
}

fn load(args: &SimulateArgs) -> Load {
    match (&args.load, &args.trace, &args.recording) {
        (Some(pattern), ..) => Load::Pattern(*pattern),
        (None, trace, recording) => {
            let path = trace.as_ref().or(recording.as_ref());
            let recorded = recording.as_ref().map(|_| Format::Recording);
            Load::Trace(Trace {
                format: args.format.or(recorded),
                columns: args.column.clone().unwrap_or_default(),
                only: args.only.clone(),
                service: args.service,
                spreading: args.spread,
                period: args.period.0,
                durations: args.durations.clone(),
                ..Trace::new(path.cloned().unwrap_or_default())
            })
        }
    }
}

fn contenders(args: &SimulateArgs, revision: Option<&Revision>) -> Result<Vec<Contender>, Failure> {
    let mut contenders = if args.policies.is_empty() {
        Contender::ALL.to_vec()
    } else {
        args.policies.clone()
    };
    if let Some(revision) = revision {
        // In a cluster the grace period would be 30 s; here the gateway is always in the path.
        let scaling = revision.scaling(Duration::ZERO).map_err(|wrong| {
            let wrong = wrong
                .iter()
                .map(|one| format!("{}: {}: expected {}", one.field, one.value, one.expected));
            Failure::bad_input(wrong.collect::<Vec<_>>().join("\n"))
        })?;
        let name = format!("yours: {}", revision.name());
        contenders.insert(0, Contender::Given(name, Box::new(scaling)));
    }
    let mut named = Vec::new();
    contenders.retain(|contender| {
        let name = contender.to_string();
        let is_new = !named.contains(&name);
        named.push(name);
        is_new
    });
    Ok(contenders)
}

fn revision(path: &Path, name: Option<&str>) -> Result<Revision, Failure> {
    let mut revisions = cheerful_manifest::load_file(path).map_err(Failure::bad_input)?;
    let names = || {
        let names = revisions.iter().map(Revision::name);
        names.collect::<Vec<_>>().join(", ")
    };
    let place = match name {
        Some(name) => revisions.iter().position(|one| one.name() == name),
        None if revisions.len() == 1 => Some(0),
        None => {
            return Err(Failure::bad_input(format_args!(
                "{} has more than one revision: say which with --revision: {}",
                path.display(),
                names()
            )));
        }
    };
    match place {
        Some(place) => Ok(revisions.swap_remove(place)),
        None => Err(Failure::bad_input(format_args!(
            "--revision {}: {} has no such revision, but: {}",
            name.unwrap_or_default(),
            path.display(),
            names()
        ))),
    }
}

/// A law as a person writes it.
fn law(law: &Law) -> String {
    let seconds = |duration: Duration| crate::words::span(duration.as_secs_f64());
    match law {
        Law::Constant(duration) => seconds(*duration),
        Law::Exponential(mean) => format!("{} on average (exponential)", seconds(*mean)),
        Law::Uniform(least, most) => format!("{} to {}", seconds(*least), seconds(*most)),
        other => format!("{} on average ({other:?})", seconds(other.mean())),
    }
}
