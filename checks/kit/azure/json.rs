//! One request to a host that should respond with JSON.

use serde_json::Value;

use crate::kit::{
    engine::Cx,
    net::{Connection, Fault, Request},
    redact::sanitize_text,
    rules::Malformed,
};

/// The longest response that is read: tokens and errors are short.
const MAX_ANSWER_BYTES: usize = 256 * 1024;

/// A host's response.
pub(super) struct Answer {
    pub(super) status: u16,
    /// The value of the `Server` header.
    pub(super) server: Option<String>,
    /// The body; null when it is not JSON.
    pub(super) body: Value,
    kind: Option<String>,
}

impl Answer {
    /// Returns a string from the body; `None` when it is missing or empty.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.body.get(name)?.as_str().filter(|text| !text.is_empty())
    }

    /// Returns in a few words what came in place of a token.
    pub(super) fn said(&self) -> String {
        let said = self.text("error_description").or_else(|| self.text("error"));
        let said =
            said.map(|words| sanitize_text(without_ids(words))).or_else(|| self.kind.clone());
        said.unwrap_or_else(|| Malformed::NotJson.to_string())
    }
}

/// Removes the ids at the end of an Entra message, which differ each time. IMDS passes such
/// messages on.
fn without_ids(words: &str) -> &str {
    words[..words.find("Trace ID:").unwrap_or(words.len())].trim()
}

/// Sends the request and reads the response up to the limit.
pub(super) async fn ask(
    cx: &Cx,
    connection: &Connection,
    request: &Request,
) -> Result<Answer, Fault> {
    let reply = connection.ask(cx, request).await?;
    let status = reply.status;
    let text = |name| reply.header(name).map(sanitize_text);
    let (server, kind) = (text("server"), text("content-type"));
    let kind = kind.map(|kind| format!("Content-Type: {kind}"));
    match reply.read(MAX_ANSWER_BYTES).await {
        Ok(bytes) => {
            let body = serde_json::from_slice(&bytes).unwrap_or_default();
            Ok(Answer { status, server, body, kind })
        }
        Err(Fault::TooLong) => {
            let kind = Some(Fault::TooLong.word().to_owned());
            Ok(Answer { status, server, body: Value::Null, kind })
        }
        Err(fault) => Err(fault),
    }
}
