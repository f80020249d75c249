//! What a refusal says: the registry's error body.

use serde::Deserialize;

use super::Reply;

/// The longest error body that is read.
const MAX_ERROR_BYTES: usize = 64 * 1024;
/// How a storage begins to say that a signed URL is not for this hour. Its other details quote what was
/// signed, and are not kept.
const DATED: &str = "Signature not valid in the specified time frame";

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

    /// Reads the error in the body: a registry's, the XML of a storage, which begins with a byte order
    /// mark, or the plain text of what stands in front of either. Empty when there is none.
    pub async fn error(self) -> ErrorBody {
        let plain = self.header("content-type").is_some_and(|kind| kind.starts_with("text/plain"));
        ErrorBody::read(&self.read(MAX_ERROR_BYTES).await.unwrap_or_default(), plain)
    }
}

impl ErrorBody {
    /// Reads a body; `plain` is one that says to be plain text. Public, so that it can be fuzzed.
    pub fn read(body: &[u8], plain: bool) -> Self {
        let envelope = serde_json::from_slice::<Envelope>(body).ok();
        if let Some(error) = envelope.and_then(|envelope| envelope.errors.into_iter().next()) {
            return error;
        }
        let text = String::from_utf8_lossy(body);
        if plain {
            return ErrorBody { message: text.trim().to_owned(), ..ErrorBody::default() };
        }
        let element = |name: &str| {
            let (_, rest) = text.split_once(&format!("<{name}>"))?;
            Some(rest.split_once(&format!("</{name}>"))?.0.to_owned())
        };
        let detail =
            element("AuthenticationErrorDetail").filter(|detail| detail.starts_with(DATED));
        let message = detail.unwrap_or_default();
        ErrorBody { code: element("Code").unwrap_or_default(), message }
    }

    /// The registry's own words, when there are any.
    pub fn words(&self) -> Option<String> {
        match (self.code.as_str(), self.message.as_str()) {
            ("", "") => None,
            ("", said) | (said, "") => Some(said.to_owned()),
            (code, message) => Some(format!("{code}: {message}")),
        }
    }
}
