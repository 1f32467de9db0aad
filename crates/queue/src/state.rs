// SPDX-License-Identifier: Apache-2.0

/// What the parts of the sidecar know of one another.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct State {
    /// The app answers its probe.
    pub(crate) answering: bool,
    /// It has done so at least once.
    pub(crate) has_answered: bool,
    /// Why it did not, the last time it was asked and did not.
    pub(crate) silence: Option<String>,
    /// The pod goes, as far as is known.
    pub(crate) draining: bool,
    /// Who asked to be told when it is drained can be told.
    pub(crate) drained: bool,
}

impl State {
    /// Whether requests should be sent here.
    ///
    /// # Errors
    /// Why not.
    pub(crate) fn ready(&self) -> Result<(), String> {
        if self.draining {
            return Err("shutting down".to_owned());
        }
        if self.answering {
            return Ok(());
        }
        let silence = self.silence.as_deref().unwrap_or("it was not asked yet");
        let yet = if self.has_answered { "" } else { " yet" };
        Err(format!("the app does not answer{yet}: {silence}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_ready_when_the_app_answers_and_the_pod_stays() {
        let mut state = State::default();
        assert!(state.ready().unwrap_err().contains("yet"));
        state.silence = Some("port 8080: connection refused".to_owned());
        assert_eq!(
            state.ready(),
            Err("the app does not answer yet: port 8080: connection refused".to_owned())
        );
        state.answering = true;
        assert_eq!(state.ready(), Ok(()));
        state.draining = true;
        assert_eq!(state.ready(), Err("shutting down".to_owned()));
    }
}
