// SPDX-License-Identifier: Apache-2.0
use std::time::Duration;

/// Whether the pod stays or goes. Times are those since the sidecar began.
///
/// Kubernetes ends a native sidecar only after the app, so that SIGTERM comes too late to begin with. What comes first
/// is the app's preStop hook, which asks us: entering it begins to drain, and its answer, when all is quiet, is what
/// lets Kubernetes end the app. The same hook is called when the app alone is started again (its liveness probe
/// failed). Then no SIGTERM follows: the app goes, comes back, and we serve on.
#[derive(Debug)]
pub(crate) struct Lifecycle {
    /// The longest that draining takes.
    limit: Duration,
    phase: Phase,
}

#[derive(Clone, Copy, Debug)]
enum Phase {
    Serving,
    Draining {
        begun: Duration,
        /// When a request was last seen.
        busy: Duration,
        /// SIGTERM has come.
        terminated: bool,
        deadline: Duration,
    },
    /// Quiet, or over the limit: who asked was answered, and SIGTERM is awaited.
    Drained {
        begun: Duration,
        /// The app has stopped answering since.
        app_went: bool,
    },
    Stopped,
}

/// What is seen at a step.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen {
    /// A request is there, or has come since the last step.
    pub(crate) busy: bool,
    /// An upgraded connection is there. The app ends it when it is told to end, so the app's end does not wait for it;
    /// ours does.
    pub(crate) upgraded: bool,
    /// The app answers its probe.
    pub(crate) answering: bool,
}

/// From the beginning of a drain, so long requests may still come: endpoints take their time to change.
const SETTLE: Duration = Duration::from_millis(1500);

/// From the last request, so long it has to be quiet.
const QUIET: Duration = Duration::from_secs(1);

/// Between two looks at the requests while draining.
const LOOK: Duration = Duration::from_millis(50);

/// Over the limit already when SIGTERM comes, what is in flight still gets so long.
const LAST: Duration = Duration::from_secs(1);

impl Lifecycle {
    pub(crate) const fn new(limit: Duration) -> Self {
        Self {
            limit,
            phase: Phase::Serving,
        }
    }

    pub(crate) const fn is_draining(&self) -> bool {
        !matches!(self.phase, Phase::Serving)
    }

    /// Who asked to be told when it is drained is answered.
    pub(crate) const fn is_drained(&self) -> bool {
        matches!(self.phase, Phase::Drained { .. } | Phase::Stopped)
    }

    pub(crate) const fn is_stopped(&self) -> bool {
        matches!(self.phase, Phase::Stopped)
    }

    /// The app is about to be ended: its preStop hook asks.
    pub(crate) fn ask(&mut self, now: Duration) {
        if let Phase::Serving = self.phase {
            self.drain(now, false);
        }
    }

    /// SIGTERM; the second one ends at once.
    pub(crate) fn terminate(&mut self, now: Duration) {
        match &mut self.phase {
            Phase::Serving => self.drain(now, true),
            Phase::Draining {
                terminated: terminated @ false,
                deadline,
                ..
            } => {
                *terminated = true;
                *deadline = (*deadline).max(now + LAST);
            }
            Phase::Draining { .. } | Phase::Stopped => self.phase = Phase::Stopped,
            Phase::Drained { begun, .. } => {
                // The next step ends it if it is still quiet.
                self.phase = Phase::Draining {
                    begun: *begun,
                    busy: now.saturating_sub(QUIET),
                    terminated: true,
                    deadline: (*begun + self.limit).max(now + LAST),
                };
            }
        }
    }

    fn drain(&mut self, now: Duration, terminated: bool) {
        self.phase = Phase::Draining {
            begun: now,
            busy: now,
            terminated,
            deadline: now + self.limit,
        };
    }

