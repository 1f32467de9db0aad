// SPDX-License-Identifier: Apache-2.0
use http::StatusCode;
use serde_json::{Value, json};

/// Why there is no figure, as Kubernetes tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Status {
    pub(super) code: StatusCode,
    /// The word that counts it: `unknown`, `bad_request`.
    pub(super) reason: &'static str,
    pub(super) message: String,
}

impl Status {
    pub(super) fn bad(message: impl Into<String>) -> Self {
        Self {
            code: StatusCode::BAD_REQUEST,
            reason: "bad_request",
            message: message.into(),
        }
    }

    pub(super) fn unknown(message: impl Into<String>) -> Self {
        Self {
            code: StatusCode::NOT_FOUND,
            reason: "unknown",
            message: message.into(),
        }
    }

    pub(super) fn not_known(message: impl Into<String>) -> Self {
        Self {
            code: StatusCode::SERVICE_UNAVAILABLE,
            reason: "not_known",
            message: message.into(),
        }
    }

    pub(super) fn json(&self) -> Value {
        let reason = match self.code {
            StatusCode::NOT_FOUND => "NotFound",
            StatusCode::FORBIDDEN => "Forbidden",
            StatusCode::SERVICE_UNAVAILABLE => "ServiceUnavailable",
            StatusCode::METHOD_NOT_ALLOWED => "MethodNotAllowed",
            _ => "BadRequest",
        };
        json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": self.message, "reason": reason, "code": self.code.as_u16(),
        })
    }
}
