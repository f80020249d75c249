//! The registry front end: which request this is, and whether it may be answered.

mod answers;
mod content;
mod exchange;
mod token;

pub(crate) use answers::{date, finish};

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use hyper::body::Incoming;
use hyper::header::{AUTHORIZATION, HOST};
use hyper::{Method, Request, Response, StatusCode};
use serde_json::json;

use crate::body::Body;
use crate::identity::{Entra, Imds};
use crate::scenario::Scenario;
use crate::secrets::Secrets;
use crate::settings::{Answer, Data, Registry};

/// What the registry, the data host and those who know identities know and remember.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) registry: Registry,
    pub(crate) data: Data,
    pub(crate) entra: Entra,
    pub(crate) imds: Imds,
    /// `https://HOST` of the data host, as clients are told of it.
    pub(crate) data_url: String,
    pub(crate) secrets: Secrets,
    /// Access tokens that were issued: what they allow.
    issued: Mutex<HashMap<String, Vec<Grant>>>,
    /// Refresh tokens that were given for tokens of Entra ID: whom they are for, by object id.
    exchanged: Mutex<HashMap<String, String>>,
    requests: AtomicU64,
    /// How many ids Entra ID has given out.
    traces: AtomicU64,
    /// Whether what fails once has done so.
    failed: AtomicBool,
    /// The same of the metadata service.
    imds_failed: AtomicBool,
}

/// What a token allows on a repository.
#[derive(Debug, Clone)]
struct Grant {
    name: String,
    actions: Vec<String>,
}

/// How long it takes a registry to answer that has to fetch elsewhere first.
const LATE: Duration = Duration::from_secs(20);

/// What a request is about.
#[derive(Debug, Clone, Copy)]
enum Target<'a> {
    Ping,
    Manifest { name: &'a str, reference: &'a str },
    Blob { name: &'a str, digest: &'a str },
    Tags { name: &'a str },
}

/// A request, as far as answers depend on it.
struct Asked<'a> {
    method: &'a Method,
    /// `https`, or `http` where TLS is missing.
    scheme: &'static str,
    /// The host and port that the client believes to speak to.
    authority: &'a str,
    /// Path and query.
    uri: &'a str,
    query: &'a str,
    accept: String,
    correlation: String,
}

impl Asked<'_> {
    /// The number of the request in this world, from one: correlation ids are counted.
    fn number(&self) -> u64 {
        let count = self.correlation.rsplit('-').next().unwrap_or_default();
        u64::from_str_radix(count, 16).unwrap_or_default()
    }
}

impl World {
    pub(crate) fn new(scenario: &Scenario, data_url: String) -> Self {
        Self {
            registry: scenario.registry.clone(),
            data: scenario.data,
            entra: scenario.entra.clone(),
            imds: scenario.imds.clone(),
            data_url,
            secrets: Secrets::new(scenario),
            issued: Mutex::default(),
            exchanged: Mutex::default(),
            requests: AtomicU64::new(0),
            traces: AtomicU64::new(0),
            failed: AtomicBool::new(false),
            imds_failed: AtomicBool::new(false),
        }
    }

    /// A correlation id, counted so that a run can be repeated.
    pub(crate) fn correlation(&self) -> String {
        let count = self.requests.fetch_add(1, Ordering::Relaxed) + 1;
        format!("5f0c9a1e-7b2d-4c63-8e15-{count:012x}")
    }

    /// The same of Entra ID.
    pub(crate) fn trace(&self) -> String {
        let count = self.traces.fetch_add(1, Ordering::Relaxed) + 1;
        format!("8d35f0c2-6a17-4e9b-b2f4-{count:012x}")
    }

    /// What a token allows, if the lab issued it.
    fn grants(&self, token: &str) -> Option<Vec<Grant>> {
        self.issued.lock().unwrap_or_else(PoisonError::into_inner).get(token).cloned()
    }

    fn remember(&self, token: String, grants: Vec<Grant>) {
        self.issued.lock().unwrap_or_else(PoisonError::into_inner).insert(token, grants);
    }

    /// How this kind of request is answered.
    fn answer(&self, only: Answer) -> Answer {
        if only == Answer::Unset { self.registry.answer } else { only }
    }

