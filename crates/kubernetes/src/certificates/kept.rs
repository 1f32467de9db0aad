// SPDX-License-Identifier: Apache-2.0
use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};

/// A certificate authority with its key, as it is kept. Times are since 1970.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct Root {
    pub certificate: String,
    pub key: String,
    pub made: Duration,
    pub ends: Duration,
}

/// What is to be known of the certificate that the autoscalers serve with. Times are since 1970.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs)]
pub struct Issued {
    pub names: Vec<String>,
    pub made: Duration,
    pub ends: Duration,
    /// When the authority was made that signed it.
    pub signed_by: Duration,
}

/// Without the key.
impl fmt::Debug for Root {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Root")
            .field("made", &self.made)
            .field("ends", &self.ends)
            .finish_non_exhaustive()
    }
}
