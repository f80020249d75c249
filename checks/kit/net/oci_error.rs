//! The error body of a response that refuses a request.

use jiff::Timestamp;
use serde::Deserialize;

use super::Reply;

/// The longest error body that is read.
const MAX_ERROR_BYTES: usize = 64 * 1024;
/// How Azure Storage begins to say that a signed URL is expired or not yet valid. Its other details
/// quote the signed text and are not kept.
const DATED: &str = "Signature not valid in the specified time frame";

/// The first error in a registry's error body: when there are several, the first is the cause.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
pub struct ErrorBody {
    /// The code: `MANIFEST_UNKNOWN`, `DENIED`
    #[serde(default)]
    pub code: String,
    /// The registry's message.
    #[serde(default)]
    pub message: String,
    /// When a signed URL expired, by the host that refuses it (S3, `Expires`).
    #[serde(skip)]
    pub expires: Option<Timestamp>,
    /// The time on the clock of that host (S3, `ServerTime`).
    #[serde(skip)]
    pub server_time: Option<Timestamp>,
}

#[derive(Deserialize)]
struct Envelope {
    errors: Vec<ErrorBody>,
}

/// The error of a server that issues tokens, which need not be a registry's: Docker Hub's has
/// `details`, Quay's `error`, others a `message`.
#[derive(Deserialize)]
struct Plain {
    #[serde(alias = "details", alias = "error_description", alias = "error")]
    message: String,
}

impl Reply {
    /// Returns whether the response came from a registry and not from some other web server: its
    /// headers or its content type are those of a registry.
    pub fn is_registrys(&self) -> bool {
        let manifest = self.header("content-type").is_some_and(|kind| {
            kind.contains("manifest") || kind.contains("vnd.oci.image") || kind.contains("json")
        });
        manifest
            || self.header("docker-distribution-api-version").is_some()
            || self.header("docker-content-digest").is_some()
    }

    /// Reads the error in the body: a registry's JSON, the XML of a blob store (Azure's begins with a
    /// byte order mark), or the plain text of a proxy or gateway. Empty when there is none.
    pub async fn error(self) -> ErrorBody {
        let plain = self.header("content-type").is_some_and(|kind| kind.starts_with("text/plain"));
        ErrorBody::read(&self.read(MAX_ERROR_BYTES).await.unwrap_or_default(), plain)
    }
}

impl ErrorBody {
    /// Parses a body; `plain` says that its content type is plain text. Public so that it can be
    /// fuzzed.
    pub fn read(body: &[u8], plain: bool) -> Self {
        let envelope = serde_json::from_slice::<Envelope>(body).ok();
        if let Some(error) = envelope.and_then(|envelope| envelope.errors.into_iter().next()) {
            return error;
        }
        if let Ok(Plain { message }) = serde_json::from_slice(body) {
            return ErrorBody { message, ..ErrorBody::default() };
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
        // Azure's own message repeats the request id and the time.
        let said = element("Message").filter(|message| !message.contains("RequestId:"));
        let time = |name: &str| element(name)?.parse().ok();
        ErrorBody {
            code: element("Code").unwrap_or_default(),
            message: detail.or(said).unwrap_or_default(),
            expires: time("Expires"),
            server_time: time("ServerTime"),
        }
    }

    /// Returns the registry's code and message, when there are any.
    pub fn words(&self) -> Option<String> {
        match (self.code.as_str(), self.message.as_str()) {
            ("", "") => None,
            ("", said) | (said, "") => Some(said.to_owned()),
            (code, message) => Some(format!("{code}: {message}")),
        }
    }
}