    /// Time passes. Gives when to look again; `None`: when something happens.
    pub(crate) fn step(&mut self, now: Duration, seen: Seen) -> Option<Duration> {
        match &mut self.phase {
            Phase::Serving | Phase::Stopped => None,
            Phase::Draining {
                begun,
                busy,
                terminated,
                deadline,
            } => {
                let is_busy = seen.busy || (*terminated && seen.upgraded);
                if is_busy {
                    *busy = now;
                }
                let quiet = !is_busy && now >= *begun + SETTLE && now >= *busy + QUIET;
                if !quiet && now < *deadline {
                    return Some((now + LOOK).min(*deadline));
                }
                if *terminated {
                    self.phase = Phase::Stopped;
                    return None;
                }
                let begun = *begun;
                self.phase = Phase::Drained {
                    begun,
                    app_went: !seen.answering,
                };
                Some(begun + self.limit).filter(|at| *at > now)
            }
            Phase::Drained { begun, app_went } => {
                *app_went |= !seen.answering;
                let came_back = *app_went && seen.answering;
                // Nobody ended anything in all the time that there was for it.
                let over = now >= *begun + self.limit && seen.answering;
                if came_back || over {
                    self.phase = Phase::Serving;
                    return None;
                }
                Some(*begun + self.limit).filter(|at| *at > now)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const IDLE: Seen = Seen {
        busy: false,
        upgraded: false,
        answering: true,
    };
    const BUSY: Seen = Seen {
        busy: true,
        upgraded: false,
        answering: true,
    };
    const GONE: Seen = Seen {
        busy: false,
        upgraded: false,
        answering: false,
    };

    fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    fn lifecycle() -> Lifecycle {
        Lifecycle::new(Duration::from_secs(29))
    }

    /// Steps as the shell does, until nothing is due before `until`.
    fn steps(life: &mut Lifecycle, from: Duration, until: Duration, seen: Seen) -> Duration {
        let mut now = from;
        while let Some(next) = life.step(now, seen).filter(|next| *next <= until) {
            assert!(next > now, "it spins at {now:?}");
            now = next;
        }
        now
    }

    #[test]
    fn an_idle_pod_is_drained_in_a_second_and_a_half_and_ends_with_its_sigterm() {
        let mut life = lifecycle();
        assert!(!life.is_draining());
        life.ask(ms(10_000));
        assert!(life.is_draining() && !life.is_drained());
        steps(&mut life, ms(10_000), ms(11_499), IDLE);
        assert!(!life.is_drained());
        steps(&mut life, ms(11_500), ms(11_500), IDLE);
        assert!(life.is_drained() && !life.is_stopped());
        life.terminate(ms(11_700));
        steps(&mut life, ms(11_700), ms(11_700), GONE);
        assert!(life.is_stopped());
    }

    #[test]
    fn sigterm_alone_drains_and_ends() {
        let mut life = lifecycle();
        life.terminate(ms(0));
        assert!(life.is_draining());
        let end = steps(&mut life, ms(0), ms(60_000), IDLE);
        assert!(life.is_stopped());
        assert_eq!(end, ms(1500));
    }

    #[test]
    fn requests_that_keep_coming_are_waited_for_until_the_limit() {
        let mut life = lifecycle();
        life.terminate(ms(0));
        steps(&mut life, ms(0), ms(20_000), BUSY);
        assert!(!life.is_stopped());
        let end = steps(&mut life, ms(20_000), ms(20_999), IDLE);
        assert!(!life.is_stopped(), "{end:?}");
        steps(&mut life, ms(21_000), ms(21_000), IDLE);
        assert!(life.is_stopped());

        let mut life = lifecycle();
        life.terminate(ms(0));
        assert_eq!(steps(&mut life, ms(0), ms(60_000), BUSY), ms(29_000));
        assert!(life.is_stopped());
    }

    #[test]
    fn an_app_that_alone_was_started_again_is_served_again() {
        let mut life = lifecycle();
        life.ask(ms(0));
        steps(&mut life, ms(0), ms(2_000), IDLE);
        assert!(life.is_drained());
        life.step(ms(2_100), GONE);
        assert!(life.is_draining());
        life.step(ms(4_000), IDLE);
        assert!(!life.is_draining());

        // It did not answer when it was drained: that is why it was ended.
        let mut life = lifecycle();
        life.ask(ms(0));
        steps(&mut life, ms(0), ms(2_000), GONE);
        life.step(ms(4_000), IDLE);
        assert!(!life.is_draining());
    }

    #[test]
    fn an_app_that_takes_its_time_to_end_is_not_served_again() {
        let mut life = lifecycle();
        life.ask(ms(0));
        steps(&mut life, ms(0), ms(28_900), IDLE);
        assert!(life.is_drained());
        life.terminate(ms(28_950));
        steps(&mut life, ms(28_950), ms(28_950), IDLE);
        assert!(life.is_stopped());
    }

    #[test]
    fn if_nobody_ends_anything_it_serves_again_after_the_limit() {
        let mut life = lifecycle();
        life.ask(ms(0));
        assert_eq!(steps(&mut life, ms(0), ms(60_000), IDLE), ms(29_000));
        assert!(!life.is_draining());
    }

    #[test]
    fn an_upgraded_connection_is_left_to_the_app_but_not_cut_before_the_limit() {
        let open = Seen {
            upgraded: true,
            ..IDLE
        };
        let mut life = lifecycle();
        life.ask(ms(0));
        steps(&mut life, ms(0), ms(2_000), open);
        assert!(life.is_drained(), "the app may be told to end");
        life.terminate(ms(3_000));
        assert_eq!(steps(&mut life, ms(3_000), ms(60_000), open), ms(29_000));
        assert!(life.is_stopped());
    }

    #[test]
    fn over_the_limit_sigterm_still_gives_a_second() {
        let mut life = lifecycle();
        life.ask(ms(0));
        steps(&mut life, ms(0), ms(29_000), BUSY);
        assert!(life.is_drained());
        life.terminate(ms(29_500));
        let end = steps(&mut life, ms(29_500), ms(60_000), BUSY);
        assert_eq!(end, ms(30_500));
        assert!(life.is_stopped());
    }

    #[test]
    fn a_second_sigterm_ends_at_once() {
        let mut life = lifecycle();
        life.terminate(ms(0));
        life.terminate(ms(10));
        assert!(life.is_stopped());
    }
}
