// SPDX-License-Identifier: Apache-2.0
use std::{
    io,
    os::fd::{FromRawFd, OwnedFd},
    time::Duration,
};

use sd_notify::NotifyState;

/// The sockets that systemd hands over (`LISTEN_FDS`). To be called once, first of all.
///
/// # Errors
/// When the variables are there but make no sense.
pub(crate) fn sockets() -> io::Result<Vec<OwnedFd>> {
    #[expect(
        unsafe_code,
        reason = "a descriptor that was inherited can be owned in no other way"
    )]
    let own = |fd| {
        // SAFETY: `listen_fds` checks that LISTEN_PID is this process, so these descriptors were opened for it by
        // whoever started it; this is called once and before anything else that opens files, so nobody else owns them.
        unsafe { OwnedFd::from_raw_fd(fd) }
    };
    Ok(sd_notify::listen_fds()?.map(own).collect())
}

/// Tells systemd, if it asked to be told.
pub(crate) fn ready() {
    notify(&[NotifyState::Ready]);
}

/// A reload begins; [`ready`] ends it.
pub(crate) fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => notify(&[NotifyState::Reloading, now]),
        Err(error) => tracing::warn!("systemd is not told of the reload: {error}"),
    }
}

/// We are about to end.
pub(crate) fn stopping() {
    notify(&[NotifyState::Stopping]);
}

/// We are alive.
pub(crate) fn alive() {
    notify(&[NotifyState::Watchdog]);
}

/// How often to say [`alive`]: twice in the time that systemd allows; `None` if it did not ask.
pub(crate) fn watchdog() -> Option<Duration> {
    sd_notify::watchdog_enabled().map(|limit| limit / 2)
}

fn notify(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::warn!("systemd cannot be told: {error}");
    }
}
