// SPDX-License-Identifier: Apache-2.0
use std::{
    fmt,
    io::{self, IsTerminal as _},
    time::{SystemTime, UNIX_EPOCH},
};

use tracing_subscriber::{
    EnvFilter,
    fmt::{format::Writer, time::FormatTime},
};

use crate::exit::Failure;

/// Sends what is logged to stderr: short lines on a terminal, one JSON object a line elsewhere.
///
/// # Errors
/// `filter` is not a level (`debug`) nor a list of `target=level`.
pub(crate) fn start(filter: &str) -> Result<(), Failure> {
    let filter = EnvFilter::builder().parse(filter).map_err(|error| {
        Failure::bad_input(format_args!(
            "--log-level {filter:?}: {error}; give error, warn, info, debug, trace or off, \
             or a list such as info,cheerful_processes=debug"
        ))
    })?;
    let logs = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr);
    let started = if io::stderr().is_terminal() {
        logs.with_ansi(colour_is_wanted())
            .with_target(false)
            .with_timer(TimeOfDay)
            .try_init()
    } else {
        logs.json()
            .flatten_event(true)
            .with_current_span(false)
            .try_init()
    };
    started.map_err(|error| Failure::later(format_args!("logging cannot start: {error}")))
}

/// Whether `NO_COLOR` (<https://no-color.org>) is absent or empty.
pub(crate) fn colour_is_wanted() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// `08:30:05Z`: the day is known to who looks at a terminal.
struct TimeOfDay;

impl FormatTime for TimeOfDay {
    fn format_time(&self, writer: &mut Writer<'_>) -> fmt::Result {
        #[expect(
            clippy::disallowed_methods,
            reason = "the log is a shell: it dates what happens"
        )]
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        write!(writer, "{}", time_of_day(now.as_secs()))
    }
}

/// The time of day (UTC) of so many seconds since 1970.
pub(crate) fn time_of_day(unix_seconds: u64) -> String {
    let second = unix_seconds % 86_400;
    format!(
        "{:02}:{:02}:{:02}Z",
        second / 3600,
        second / 60 % 60,
        second % 60
    )
}

#[cfg(test)]
mod tests {
    use super::time_of_day;

    #[test]
    fn the_time_of_day_is_of_utc() {
        assert_eq!(time_of_day(0), "00:00:00Z");
        assert_eq!(time_of_day(1_795_508_999), "08:29:59Z");
    }
}
