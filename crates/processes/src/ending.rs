// SPDX-License-Identifier: Apache-2.0
use std::{os::unix::process::ExitStatusExt, process::ExitStatus};

/// How a process ended, for people: `exit code 1`, `SIGSEGV`, `SIGABRT, core dumped`.
pub(crate) fn describe(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit code {code}{}", hint(code)),
        (None, Some(signal)) => {
            let core = if status.core_dumped() {
                ", core dumped"
            } else {
                ""
            };
            format!("{}{core}", signal_name(signal))
        }
        (None, None) => status.to_string(),
    }
}

/// What a shell means by these codes.
fn hint(code: i32) -> String {
    match code {
        126 => " (not executable)".to_owned(),
        127 => " (command not found)".to_owned(),
        129..=159 => format!(" ({})", signal_name(code - 128)),
        _ => String::new(),
    }
}

/// The standard signals of Linux by number (signal(7), x86 and ARM).
fn signal_name(signal: i32) -> String {
    const NAMES: [&str; 31] = [
        "SIGHUP",
        "SIGINT",
        "SIGQUIT",
        "SIGILL",
        "SIGTRAP",
        "SIGABRT",
        "SIGBUS",
        "SIGFPE",
        "SIGKILL",
        "SIGUSR1",
        "SIGSEGV",
        "SIGUSR2",
        "SIGPIPE",
        "SIGALRM",
        "SIGTERM",
        "SIGSTKFLT",
        "SIGCHLD",
        "SIGCONT",
        "SIGSTOP",
        "SIGTSTP",
        "SIGTTIN",
        "SIGTTOU",
        "SIGURG",
        "SIGXCPU",
        "SIGXFSZ",
        "SIGVTALRM",
        "SIGPROF",
        "SIGWINCH",
        "SIGIO",
        "SIGPWR",
        "SIGSYS",
    ];
    let index = usize::try_from(signal)
        .ok()
        .and_then(|number| number.checked_sub(1));
    index
        .and_then(|at| NAMES.get(at))
        .map_or_else(|| format!("signal {signal}"), |name| (*name).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_codes_and_signals() {
        let cases = [
            (0, "exit code 0"),
            (1 << 8, "exit code 1"),
            (127 << 8, "exit code 127 (command not found)"),
            (137 << 8, "exit code 137 (SIGKILL)"),
            (9, "SIGKILL"),
            (11 | 0x80, "SIGSEGV, core dumped"),
            (15, "SIGTERM"),
            (31, "SIGSYS"),
            (34, "signal 34"),
        ];
        for (raw, expected) in cases {
            assert_eq!(describe(ExitStatus::from_raw(raw)), expected);
        }
    }
}
