//! What an agent is told when its request is not passed on: errors in the shape its wire expects.

use http_body_util::{BodyExt as _, Full, combinators::UnsyncBoxBody};
use hyper::body::Bytes;
use hyper::header::{CONTENT_TYPE, RETRY_AFTER};
use hyper::{Response, StatusCode};
use serde_json::json;

use super::{Cap, Wire};

/// Every answer's body.
pub(super) type Body = UnsyncBoxBody<Bytes, std::io::Error>;

/// The status past a cap: clients do not send again what is not paid for.
pub(super) const CAP_STATUS: StatusCode = StatusCode::PAYMENT_REQUIRED;

/// An error in the shape of a wire.
pub(super) fn error(wire: Wire, status: StatusCode, code: &str, message: &str) -> Response<Body> {
    let body = match wire {
        Wire::Openai => json!({"error": {"message": message, "type": code, "param": null, "code": code}}),
        Wire::Anthropic => {
            let kind = match status {
                StatusCode::UNAUTHORIZED => "authentication_error",
                StatusCode::PAYMENT_REQUIRED => "billing_error",
                StatusCode::FORBIDDEN => "permission_error",
                StatusCode::NOT_FOUND => "not_found_error",
                StatusCode::PAYLOAD_TOO_LARGE => "request_too_large",
                StatusCode::TOO_MANY_REQUESTS => "rate_limit_error",
                status if status.is_client_error() => "invalid_request_error",
                _ => "api_error",
            };
            json!({"type": "error", "error": {"type": kind, "message": format!("{message} ({code})")}})
        }
    };
    let mut response = Response::new(whole(body.to_string()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, hyper::header::HeaderValue::from_static("application/json"));
    if status == StatusCode::TOO_MANY_REQUESTS {
        response.headers_mut().insert(RETRY_AFTER, hyper::header::HeaderValue::from_static("1"));
    }
    response
}

/// A body that is there already.
pub(super) fn whole(body: impl Into<Bytes>) -> Body {
    Full::new(body.into()).map_err(|never| match never {}).boxed_unsync()
}

/// The attempt is over for the agent.
pub(super) fn capped(wire: Wire, cap: Cap) -> Response<Body> {
    let (code, message) = match cap {
        Cap::Requests => ("cgo_request_cap", "this attempt has made all the requests it may make"),
        Cap::Tokens => ("cgo_token_cap", "this attempt has used all the tokens it may use"),
        Cap::Cost => ("cgo_cost_cap", "this attempt has spent all the money it may spend"),
        Cap::Wall => ("cgo_time_cap", "this attempt has taken all the time it may take"),
        Cap::NoProgress => ("cgo_no_progress", "this attempt sends the same request again and again"),
        Cap::Unauthorized => ("cgo_upstream_key", "the model's endpoint does not accept cgo's key"),
    };
    error(wire, CAP_STATUS, code, message)
}
