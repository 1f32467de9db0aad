// SPDX-License-Identifier: Apache-2.0
use std::{collections::BTreeMap, path::PathBuf, time::Duration};

/// How a revision's replicas are run.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)]
pub struct ProcessRevision {
    pub name: String,
    /// Program and arguments; `{port}` in any of them becomes the replica's port. PORT is set too.
    pub command: Vec<String>,
    pub env: BTreeMap<String, String>,
    pub directory: Option<PathBuf>,
    pub run_as: Option<RunAs>,
    pub readiness: Probe,
    /// How long what is in flight may take once a replica is taken out; then SIGTERM all the same. Default 30 s.
    pub drain: Duration,
    /// From SIGTERM to SIGKILL. Default 10 s.
    pub grace: Duration,
}

/// How readiness is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Probe {
    /// The port accepts a connection.
    Tcp,
    /// A GET of this path answers 2xx or 3xx.
    Http(String),
}

/// The user under whom a replica runs (needs root).
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct RunAs {
    pub user: String,
}
