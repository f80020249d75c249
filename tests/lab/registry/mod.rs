//! The registry's front end: routes a request and decides whether it is allowed.

mod answers;
mod content;
mod deleted;
mod exchange;
mod refusal;
mod token;

pub(crate) use answers::{date, finish};

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hyper::body::Incoming;
use hyper::header::{AUTHORIZATION, HOST};
use hyper::{Method, Request, Response, StatusCode};
use serde_json::json;

use crate::azure::ControlPlane;
use crate::body::Body;
use crate::identity::{Entra, Imds};
use crate::scenario::Scenario;
use crate::secrets::Secrets;
use crate::settings::{Answer, Data, Registry};

/// The settings and the state of the registry, the data host, Entra ID and IMDS.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) registry: Registry,
    pub(crate) data: Data,
    pub(crate) entra: Entra,
    pub(crate) imds: Imds,
    /// The control plane, by whose state the registry decides.
    pub(crate) azure: Arc<ControlPlane>,
    /// The URL of the data host that clients receive: `https://HOST`.
    pub(crate) data_url: String,
    pub(crate) secrets: Secrets,
    /// The access tokens that were issued, with the rights of each.
    issued: Mutex<HashMap<String, Vec<Grant>>>,
    /// The refresh tokens that were exchanged for Entra tokens, with the object id of each.
    exchanged: Mutex<HashMap<String, String>>,
    requests: AtomicU64,
    /// The number of ids that Entra ID has issued.
    traces: AtomicU64,
    /// Whether the fault that occurs once has occurred.
    failed: AtomicBool,
    /// Whether the metadata service's fault that occurs once has occurred.
    imds_failed: AtomicBool,
}

/// The rights that a token grants on a repository.
#[derive(Debug, Clone)]
struct Grant {
    name: String,
    actions: Vec<String>,
}

/// The response time of a registry that must first fetch from elsewhere.
const LATE: Duration = Duration::from_secs(20);

/// The resource that a request names.
#[derive(Debug, Clone, Copy)]
enum Target<'a> {
    Ping,
    Manifest {
        name: &'a str,
        reference: &'a str,
    },
    Blob {
        name: &'a str,
        digest: &'a str,
    },
    Tags {
        name: &'a str,
    },
    /// The deleted `tags` or `manifests`.
    Deleted {
        name: &'a str,
        list: &'a str,
    },
}

/// The parts of a request that responses depend on.
struct Asked<'a> {
    method: &'a Method,
    /// `https`, or `http` without TLS.
    scheme: &'static str,
    /// The host and port in the client's request.
    authority: &'a str,
    /// Path and query.
    uri: &'a str,
    query: &'a str,
    accept: String,
    correlation: String,
}

impl Asked<'_> {
    /// Returns the number of the request in this world, from one: correlation ids are counted.
    fn number(&self) -> u64 {
        let count = self.correlation.rsplit('-').next().unwrap_or_default();
        u64::from_str_radix(count, 16).unwrap_or_default()
    }
}

impl World {
    pub(crate) fn new(scenario: &Scenario, data_url: String, azure: Arc<ControlPlane>) -> Self {
        Self {
            registry: scenario.registry.clone(),
            data: scenario.data,
            entra: scenario.entra.clone(),
            imds: scenario.imds.clone(),
            azure,
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

    /// Returns a correlation id. Ids are counted, so that runs are repeatable.
    pub(crate) fn correlation(&self) -> String {
        let count = self.requests.fetch_add(1, Ordering::Relaxed) + 1;
        format!("5f0c9a1e-7b2d-4c63-8e15-{count:012x}")
    }

    /// Returns a trace id of Entra ID, counted in the same way.
    pub(crate) fn trace(&self) -> String {
        let count = self.traces.fetch_add(1, Ordering::Relaxed) + 1;
        format!("8d35f0c2-6a17-4e9b-b2f4-{count:012x}")
    }

    /// Returns the rights of a token, if the lab issued it.
    fn grants(&self, token: &str) -> Option<Vec<Grant>> {
        self.issued.lock().unwrap_or_else(PoisonError::into_inner).get(token).cloned()
    }

    fn remember(&self, token: String, grants: Vec<Grant>) {
        self.issued.lock().unwrap_or_else(PoisonError::into_inner).insert(token, grants);
    }

    /// Returns how this kind of request is answered.
    fn answer(&self, only: Answer) -> Answer {
        if only == Answer::Unset { self.registry.answer } else { only }
    }

    /// Responds to a request to the registry.
    pub(crate) async fn ask_registry(
        &self,
        scheme: &'static str,
        at: IpAddr,
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
        if self.azure.refuses(at) {
            return self.firewall(&asked);
        }
        let authorization = header(AUTHORIZATION);
        let Some(path) = self.path(parts.uri.path(), asked.query) else {
            return self.no_such_page(&asked);
        };
        let path = path.as_str();
        if let Some(refused) = self.refused(&asked, path, authorization) {
            return refused;
        }
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

    /// Returns a path as it is at a registry with its API at `/v2`; `None` for a request that is not
    /// for this API, or for another registry.
    fn path(&self, path: &str, query: &str) -> Option<String> {
        let Registry { path: api, namespace, .. } = &self.registry;
        if !namespace.is_empty() && !query.split('&').any(|one| one == format!("ns={namespace}")) {
            return None;
        }
        if api == "/v2" {
            return Some(path.to_owned());
        }
        Some(format!("/v2{}", path.strip_prefix(api.as_str())?))
    }

    /// Returns how a request for this resource is answered.
    fn answer_to(&self, target: Target<'_>) -> Answer {
        let only = &self.registry.only;
        self.answer(match target {
            Target::Ping => only.ping,
            Target::Manifest { .. } => only.manifest,
            Target::Blob { .. } => only.blob,
            Target::Tags { .. } | Target::Deleted { .. } => only.tags,
        })
    }

    /// Returns true for the first request only.
    pub(crate) fn once(&self) -> bool {
        !self.failed.swap(true, Ordering::Relaxed)
    }

    /// Returns true for the first request to the metadata service only.
    pub(crate) fn once_imds(&self) -> bool {
        !self.imds_failed.swap(true, Ordering::Relaxed)
    }

    /// Responds to a request under `/v2/`.
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
            Target::Deleted { name, .. } => Some((name, "deleted_read")),
        };
        if let Some(canned) = self.canned(asked, answer) {
            return canned;
        }
        if self.registry.open && authorization.is_some() {
            return self.page(asked, StatusCode::IM_A_TEAPOT);
        }
        if answer != Answer::NoAuth && !self.registry.open {
            // Repository-scoped tokens cannot use Basic here: without a bearer token the client is
            // anonymous.
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
            Target::Deleted { name, list } => self.deleted(asked, name, list),
        }
    }
}

impl<'a> Target<'a> {
    /// Parses the resource of a path. A malformed path names none, and is refused before
    /// authentication.
    fn of(path: &'a str) -> Option<Self> {
        if let Some(rest) = path.strip_prefix("/acr/v1/_deleted/") {
            let (name, list) = rest.rsplit_once("/_")?;
            let known = is_name(name) && ["tags", "manifests"].contains(&list);
            return known.then_some(Self::Deleted { name, list });
        }
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
