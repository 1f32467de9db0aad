// SPDX-License-Identifier: Apache-2.0
use std::sync::Arc;

use tokio::{sync::oneshot, task::JoinSet};

use super::{
    RunOptions,
    memory::{MemoryFile, Recollection},
};
use crate::site::Site;

/// What was learned before, and the task that keeps what is learned now.
#[derive(Debug, Default)]
pub(crate) struct Keeping {
    before: Recollection,
    task: JoinSet<()>,
    ends: Option<oneshot::Sender<()>>,
}

impl Keeping {
    /// Reads what was learned before; nothing where it is not to be kept.
    pub(crate) fn start(options: &RunOptions, site: &Site) -> Self {
        let Some(folder) = &options.state else {
            return Self::default();
        };
        let name = match options.listen.port() {
            0 => "run".to_owned(),
            port => port.to_string(),
        };
        let failures = Arc::clone(&site.parts.memory_failures);
        let file = MemoryFile::open(folder, &name, failures);
        let before = file.recollection();
        let (ends, ended) = oneshot::channel();
        let mut task = JoinSet::new();
        task.spawn(file.keep(site.parts.autoscaler.clone(), ended));
        Self {
            before,
            task,
            ends: Some(ends),
        }
    }

    /// Tells the autoscaler what was learned of these revisions before.
    pub(crate) async fn recall(&mut self, site: &Site, names: &[String]) {
        self.before.recall(&site.parts.autoscaler, names).await;
    }

    /// Writes what was learned last.
    pub(crate) async fn end(mut self) {
        // Dropped, it says so; and if nobody hears it, the task has ended by itself.
        drop(self.ends.take());
        while self.task.join_next().await.is_some() {}
    }
}
