//! What a refusal says: the registry's error body.

use serde::Deserialize;

use super::Reply;

/// The longest error body that is read.
const LONGEST: usize = 64 * 1024;

/// The first error of a registry's error body: in a list of errors the first is the cause.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
pub struct ErrorBody {
    /// `MANIFEST_UNKNOWN`, `DENIED`
    #[serde(default)]
    pub code: String,
    /// In the registry's words.
    #[serde(default)]
    pub message: String,
}

#[derive(Deserialize)]
struct Envelope {
    errors: Vec<ErrorBody>,
}

impl Reply {
    /// Whether a registry made this answer, not some other web server: it says so, or speaks as one.
    pub fn is_registrys(&self) -> bool {
        let manifest = self.header("content-type").is_some_and(|kind| {
            kind.contains("manifest") || kind.contains("vnd.oci.image") || kind.contains("json")
        });
        manifest
            || self.header("docker-distribution-api-version").is_some()
            || self.header("docker-content-digest").is_some()
    }

    /// Reads the error in the body: a registry's, or the code of a storage's XML, which begins with
    /// a byte order mark. Empty when there is none.
    pub async fn error(self) -> ErrorBody {
        let body = self.read(LONGEST).await.unwrap_or_default();
        let envelope = serde_json::from_slice::<Envelope>(&body).ok();
        let error = envelope.and_then(|envelope| envelope.errors.into_iter().next());
        error.unwrap_or_else(|| {
            let text = String::from_utf8_lossy(&body);
            let code = text.split_once("<Code>").and_then(|(_, rest)| rest.split_once("</Code>"));
            let code = code.map(|(code, _)| code.to_owned()).unwrap_or_default();
            ErrorBody { code, message: String::new() }
        })
    }
}

impl ErrorBody {
    /// The registry's own words, when there are any.
    pub fn words(&self) -> Option<String> {
        match (self.code.as_str(), self.message.as_str()) {
            ("", _) => None,
            (code, "") => Some(code.to_owned()),
            (code, message) => Some(format!("{code}: {message}")),
        }
    }
}