    /// Answers a request to the registry.
    pub(crate) async fn ask_registry(
        &self,
        scheme: &'static str,
        request: Request<Incoming>,
    ) -> Response<Body> {
        let (parts, body) = request.into_parts();
        let header = |name| parts.headers.get(name).and_then(|value| value.to_str().ok());
        let authority = parts.uri.authority().map(hyper::http::uri::Authority::as_str);
        let accept: Vec<_> =
            parts.headers.get_all("accept").iter().filter_map(|one| one.to_str().ok()).collect();
        let asked = Asked {
            method: &parts.method,
            scheme,
            authority: authority.or_else(|| header(HOST)).unwrap_or(&self.registry.login_server),
            uri: parts.uri.path_and_query().map_or("/", hyper::http::uri::PathAndQuery::as_str),
            query: parts.uri.query().unwrap_or(""),
            accept: accept.join(","),
            correlation: self.correlation(),
        };
        let authorization = header(AUTHORIZATION);
        let path = parts.uri.path();
        let tokens = if self.registry.hub { "/token" } else { "/oauth2/token" };
        match path {
            path if path == tokens => {
                let answer = self.answer(self.registry.only.token);
                match self.canned(&asked, answer) {
                    Some(canned) => canned,
                    None => self.token(&asked, answer, authorization, body).await,
                }
            }
            "/oauth2/exchange" => {
                let answer = self.answer(self.registry.only.exchange);
                match self.canned(&asked, answer) {
                    Some(canned) => canned,
                    None if asked.method == Method::POST => {
                        self.exchange(&asked, answer, body).await
                    }
                    None => self.no_such_page(&asked),
                }
            }
            _ => match Target::of(path) {
                Some(target) => {
                    if self.answer_to(target) == Answer::Late {
                        tokio::time::sleep(LATE).await;
                    }
                    self.resource(&asked, target, authorization)
                }
                None => self.no_such_page(&asked),
            },
        }
    }

    /// How a request for this is answered.
    fn answer_to(&self, target: Target<'_>) -> Answer {
        let only = &self.registry.only;
        self.answer(match target {
            Target::Ping => only.ping,
            Target::Manifest { .. } => only.manifest,
            Target::Blob { .. } => only.blob,
            Target::Tags { .. } => only.tags,
        })
    }

    /// The first time that it is asked, and no other.
    pub(crate) fn once(&self) -> bool {
        !self.failed.swap(true, Ordering::Relaxed)
    }

    /// The same of the metadata service.
    pub(crate) fn once_imds(&self) -> bool {
        !self.imds_failed.swap(true, Ordering::Relaxed)
    }

    /// Answers a request for something under `/v2/`.
    fn resource(
        &self,
        asked: &Asked<'_>,
        target: Target<'_>,
        authorization: Option<&str>,
    ) -> Response<Body> {
        let answer = self.answer_to(target);
        let wanted = match target {
            Target::Ping => None,
            Target::Manifest { name, .. } | Target::Blob { name, .. } => Some((name, "pull")),
            Target::Tags { name } => Some((name, "metadata_read")),
        };
        if let Some(canned) = self.canned(asked, answer) {
            return canned;
        }
        if answer != Answer::NoAuth {
            // Scope-map tokens cannot use Basic here: without a bearer token nobody has signed in.
            let token = authorization.and_then(|value| value.strip_prefix("Bearer "));
            let error = match token.map(|token| self.grants(token)) {
                None => Some(None),
                Some(None) => Some(Some("invalid_token")),
                Some(Some(grants)) => {
                    let granted = wanted.is_none_or(|(name, action)| {
                        grants.iter().any(|grant| {
                            grant.name == name && grant.actions.iter().any(|one| one == action)
                        })
                    });
                    if granted { None } else { Some(Some("insufficient_scope")) }
                }
            };
            if let Some(error) = error {
                return self.challenge(asked, answer, wanted, error);
            }
        }
        if asked.method != Method::GET && asked.method != Method::HEAD {
            let body = json!({ "errors": [{
                "code": "UNSUPPORTED", "message": "The operation is unsupported.",
            }] });
            return self.errors(asked, StatusCode::METHOD_NOT_ALLOWED, &body);
        }
        match target {
            Target::Ping => self.pong(asked),
            Target::Manifest { name, reference } => self.manifest(asked, answer, name, reference),
            Target::Blob { name, digest } => self.blob(asked, answer, name, digest),
            Target::Tags { name } => self.tags(asked, name),
        }
    }
}

impl<'a> Target<'a> {
    /// What a path is about; what is malformed is about nothing, before anyone asks who is asking.
    fn of(path: &'a str) -> Option<Self> {
        let rest = path.strip_prefix("/v2/")?;
        if rest.is_empty() {
            return Some(Self::Ping);
        }
        let (head, last) = rest.rsplit_once('/')?;
        let (name, kind) = head.rsplit_once('/')?;
        if !is_name(name) {
            return None;
        }
        match kind {
            "manifests" if is_digest(last) || is_tag(last) => {
                Some(Self::Manifest { name, reference: last })
            }
            "blobs" if is_digest(last) => Some(Self::Blob { name, digest: last }),
            "tags" if last == "list" => Some(Self::Tags { name }),
            _ => None,
        }
    }
}

fn is_name(text: &str) -> bool {
    text.split('/').all(|part| {
        let edge =
            |c: Option<char>| c.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
        edge(part.chars().next())
            && edge(part.chars().next_back())
            && part.chars().all(|c| edge(Some(c)) || "._-".contains(c))
    })
}

pub(crate) fn is_digest(text: &str) -> bool {
    text.strip_prefix("sha256:").is_some_and(|hex| {
        hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    })
}

fn is_tag(text: &str) -> bool {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    text.len() <= 128
        && text.starts_with(word)
        && text.chars().all(|c| word(c) || c == '.' || c == '-')
}
