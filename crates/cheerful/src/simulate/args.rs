// SPDX-License-Identifier: Apache-2.0
use std::path::PathBuf;

use cheerful_manifest::DurationText;
use cheerful_simulator::{
    Contender, Law,
    load::{Columns, Format, Pattern, Spreading},
};

/// The flags of `cheerful simulate`.
#[derive(Clone, Debug, clap::Args)]
#[command(group(clap::ArgGroup::new("source").required(true).args(["trace", "recording", "load"])))]
pub(crate) struct SimulateArgs {
    /// A log of requests, or another trace; its form is found by its first lines
    #[arg(long, value_name = "FILE")]
    pub(super) trace: Option<PathBuf>,
    /// What `cheerful run --record` wrote
    #[arg(long, value_name = "FILE")]
    pub(super) recording: Option<PathBuf>,
    /// A load by chance, such as poisson:20/s,service=exp:50ms,for=1h
    #[arg(long, value_name = "SPEC")]
    pub(super) load: Option<Pattern>,
    /// The form of the trace, where its first lines do not tell
    #[arg(long, value_name = "FORM", requires = "trace")]
    pub(super) format: Option<Format>,
    /// Which columns or fields hold what: time=ts,duration=latency:ms,key=app
    #[arg(long, value_name = "NAMES", requires = "trace")]
    pub(super) column: Option<Columns>,
    /// Only the requests of this service; of a recording, this revision
    #[arg(long, value_name = "NAME", conflicts_with = "load")]
    pub(super) only: Option<String>,
    /// How long a request takes, where the trace does not say: 50ms, exp:50ms
    #[arg(long, value_name = "LAW", conflicts_with = "load")]
    pub(super) service: Option<Law>,
    /// Where in its period a request comes, where only counts are known
    #[arg(long, value_name = "HOW", requires = "trace", default_value_t = Spreading::default())]
    pub(super) spread: Spreading,
    /// The period that a count stands for
    #[arg(long, value_name = "TIME", requires = "trace", default_value = "60s")]
    pub(super) period: DurationText,
    /// The durations that go with a trace of Azure Functions 2019
    #[arg(long, value_name = "FILE", requires = "trace")]
    pub(super) durations: Option<PathBuf>,
    /// How long a replica takes until it answers: 2s, exp:2s, lognormal:2s:0.5
    #[arg(long, value_name = "LAW", default_value = "2s")]
    pub(super) start_up: Law,
    /// Requests that one replica serves at once [default: the manifest's, or 10]
    #[arg(long, visible_alias = "concurrency", value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(super) slots: Option<u32>,
    /// What decides, one or more of a list [default: all]; --help has the list
    #[arg(long = "policy", value_name = "NAME", value_delimiter = ',', long_help = POLICIES)]
    pub(super) policies: Vec<Contender>,
    /// Also decide with the settings of this manifest
    #[arg(long, value_name = "FILE")]
    pub(super) manifest: Option<PathBuf>,
    /// Which one of the manifest's revisions, where it has more
    #[arg(long, value_name = "NAME", requires = "manifest")]
    pub(super) revision: Option<String>,
    /// Write a page with plots; - is stdout
    #[arg(long, value_name = "FILE")]
    pub(super) html: Option<PathBuf>,
    /// Write the figures as CSV; - is stdout
    #[arg(long, value_name = "FILE")]
    pub(super) csv: Option<PathBuf>,
    /// Write all of it as JSON; - is stdout
    #[arg(long, value_name = "FILE")]
    pub(super) json: Option<PathBuf>,
    /// What chance begins with: the same seed gives the same result
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(super) seed: u64,
}

const POLICIES: &str = "\
What decides; may be given more than once, or with commas between [default: all of these]:
  auto          cheerful with policy: auto, all of it left to it
  stable-panic  cheerful with policy: stable-panic, the classic numbers
  2018          the autoscaler from which both come
  knative       Knative with its defaults
  hpa           Kubernetes' autoscaler on requests in flight
  keda          KEDA's HTTP add-on
  fixed         always as many: the least that lets at most 1 % wait
  fixed:N       always N
  clairvoyant   knows the future: the least that lets nobody wait";

impl SimulateArgs {
    /// The files that are to be written.
    pub(super) fn outputs(&self) -> impl Iterator<Item = &PathBuf> {
        [&self.html, &self.csv, &self.json].into_iter().flatten()
    }
    /// Whether something else than the table goes to stdout.
    pub(super) fn is_stdout_taken(&self) -> bool {
        self.outputs().any(|path| path.as_os_str() == "-")
    }
}
