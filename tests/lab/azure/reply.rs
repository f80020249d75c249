//! Responses of Azure Resource Manager before they have their headers.

use hyper::StatusCode;
use serde_json::{Value, json};

/// A response before it has its headers.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) body: Value,
    pub(crate) headers: Vec<(&'static str, String)>,
}

impl Reply {
    pub(crate) fn new(status: StatusCode, body: Value) -> Self {
        Self { status, body, headers: Vec::new() }
    }

    pub(crate) fn ok(body: Value) -> Self {
        Self::new(StatusCode::OK, body)
    }

    /// Returns an error in the form of `wire/arm-error--*.json`.
    pub(crate) fn error(status: StatusCode, code: &str, message: &str) -> Self {
        let mut own = Self::new(status, json!({ "error": { "code": code, "message": message } }));
        own.headers.push(("x-ms-failure-cause", "gateway".to_owned()));
        own
    }
}
