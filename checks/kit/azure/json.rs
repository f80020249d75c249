//! One question to a host that should answer in JSON, and whatever it answers.

use serde_json::Value;

use crate::kit::{
    engine::Cx,
    net::{Connection, Fault, Request},
    redact::sanitize_text,
    rules::Malformed,
};

/// The longest answer that is read: tokens and errors are short.
const MAX_ANSWER_BYTES: usize = 256 * 1024;

/// What a host answered.
pub(super) struct Answer {
    pub(super) status: u16,
    /// What answers, by its own word.
    pub(super) server: Option<String>,
    /// The body; null when it is no JSON.
    pub(super) body: Value,
    kind: Option<String>,
}

impl Answer {
    /// A text in it.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.body.get(name)?.as_str().filter(|text| !text.is_empty())
    }

    /// What came where JSON was due, in a few words.
    pub(super) fn said(&self) -> String {
        let said = self.text("error_description").or_else(|| self.text("error"));
        let said =
            said.map(|words| sanitize_text(without_ids(words))).or_else(|| self.kind.clone());
        said.unwrap_or_else(|| Malformed::NotJson.to_string())
    }
}

/// Entra's words without the ids behind them, which are different each time; the metadata service relays both.
fn without_ids(words: &str) -> &str {
    words[..words.find("Trace ID:").unwrap_or(words.len())].trim()
}

/// Asks, and reads the answer to its end or up to a bound.
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
