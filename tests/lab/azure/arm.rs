//! Azure Resource Manager's front end: its faults, its tokens, its headers and its pages.

use std::fmt::Write;

use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, DATE, EXPIRES, HOST, PRAGMA};
use hyper::{Method, Request, Response, StatusCode};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::caller::{Caller, caller, expired, invalid, other_tenant};
use super::reply::Reply;
use super::settings::ArmAnswer;
use super::store::text;
use super::{ControlPlane, roles};
use crate::body::Body;
use crate::form::{pairs, value};
use crate::host::portal;
use crate::registry::{World, date, finish};

/// The longest request body that is read.
const LONGEST: usize = 1 << 20;
const GRAPH: [&str; 3] =
    ["graph.microsoft.com", "microsoftgraph.chinacloudapi.cn", "graph.microsoft.us"];

/// A request whose caller is known.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) who: Caller,
    /// The caller and its groups.
    pub(crate) principals: Vec<String>,
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) body: Value,
    /// The scheme and host under which the client reached this service.
    pub(crate) base: String,
}

impl Asked {
    pub(crate) fn field(&self, key: &str) -> Option<&str> {
        value(&self.query, key).filter(|text| !text.is_empty())
    }

    pub(crate) fn version(&self) -> &str {
        self.field("api-version").unwrap_or_default()
    }
}

impl World {
    /// Responds to a request to Azure Resource Manager or to Microsoft Graph.
    pub(crate) async fn ask_azure(
        &self,
        scheme: &'static str,
        request: Request<Incoming>,
    ) -> Response<Body> {
        let plane = &self.azure;
        match plane.settings.answer {
            ArmAnswer::Silent => return std::future::pending().await,
            ArmAnswer::Html => return portal(),
            ArmAnswer::NotJson => {
                let builder = Response::builder().header(CONTENT_TYPE, "application/json");
                return finish(builder, Body::whole("a list, in a manner of speaking"));
            }
            _ => {}
        }
        let (parts, body) = request.into_parts();
        let header = |name| parts.headers.get(name).and_then(|value| value.to_str().ok());
        let authority = parts.uri.authority().map(hyper::http::uri::Authority::as_str);
        let host = authority.or_else(|| header(HOST)).unwrap_or("management.azure.com");
        let graph = host.split(':').next().is_some_and(|name| GRAPH.contains(&name));
        let body = Limited::new(body, LONGEST).collect().await;
        let body = body.map(http_body_util::Collected::to_bytes).unwrap_or_default();
        let reply = match caller(header(AUTHORIZATION), graph) {
            Err(refusal) => refusal,
            Ok(who) => {
                let asked = Asked {
                    principals: plane.principals(&who.object, false),
                    who,
                    method: parts.method.clone(),
                    path: parts.uri.path().trim_end_matches('/').to_owned(),
                    query: pairs(parts.uri.query().unwrap_or_default()),
                    body: serde_json::from_slice(&body).unwrap_or_default(),
                    base: format!("{scheme}://{host}"),
                };
                if graph { self.directory(&asked) } else { plane.answer(&asked) }
            }
        };
        let reads = parts.method == Method::GET;
        if !reads {
            plane.gates.look_again().await;
        }
        let mut builder = Response::builder()
            .status(reply.status)
            .header(CACHE_CONTROL, "no-cache")
            .header(PRAGMA, "no-cache")
            .header(EXPIRES, "-1")
            .header("strict-transport-security", "max-age=31536000; includeSubDomains")
            .header("x-content-type-options", "nosniff")
            .header("x-ms-correlation-request-id", self.correlation())
            .header(DATE, date(0));
        if reply.status.is_success() && reads {
            builder = builder.header("x-ms-ratelimit-remaining-subscription-global-reads", "16499");
        }
        for (name, value) in reply.headers {
            builder = builder.header(name, value);
        }
        if reply.body.is_null() {
            return finish(builder, Body::whole(""));
        }
        let builder = builder.header(CONTENT_TYPE, "application/json; charset=utf-8");
        finish(builder, Body::whole(reply.body.to_string()))
    }
}

impl ControlPlane {
    /// Returns the response to a request.
    fn answer(&self, asked: &Asked) -> Reply {
        if let Some(fault) = self.fault(asked) {
            return fault;
        }
        if asked.field("api-version").is_none() {
            return Reply::error(
                StatusCode::BAD_REQUEST,
                "MissingApiVersionParameter",
                "The api-version query parameter (?api-version=) is required for all requests.",
            );
        }
        match self.subscription(asked) {
            Some(refusal) => refusal,
            None => self.route(asked),
        }
    }

