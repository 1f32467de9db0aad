// SPDX-License-Identifier: Apache-2.0
use bytes::Bytes;
use http::{
    HeaderValue, Response, StatusCode,
    header::{CONNECTION, CONTENT_TYPE, RETRY_AFTER},
};

use crate::{
    body::ResponseBody,
    choose::{Answer, Failure, Place},
    framing::Refusal,
};

/// Makes the response of an answer.
pub(crate) fn respond<P: Place>(answer: Answer) -> Response<ResponseBody<P>> {
    let Answer {
        status,
        retry_after,
        text,
    } = answer;
    let mut line = text.into_owned().into_bytes();
    if !line.is_empty() {
        line.push(b'\n');
    }
    let mut response = Response::new(ResponseBody::Text(Some(Bytes::from(line))));
    *response.status_mut() = status;
    response.headers_mut().insert(
        CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    if let Some(after) = retry_after {
        let seconds = after.as_secs() + u64::from(after.subsec_nanos() > 0);
        response
            .headers_mut()
            .insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

/// The answer to a request that was refused; nothing more is read on its connection.
pub(crate) fn refuse<P: Place>(refusal: Refusal) -> Response<ResponseBody<P>> {
    let mut response = respond(plain(refusal.status(), refusal.text()));
    response
        .headers_mut()
        .insert(CONNECTION, HeaderValue::from_static("close"));
    response
}

/// 502 or 504: for a person, without internals.
pub(crate) fn failed(failure: Failure) -> Answer {
    match failure {
        Failure::Refused => plain(
            StatusCode::BAD_GATEWAY,
            "the service is not there: it takes no connections",
        ),
        Failure::ConnectTimeout => plain(
            StatusCode::GATEWAY_TIMEOUT,
            "the service is not there: it did not take a connection in time",
        ),
        Failure::Closed => plain(
            StatusCode::BAD_GATEWAY,
            "the service ended the connection before it answered",
        ),
        Failure::NotHttp => plain(
            StatusCode::BAD_GATEWAY,
            "the service answered with something that is not HTTP",
        ),
        Failure::FirstByteTimeout => passed(),
    }
}

/// A limit passed before the response began.
pub(crate) fn passed() -> Answer {
    plain(
        StatusCode::GATEWAY_TIMEOUT,
        "the service did not answer in time",
    )
}

/// The body of the request broke off or is malformed.
pub(crate) fn bad_body() -> Answer {
    plain(
        StatusCode::BAD_REQUEST,
        "the request's body is malformed or broke off",
    )
}

pub(crate) fn plain(status: StatusCode, text: &'static str) -> Answer {
    Answer {
        status,
        retry_after: None,
        text: text.into(),
    }
}
