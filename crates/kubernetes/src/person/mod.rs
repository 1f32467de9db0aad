// SPDX-License-Identifier: Apache-2.0
//! What is seen and done in a cluster with a person's own rights, and nobody else's: what its pods wrote last, what memory
//! they have and how they started; a count held by hand.
mod act;
mod pods;
#[cfg(test)]
mod tests;

use kube::Client;

pub use act::ActError;
pub use pods::{PodDetail, PodStart, Seen};

/// A person, by the kubeconfig. Cheap to clone.
#[derive(Clone)]
pub struct Person {
    client: Client,
}

impl Person {
    /// By a client that speaks for that person.
    #[must_use]
    pub const fn new(client: Client) -> Self {
        Self { client }
    }
}

impl std::fmt::Debug for Person {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Person").finish_non_exhaustive()
    }
}