    fn fault(&self, asked: &Asked) -> Option<Reply> {
        let unavailable = || {
            let message = "The service is temporarily unavailable. Please try again later.";
            Reply::error(StatusCode::SERVICE_UNAVAILABLE, "ServiceUnavailable", message)
        };
        match self.settings.answer {
            ArmAnswer::Throttled => Some(self.throttled(asked)),
            ArmAnswer::ThrottledOnce if self.once() => Some(self.throttled(asked)),
            ArmAnswer::Outage => Some(unavailable()),
            ArmAnswer::OutageOnce if self.once() => Some(unavailable()),
            ArmAnswer::TokenExpired => Some(expired(Timestamp::now().as_second() - 7_200)),
            ArmAnswer::TokenInvalid => Some(invalid()),
            ArmAnswer::TokenTenant => {
                Some(other_tenant(&asked.who.tenant, "a9d0f4c7-61b2-4e85-9f3d-0c7e2b58d614"))
            }
            _ => None,
        }
    }

    /// Returns the 429 of `wire/arm-error--SubscriptionRequestsThrottled-2026.json`.
    fn throttled(&self, asked: &Asked) -> Reply {
        let after = self.settings.retry_after;
        let message = format!(
            "Number of 'read' requests for subscription '{}' actor '{}' exceeded. Please try again after '{after}' seconds.",
            self.settings.subscription, asked.who.object
        );
        let status = StatusCode::TOO_MANY_REQUESTS;
        let mut reply = Reply::error(status, "SubscriptionRequestsThrottled", &message);
        reply.headers = vec![("retry-after", after.to_string())];
        reply
    }

    /// Returns the refusal of a request to a subscription that does not exist or is of another
    /// tenant.
    fn subscription(&self, asked: &Asked) -> Option<Reply> {
        let mut parts = asked.path.split('/').skip(1);
        if !parts.next()?.eq_ignore_ascii_case("subscriptions") {
            return None;
        }
        let id = parts.next()?;
        let Some((_, tenant)) = self.tenants.iter().find(|(own, _)| own.eq_ignore_ascii_case(id))
        else {
            let message = format!("The subscription '{id}' could not be found.");
            return Some(Reply::error(StatusCode::NOT_FOUND, "SubscriptionNotFound", &message));
        };
        (!self.reaches(&asked.who.tenant, id, tenant))
            .then(|| other_tenant(&asked.who.tenant, tenant))
    }

    /// Returns whether the caller may perform an action at a scope.
    pub(super) fn permits(&self, asked: &Asked, action: &str, scope: &str) -> bool {
        let wish = roles::Wish::action(action, scope);
        self.with(|store| roles::allows(store, &asked.principals, &wish))
    }

    /// Returns the refusal of an action, if the caller may not perform it.
    pub(super) fn refusal(&self, asked: &Asked, action: &str, scope: &str) -> Option<Reply> {
        if self.permits(asked, action, scope) {
            return None;
        }
        let denied = self.with(|store| {
            let wish = roles::Wish::action(action, scope);
            let denial = roles::denial(store, &asked.principals, &wish);
            let denial = denial.filter(|_| roles::is_assigned(store, &asked.principals, &wish));
            denial.map(|one| denied(asked, action, scope, one))
        });
        Some(denied.unwrap_or_else(|| forbidden(asked, action, scope)))
    }

    /// Returns one page of a list.
    pub(super) fn page(&self, asked: &Asked, all: Vec<Value>) -> Reply {
        let from: usize = asked.field("$skiptoken").map_or(0, |text| text.parse().unwrap_or(0));
        let size = match self.settings.page_size {
            0 => usize::MAX,
            size => size,
        };
        let left = all.len().saturating_sub(from) > size;
        let items: Vec<_> = all.into_iter().skip(from).take(size).collect();
        let mut body = json!({ "value": items });
        if left {
            let mut query = String::new();
            for (key, value) in asked.query.iter().filter(|(key, _)| key != "$skiptoken") {
                let _ = write!(query, "{key}={}&", encoded(value));
            }
            let next = from + size;
            let link = format!("{}{}?{query}$skiptoken={next}", asked.base, asked.path);
            body["nextLink"] = Value::from(link);
        }
        Reply::ok(body)
    }
}

/// Returns the 403 of `wire/arm-error--AuthorizationFailed-403.json`.
pub(super) fn forbidden(asked: &Asked, action: &str, scope: &str) -> Reply {
    let who = &asked.who.object;
    let message = format!(
        "The client '{who}' with object id '{who}' does not have authorization to perform action '{action}' over scope \
         '{scope}' or the scope is invalid. If access was recently granted, please refresh your credentials."
    );
    Reply::error(StatusCode::FORBIDDEN, "AuthorizationFailed", &message)
}

/// Returns the 403 of an action that a deny assignment takes away (Microsoft Learn, "Understand Azure
/// deny assignments"; no recording is at hand).
fn denied(asked: &Asked, action: &str, scope: &str, denial: &Value) -> Reply {
    let who = &asked.who.object;
    let part = |pointer| text(denial, pointer);
    let message = format!(
        "The client '{who}' with object id '{who}' has permission to perform action '{action}' on scope '{scope}'; \
         however, the access is denied because of the deny assignment with name '{}' and Id '{}' at scope '{}'.",
        part("/properties/denyAssignmentName"),
        part("/id"),
        part("/properties/scope")
    );
    Reply::error(StatusCode::FORBIDDEN, "DenyAssignmentAuthorizationFailed", &message)
}

/// Returns a value of a query string, encoded.
fn encoded(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}
