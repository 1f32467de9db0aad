// SPDX-License-Identifier: Apache-2.0
use std::{collections::BTreeMap, path::PathBuf, time::Duration};

/// How a revision's replicas are run.
#[derive(Clone, Debug, PartialEq)]
pub struct ProcessRevision {
    /// Its name: replicas are called `<name>-1`, `<name>-2` and so on, no number twice in a run.
    pub name: String,
    /// Program and arguments; `{port}` in any of them becomes the replica's port. PORT is set too,
    /// and so are CHEERFUL_REVISION and CHEERFUL_REPLICA. A program without a slash is looked up in
    /// PATH (the revision's own, when `env` gives one); a relative one starts from `directory`.
    pub command: Vec<String>,
    /// Set on top of the environment of this process.
    pub env: BTreeMap<String, String>,
    /// Working directory; by default that of this process.
    pub directory: Option<PathBuf>,
    /// Another user to run as.
    pub run_as: Option<RunAs>,
    /// How readiness is told.
    pub readiness: Probe,
    /// How long what is in flight may take once a replica is taken out; then SIGTERM all the same.
    pub drain: Duration,
    /// From SIGTERM to SIGKILL.
    pub grace: Duration,
}

impl ProcessRevision {
    /// Default of `drain`.
    pub const DRAIN: Duration = Duration::from_secs(30);
    /// Default of `grace`.
    pub const GRACE: Duration = Duration::from_secs(10);

    /// With everything but name and command at its default.
    #[must_use]
    pub fn new(name: impl Into<String>, command: Vec<String>) -> Self {
        Self {
            name: name.into(),
            command,
            env: BTreeMap::new(),
            directory: None,
            run_as: None,
            readiness: Probe::Tcp,
            drain: Self::DRAIN,
            grace: Self::GRACE,
        }
    }
}

/// How readiness is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Probe {
    /// The port accepts a connection.
    Tcp,
    /// A GET of this path answers 2xx or 3xx.
    Http(String),
}

/// The user under whom a replica runs: its user id and primary group from /etc/passwd, no
/// supplementary groups; HOME, USER and LOGNAME are set. Another user than one's own needs root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunAs {
    /// Name in /etc/passwd.
    pub user: String,
}
