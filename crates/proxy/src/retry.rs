// SPDX-License-Identifier: Apache-2.0
use http::Method;

use crate::{choose::Failure, upstream::SendError};

/// Attempts in all, the first one included.
pub(crate) const MAX_ATTEMPTS: u32 = 3;

/// What can be done after a request was not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// The kept connection was stale, as every kept connection may be: once more there, on a new one.
    SameOnFresh,
    /// Choose again.
    Other,
    GiveUp,
}

/// Whether a request may be sent again. `replayable`: no byte of its body has been taken.
pub(crate) fn next(
    error: &SendError,
    method: &Method,
    replayable: bool,
    reused: bool,
    attempt: u32,
) -> Next {
    let unanswered = matches!(
        error.failure,
        Failure::Refused | Failure::ConnectTimeout | Failure::Closed
    );
    // What may have reached the app is sent again only if doing it twice is doing it once (RFC 9110, 9.2.2).
    let harmless = !error.sent || is_idempotent(method);
    if !unanswered || !replayable || !harmless {
        Next::GiveUp
    } else if reused && error.failure == Failure::Closed {
        Next::SameOnFresh
    } else if attempt + 1 < MAX_ATTEMPTS {
        Next::Other
    } else {
        Next::GiveUp
    }
}

fn is_idempotent(method: &Method) -> bool {
    [
        Method::GET,
        Method::HEAD,
        Method::OPTIONS,
        Method::PUT,
        Method::DELETE,
    ]
    .contains(method)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_can_be_sent_twice_is_sent_twice() {
        let refused = SendError {
            failure: Failure::Refused,
            sent: false,
        };
        let unsent = SendError {
            failure: Failure::Closed,
            sent: false,
        };
        let closed = SendError {
            failure: Failure::Closed,
            sent: true,
        };
        let late = SendError {
            failure: Failure::FirstByteTimeout,
            sent: true,
        };
        for (error, method, replayable, reused, attempt, wanted) in [
            (&refused, Method::POST, true, false, 0, Next::Other),
            (&refused, Method::POST, true, false, 1, Next::Other),
            (&refused, Method::POST, true, false, 2, Next::GiveUp),
            (&closed, Method::GET, true, true, 0, Next::SameOnFresh),
            (&closed, Method::GET, true, false, 0, Next::Other),
            (&closed, Method::PUT, false, false, 0, Next::GiveUp),
            (&closed, Method::POST, true, true, 0, Next::GiveUp),
            (&unsent, Method::POST, true, true, 0, Next::SameOnFresh),
            (&late, Method::GET, true, false, 0, Next::GiveUp),
        ] {
            assert_eq!(
                next(error, &method, replayable, reused, attempt),
                wanted,
                "{error:?} {method} {replayable} {reused} {attempt}"
            );
        }
    }
}
