// SPDX-License-Identifier: Apache-2.0
use std::{fmt, io, process::ExitCode};

/// Why the program ends otherwise than well: the exit code, and what a person is told on stderr.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    /// What the shell sees.
    pub(crate) exit_code: u8,
    /// One clear sentence, or several lines; empty when there is nothing left to say.
    pub(crate) message: String,
}

impl Failure {
    /// Bad input, and nothing was started: exit code 2.
    pub(crate) fn bad_input(message: impl fmt::Display) -> Self {
        Self {
            exit_code: 2,
            message: message.to_string(),
        }
    }

    /// Something failed after the start: exit code 1.
    pub(crate) fn later(message: impl fmt::Display) -> Self {
        Self {
            exit_code: 1,
            message: message.to_string(),
        }
    }

    /// Writing to stdout failed. A reader that has gone (`cheerful ... | head`) has what it wanted:
    /// that is success.
    pub(crate) fn output(error: &io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            Self {
                exit_code: 0,
                message: String::new(),
            }
        } else {
            Self::later(format_args!("the output cannot be written: {error}"))
        }
    }
}

/// Tells a person on stderr what went wrong, and gives the exit code.
pub(crate) fn report(result: Result<(), Failure>) -> ExitCode {
    let Err(failure) = result else {
        return ExitCode::SUCCESS;
    };
    if !failure.message.is_empty() {
        complain(&format!("cheerful: {}", failure.message));
    }
    ExitCode::from(failure.exit_code)
}

/// One line on stderr. That it cannot be written is of no use to anyone.
pub(crate) fn complain(line: &str) {
    use io::Write as _;
    writeln!(io::stderr().lock(), "{line}").ok();
}

/// Text on stdout, as it is.
///
/// # Errors
/// [`Failure::output`].
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    use io::Write as _;
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .map_err(|error| Failure::output(&error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_that_has_gone_is_success() {
        let gone = Failure::output(&io::Error::from(io::ErrorKind::BrokenPipe));
        assert_eq!(
            gone,
            Failure {
                exit_code: 0,
                message: String::new()
            }
        );
        assert_eq!(
            Failure::output(&io::Error::from(io::ErrorKind::StorageFull)).exit_code,
            1
        );
    }
}
