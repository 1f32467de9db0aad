// SPDX-License-Identifier: Apache-2.0
//! The responses that are made here.
use std::{borrow::Cow, time::Duration};

use cheerful_proxy::Answer;
use http::StatusCode;

/// When to come again: places come free, and replicas get ready, in about this time.
const SOON: Duration = Duration::from_secs(1);

/// When to come again after the time limit of holding: starting takes long.
const LATER: Duration = Duration::from_secs(10);

pub(crate) fn no_route() -> Answer {
    answer(
        StatusCode::NOT_FOUND,
        None,
        "no service at this host and path",
    )
}

pub(crate) fn hold_full() -> Answer {
    answer(
        StatusCode::SERVICE_UNAVAILABLE,
        Some(SOON),
        "too many requests wait for this service",
    )
}

pub(crate) fn hold_timeout() -> Answer {
    answer(
        StatusCode::SERVICE_UNAVAILABLE,
        Some(LATER),
        "this service did not get ready in time",
    )
}

pub(crate) fn removed() -> Answer {
    answer(
        StatusCode::SERVICE_UNAVAILABLE,
        Some(SOON),
        "this service was removed",
    )
}

pub(crate) fn ending() -> Answer {
    answer(
        StatusCode::SERVICE_UNAVAILABLE,
        Some(SOON),
        "this gateway is about to end",
    )
}

pub(crate) fn at_zero() -> Answer {
    answer(StatusCode::OK, None, "ok")
}

pub(crate) fn uncounted_at_zero() -> Answer {
    answer(
        StatusCode::SERVICE_UNAVAILABLE,
        Some(SOON),
        "this service is at rest",
    )
}

const fn answer(status: StatusCode, retry_after: Option<Duration>, text: &'static str) -> Answer {
    Answer {
        status,
        retry_after,
        text: Cow::Borrowed(text),
    }
}
