//! Why the Kubernetes API gives no answer.

use kube::core::Status;

use crate::kit::{
    net::{ConnectError, Fault},
    redact::foreign_words,
};

/// Why there is no answer.
#[derive(Clone, Debug)]
pub enum KubeError {
    /// There was no connection.
    Unreachable(ConnectError),
    /// The connection failed before the end of the response.
    Broken(Fault),
    /// The API refused, and said why as Kubernetes does.
    Refused(Box<Status>),
    /// What answered does not speak as Kubernetes does.
    Unexpected {
        /// The HTTP status.
        status: u16,
        /// The beginning of the body.
        said: String,
    },
    /// The answer is not what was asked for.
    Unreadable,
    /// The list does not end.
    Endless(String),
    /// The request cannot be built: a name in it is none.
    Unfit(String),
}

impl KubeError {
    /// The words of evidence among its texts.
    pub const WORDS: &[&str] = &["not-as-asked"];

    /// Reads a response that is no success.
    pub(super) fn read(status: u16, body: &[u8]) -> Self {
        match serde_json::from_slice::<Status>(body) {
            Ok(mut said) if said.is_failure() => {
                said.code = status;
                let message = said.message.trim().to_owned();
                said.message = message;
                KubeError::Refused(said.boxed())
            }
            _ => {
                let said = String::from_utf8_lossy(body);
                KubeError::Unexpected { status, said: foreign_words(&said) }
            }
        }
    }

    /// Returns the HTTP status of a refusal.
    pub fn status(&self) -> Option<u16> {
        match self {
            KubeError::Refused(said) => Some(said.code),
            KubeError::Unexpected { status, .. } => Some(*status),
            _ => None,
        }
    }

    /// Returns the words of a refusal, or the word for what went wrong.
    pub fn said(&self) -> String {
        match self {
            KubeError::Unreachable(error) => error.fault.word().to_owned(),
            KubeError::Broken(fault) => fault.word().to_owned(),
            KubeError::Refused(said) => foreign_words(&said.message),
            KubeError::Unexpected { status, said } if said.is_empty() => format!("HTTP {status}"),
            KubeError::Unexpected { said, .. } | KubeError::Endless(said) => said.clone(),
            KubeError::Unreadable => Self::WORDS[0].to_owned(),
            KubeError::Unfit(said) => foreign_words(said),
        }
    }

    /// Returns whether there is an object of that name: a request that was repeated may have created it
    /// the first time.
    pub fn is_already_there(&self) -> bool {
        matches!(self, KubeError::Refused(said) if said.code == 409 && said.reason == "AlreadyExists")
    }

    /// Returns whether the same request may be answered a moment later. Two who create at once in a
    /// namespace with a quota are in conflict over its count.
    pub(super) fn is_passing(&self) -> bool {
        let is_conflict = matches!(self, KubeError::Refused(said) if said.code == 409 && said.reason == "Conflict");
        is_conflict || matches!(self.status(), Some(429 | 502 | 503 | 504))
    }
}

impl From<kube::core::request::Error> for KubeError {
    fn from(error: kube::core::request::Error) -> Self {
        KubeError::Unfit(error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_conflict_is_not_an_object_that_is_there() {
        let read = |reason: &str| {
            let body = format!(
                r#"{{"kind":"Status","status":"Failure","code":409,"reason":"{reason}","message":"no"}}"#
            );
            KubeError::read(409, body.as_bytes())
        };
        let (exists, conflict) = (read("AlreadyExists"), read("Conflict"));
        assert!(exists.is_already_there() && !exists.is_passing());
        assert!(conflict.is_passing() && !conflict.is_already_there());
        assert!(!KubeError::read(409, b"<html>").is_already_there());
    }
}
