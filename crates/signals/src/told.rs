// SPDX-License-Identifier: Apache-2.0
use cheerful_scaling::{Reading, Report};

/// What a source tells of one revision.
#[derive(Clone, Debug, PartialEq)]
pub enum Told {
    /// Requests in flight of one replica, over an interval.
    Report(Report),
    /// The value of a signal that is no request.
    Reading(Reading),
    /// Whether a replica works in the background, so that it is to be neither drained nor scaled to zero.
    Busy {
        /// The replica's name.
        replica: String,
        /// Whether it does.
        busy: bool,
    },
}

/// Why something that was read tells nothing. Nothing of it is used, it is counted by [`Unread::name`], and nothing is
/// ever scaled down by it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unread {
    /// No answer, or none in time.
    #[error("no answer: {0}")]
    Silent(String),
    /// An answer with another status than 200.
    #[error("answered {0}")]
    Status(u16),
    /// A redirect, which is not followed.
    #[error("redirects to {0}, which is not followed")]
    Redirect(String),
    /// Longer than is read.
    #[error("longer than {0} bytes")]
    TooLong(usize),
    /// Not of the form that was asked for.
    #[error("cannot be read: {0}")]
    Malformed(String),
    /// What is asked for is not in it.
    #[error("has no {0}")]
    Absent(String),
    /// A value that is no load: NaN, infinite, negative, or over 10^18.
    #[error("{what} is {value}, and should be a number from 0 on")]
    Impossible {
        /// Which one.
        what: String,
        /// As it was given.
        value: String,
    },
    /// The other side says why it does not tell, in its own words.
    #[error("refuses: {0}")]
    Refused(String),
    /// What is needed to ask is not there: a file with a token, with certificates.
    #[error("is not asked: {0}")]
    Setup(String),
    /// Two answer in turn under one name, so that their counters tell nothing.
    #[error("two answer in turn under one name")]
    Mixed,
    /// TLS that does not verify.
    #[error("its certificate is not accepted: {0}")]
    Certificate(String),
}

/// Whether a number can be a count or a sum of seconds: from 0 on, and not so large that sums of it would have no end.
pub(crate) fn is_load(value: f64) -> bool {
    (0.0..=1e18).contains(&value)
}

impl Unread {
    /// The label under which it is counted.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Silent(_) => "silent",
            Self::Status(_) => "status",
            Self::Redirect(_) => "redirect",
            Self::TooLong(_) => "too_long",
            Self::Malformed(_) => "malformed",
            Self::Absent(_) => "absent",
            Self::Impossible { .. } => "impossible",
            Self::Refused(_) => "refused",
            Self::Setup(_) => "setup",
            Self::Mixed => "mixed",
            Self::Certificate(_) => "certificate",
        }
    }
}
