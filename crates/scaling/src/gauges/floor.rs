// SPDX-License-Identifier: Apache-2.0
use std::fmt;

use serde::{Deserialize, Serialize};

/// The least that a schedule asks for while it is on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Floor {
    /// Fewest replicas.
    pub replicas: u32,
    /// The schedule's name. At most 63 bytes of it are told.
    pub name: String,
}

/// `office: min 5`.
impl fmt::Display for Floor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name: String = self.name.chars().take(63).collect();
        write!(f, "{name}: min {}", self.replicas)
    }
}
