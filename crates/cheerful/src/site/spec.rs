// SPDX-License-Identifier: Apache-2.0
use cheerful_gateway::RevisionConfig;
use cheerful_processes::ProcessRevision;
use cheerful_scaling::Scaling;

/// A revision as a person wants it on this machine. The three parts carry the same name.
#[derive(Clone, Debug)]
pub(crate) struct Spec {
    /// How its replicas are run. A change of anything in it makes a new version.
    pub process: ProcessRevision,
    /// Its routes and limits at the gateway. A change holds at once.
    pub door: RevisionConfig,
    /// How it is scaled. A change holds at once.
    pub scaling: Scaling,
}

impl Spec {
    /// The revision's name.
    pub(crate) fn name(&self) -> &str {
        &self.process.name
    }
}
