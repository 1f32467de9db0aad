// SPDX-License-Identifier: Apache-2.0
use cheerful_scaling::{Paused, Scaling, Settings};

use super::{Action, revision::Revision};

impl Revision {
    /// Holds the count in place of what the manifest says, until told otherwise (`None`) or the end of the instance.
    ///
    /// # Errors
    /// When the settings do not allow it, in words; then nothing has changed.
    pub(super) fn hold(&mut self, paused: Option<Paused>) -> Result<Action, String> {
        with(&self.scaling, paused)?;
        self.held = paused;
        Ok(self.rescale())
    }

    /// Tells the autoscaler how it is scaled now.
    pub(super) fn rescale(&self) -> Action {
        // A manifest that came later may not allow what is held; then the manifest holds.
        let scaling = with(&self.scaling, self.held).unwrap_or_else(|_| self.scaling.clone());
        Action::Rescale {
            revision: self.current.revision.clone(),
            scaling: Box::new(scaling),
        }
    }
}

fn with(scaling: &Scaling, paused: Option<Paused>) -> Result<Scaling, String> {
    let Some(paused) = paused else {
        return Ok(scaling.clone());
    };
    let settings = Settings {
        paused,
        ..scaling.settings().clone()
    };
    Scaling::new(settings).map_err(|faults| {
        let one = |fault: cheerful_scaling::Invalid| {
            format!(
                "{}: {}; {} is right",
                fault.field, fault.value, fault.expected
            )
        };
        faults.into_iter().map(one).collect::<Vec<_>>().join("; ")
    })
}
