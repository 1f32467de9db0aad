// SPDX-License-Identifier: Apache-2.0
use std::{
    future::Future,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use tokio::task::JoinSet;

/// Tasks that end when this is dropped.
#[derive(Debug, Default)]
pub struct Tasks {
    set: Arc<Mutex<JoinSet<()>>>,
}

impl Tasks {
    /// Must be called on a tokio runtime.
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        spawn_in(&self.set, task);
    }

    /// For hyper, whose tasks hold the executor that runs them: a weak one, so that they do not keep
    /// themselves alive.
    pub fn executor(&self) -> TaskExecutor {
        TaskExecutor {
            set: Arc::downgrade(&self.set),
        }
    }
}

/// Runs hyper's tasks among [`Tasks`], while those are there.
#[derive(Clone, Debug)]
pub struct TaskExecutor {
    set: Weak<Mutex<JoinSet<()>>>,
}

impl<F: Future<Output = ()> + Send + 'static> hyper::rt::Executor<F> for TaskExecutor {
    fn execute(&self, task: F) {
        if let Some(set) = self.set.upgrade() {
            spawn_in(&set, task);
        }
    }
}

fn spawn_in(set: &Mutex<JoinSet<()>>, task: impl Future<Output = ()> + Send + 'static) {
    let mut set = set.lock().unwrap_or_else(PoisonError::into_inner);
    while set.try_join_next().is_some() {}
    set.spawn(task);
}
