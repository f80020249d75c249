//! A world: the image that is asked for, and every answer of every server. It can be written to a
//! file, kept, and put to both clients again.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

/// The zone of the registries, and that of hosts that have nothing to do with them.
pub const ZONE: &str = "diff.test";
pub const OTHER_ZONE: &str = "data.test";

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct World {
    /// Unique in a run: the label of its host names.
    pub name: String,
    pub kind: String,
    /// How it differs from a healthy one.
    pub story: Vec<String>,
    pub image: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub login: Option<(String, String)>,
    /// Whether check-acr is to read every layer.
    #[serde(default)]
    pub full: bool,
    #[serde(default)]
    pub http2: bool,
    /// What the registry presents: a chain of `chains`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub chain: String,
    pub routes: Vec<Route>,
    /// What containerd said when it was kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub containerd: Option<String>,
}

/// What one server answers to one kind of request. The first that fits is taken.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Route {
    /// The host as in the request, with a port that is not the default.
    pub host: String,
    /// Empty: any.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub method: String,
    /// The path without the query; with a `*` at its end, all that begin so.
    pub path: String,
    /// The `Authorization` headers that it takes; an empty one stands for none. `None`: any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub given: Option<Vec<String>>,
    /// What the query or the form must contain.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub has: String,
    /// How many of the requests of each client it answers; 0: all.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub times: usize,
    #[serde(flatten)]
    pub answer: Answer,
}

fn is_zero(number: &usize) -> bool {
    *number == 0
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    pub status: u16,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<(String, String)>,
    #[serde(default, skip_serializing_if = "Body::is_empty")]
    pub body: Body,
    #[serde(default, skip_serializing_if = "Length::is_true")]
    pub length: Length,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Body {
    Text(String),
    Base64(String),
}

/// How the end of a body is told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Length {
    /// By a true `Content-Length`.
    #[default]
    True,
    /// By chunks.
    Chunked,
    /// By the end of the connection.
    Closed,
    /// By a `Content-Length` that may be another; the connection ends after the body.
    Claimed(u64),
    /// By chunks that are written in another way; the connection ends after the body.
    Framed(Frames),
}

/// What is odd about chunks, which are of 100 bytes each.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Frames {
    SpaceBeforeExtension,
    SpaceBehindSize,
    LongExtensions,
    Signatures,
    SizeOfSeventeenDigits,
    SizesInCapitals,
    SizeWithLineFeed,
    DataWithLineFeed,
    NoLastChunk,
    NoEnd,
    Trailer,
    OddTrailer,
    TrailerWithLineFeeds,
    TrailerThatIsNone,
    LongTrailer,
}

impl Length {
    fn is_true(&self) -> bool {
        *self == Length::True
    }
}

impl Default for Body {
    fn default() -> Self {
        Body::Text(String::new())
    }
}

impl Body {
    pub fn of(bytes: &[u8]) -> Body {
        match std::str::from_utf8(bytes) {
            Ok(text) => Body::Text(text.to_owned()),
            Err(_) => Body::Base64(STANDARD.encode(bytes)),
        }
    }

    pub fn bytes(&self) -> Vec<u8> {
        match self {
            Body::Text(text) => text.clone().into_bytes(),
            Body::Base64(text) => STANDARD.decode(text).unwrap_or_default(),
        }
    }

    fn is_empty(&self) -> bool {
        *self == Body::default()
    }
}

impl Answer {
    pub fn new(status: u16, content_type: &str, body: impl AsRef<[u8]>) -> Answer {
        let headers = vec![("Content-Type".to_owned(), content_type.to_owned())];
        Answer { status, headers, body: Body::of(body.as_ref()), length: Length::True }
    }

    pub fn json(status: u16, body: &str) -> Answer {
        Answer::new(status, "application/json", body)
    }

    pub fn with(mut self, name: &str, value: &str) -> Answer {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Puts a header in the place of those with the same name.
    pub fn set(&mut self, name: &str, value: &str) {
        self.unset(name);
        self.headers.push((name.to_owned(), value.to_owned()));
    }

    pub fn unset(&mut self, name: &str) {
        self.headers.retain(|(own, _)| !own.eq_ignore_ascii_case(name));
    }
}

impl Route {
    pub fn new(host: &str, method: &str, path: &str, answer: Answer) -> Route {
        Route {
            host: host.to_owned(),
            method: method.to_owned(),
            path: path.to_owned(),
            given: None,
            has: String::new(),
            times: 0,
            answer,
        }
    }

    pub fn given(mut self, headers: Option<Vec<String>>) -> Route {
        self.given = headers;
        self
    }
}

/// Returns the names that the world of a host can have: that of `auth-a-b.diff.test` is `auth-a-b`, `a-b` or
/// `b`.
pub fn worlds_of(host: &str) -> impl Iterator<Item = &str> {
    let host = host.split(':').next().unwrap_or_default();
    let below = host.strip_suffix(ZONE).or_else(|| host.strip_suffix(OTHER_ZONE));
    let below = below.and_then(|below| below.strip_suffix('.'));
    below.into_iter().flat_map(|below| {
        let parts = below.match_indices(['.', '-']).map(|(at, _)| &below[at + 1..]);
        std::iter::once(below).chain(parts)
    })
}
