//! The registry's own responses: the headers of its front end, its errors, its challenge, and its
//! faults.

use std::fmt::Write;

use hyper::header::{
    CONTENT_ENCODING, CONTENT_TYPE, DATE, HeaderName, HeaderValue, LOCATION, RETRY_AFTER, SERVER,
    STRICT_TRANSPORT_SECURITY, WWW_AUTHENTICATE,
};
use hyper::http::response::Builder;
use hyper::{Response, StatusCode};
use jiff::fmt::rfc2822::DateTimePrinter;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{Asked, World};
use crate::archive::gzip_bomb;
use crate::body::Body;
use crate::settings::Answer;

const JSON: &str = "application/json; charset=utf-8";
const HSTS: &str = "max-age=31536000; includeSubDomains";
const EXPOSED: [&str; 4] =
    ["Docker-Content-Digest", "WWW-Authenticate", "Link", "X-Ms-Correlation-Request-Id"];
pub(super) const AUTHENTICATE: &str =
    "authentication required, visit https://aka.ms/acr/authorization for more information.";
const DISALLOWED: &str = "The operation is disallowed on this registry, repository or image. View troubleshooting \
    steps at https://aka.ms/acr/faq/#why-does-my-pull-or-push-request-fail-with-disallowed-operation-";
/// More headers than any client accepts.
const HEADERS: usize = 10_000;

/// Returns the time for a Date header.
pub(crate) fn date(ahead: i64) -> String {
    let now = Timestamp::now();
    let then = now.checked_add(SignedDuration::from_secs(ahead)).unwrap_or(now);
    DateTimePrinter::new().timestamp_to_rfc9110_string(&then).unwrap_or_default()
}

/// Returns a response, or an empty 500 if it cannot be built.
pub(crate) fn finish(builder: Builder, body: Body) -> Response<Body> {
    builder.body(body).unwrap_or_else(|_| {
        let mut response = Response::new(Body::whole(""));
        *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
        response
    })
}

impl World {
    /// Adds the headers of every response of the front end.
    pub(super) fn bare(&self, asked: &Asked<'_>, status: StatusCode) -> Builder {
        let builder = Response::builder().status(status).header(SERVER, "openresty");
        let builder = if self.registry.date {
            builder.header(DATE, date(self.registry.date_ahead))
        } else {
            builder
        };
        builder
            .header(STRICT_TRANSPORT_SECURITY, HSTS)
            .header("x-ms-correlation-request-id", &asked.correlation)
    }

    /// Adds the headers of every routed response under `/v2/`, which contain HSTS twice.
    pub(super) fn front(&self, asked: &Asked<'_>, status: StatusCode) -> Builder {
        let builder = self.routed(asked, status);
        EXPOSED
            .iter()
            .fold(builder, |builder, name| builder.header("access-control-expose-headers", *name))
    }

    fn routed(&self, asked: &Asked<'_>, status: StatusCode) -> Builder {
        self.bare(asked, status)
            .header(STRICT_TRANSPORT_SECURITY, HSTS)
            .header("docker-distribution-api-version", "registry/2.0")
            .header("x-content-type-options", "nosniff")
    }

    /// Adds the same headers for responses from behind the front end.
    pub(super) fn backend(&self, asked: &Asked<'_>, status: StatusCode) -> Builder {
        self.front(asked, status)
            .header("x-ms-client-request-id", "")
            .header("x-ms-request-id", &asked.correlation)
    }

    /// Returns a JSON error with the line ending that the registry adds.
    pub(super) fn errors(
        &self,
        asked: &Asked<'_>,
        status: StatusCode,
        body: &Value,
    ) -> Response<Body> {
        let builder = self.front(asked, status).header(CONTENT_TYPE, JSON);
        finish(builder, Body::whole(format!("{body}\n")))
    }

    /// Returns the response to a path without a route.
    pub(super) fn no_such_page(&self, asked: &Asked<'_>) -> Response<Body> {
        let builder = self.routed(asked, StatusCode::NOT_FOUND);
        let builder = builder.header(CONTENT_TYPE, "text/plain; charset=utf-8");
        finish(builder, Body::whole("404 page not found\n"))
    }

    pub(super) fn pong(&self, asked: &Asked<'_>) -> Response<Body> {
        let builder = self.front(asked, StatusCode::OK).header(CONTENT_TYPE, JSON);
        finish(builder, Body::whole("{}"))
    }

    /// Returns a 401: where to get a token, for which scope, and what was wrong with the one
    /// presented.
    pub(super) fn challenge(
        &self,
        asked: &Asked<'_>,
        answer: Answer,
        wanted: Option<(&str, &str)>,
        error: Option<&str>,
    ) -> Response<Body> {
        let Asked { scheme, authority, .. } = asked;
        let here = || format!("{scheme}://{authority}/oauth2/token");
        let realm = self.registry.realm.clone().unwrap_or_else(here);
        let service = if self.registry.hub { "registry.docker.io" } else { authority };
        let mut challenge = format!("Bearer realm=\"{realm}\",service=\"{service}\"");
        if let Some((name, action)) = wanted {
            let _ = write!(challenge, ",scope=\"repository:{name}:{action}\"");
        }
        if let Some(error) = error {
            let _ = write!(challenge, ",error=\"{error}\"");
        }
        let detail = wanted.map_or(
            Value::Null,
            |(name, action)| json!([{ "Type": "repository", "Name": name, "Action": action }]),
        );
        let body = json!({ "errors": [{
            "code": "UNAUTHORIZED", "message": AUTHENTICATE, "detail": detail,
        }] });
        let mut response = self.errors(asked, StatusCode::UNAUTHORIZED, &body);
        let challenge = match answer {
            Answer::NoChallenge => None,
            Answer::BadChallenge => Some(HeaderValue::from_static("Bearer realm=,;\"")),
            _ => HeaderValue::from_str(&challenge).ok(),
        };
        if let Some(challenge) = challenge {
            response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
        }
        response
    }

    /// Returns the responses that do not depend on the request.
    pub(super) fn canned(&self, asked: &Asked<'_>, answer: Answer) -> Option<Response<Body>> {
        let ok = |kind: &'static str| self.bare(asked, StatusCode::OK).header(CONTENT_TYPE, kind);
        Some(match answer {
            Answer::Outage => self.page(asked, StatusCode::SERVICE_UNAVAILABLE),
            Answer::OutageOnce if self.once() => self.page(asked, StatusCode::SERVICE_UNAVAILABLE),
            Answer::BadGateway => self.page(asked, StatusCode::BAD_GATEWAY),
            Answer::ServerErrorHtml => self.page(asked, StatusCode::INTERNAL_SERVER_ERROR),
            Answer::Html => self.page(asked, StatusCode::OK),
            // For clients that open a connection per request, the fourth request is the first on a
            // third connection.
            Answer::FirewallSettling if asked.number() > 3 => return None,
            Answer::FirewallUnsettled if asked.number() == 4 => return None,
            Answer::Firewall | Answer::FirewallSettling | Answer::FirewallUnsettled => {
                self.firewall(asked)
            }
            Answer::Forbidden => self.inactive(asked),
            Answer::Disallowed => {
                // Seen on a push; the status that goes with it in a pull was never recorded.
                let body = json!({ "errors": [{
                    "code": "REGISTRY_DISALLOWED_OPERATION", "message": DISALLOWED,
                }] });
                self.errors(asked, StatusCode::FORBIDDEN, &body)
            }
            Answer::Throttled => self.throttled(asked),
            Answer::ThrottledOnce if self.once() => self.throttled(asked),
            Answer::CacheThrottled => {
                let message = format!(
                    "too many requests to source registry for cache rule 'dockerhub-library'. CorrelationId: {}",
                    asked.correlation
                );
                let body = json!({ "errors": [{ "code": "TOOMANYREQUESTS", "message": message }] });
                self.errors(asked, StatusCode::TOO_MANY_REQUESTS, &body)
            }
            Answer::CacheRefused => {
                let message = format!(
                    "unable to fetch from the source registry for cache rule 'dockerhub-library'. CorrelationId: {}",
                    asked.correlation
                );
                let body = json!({ "errors": [{ "code": "UNKNOWN", "message": message }] });
                self.errors(asked, StatusCode::FAILED_DEPENDENCY, &body)
            }
            Answer::Teapot => self.page(asked, StatusCode::IM_A_TEAPOT),
            Answer::RedirectLoop => {
                let here = format!("{}://{}{}", asked.scheme, asked.authority, asked.uri);
                let builder = self.bare(asked, StatusCode::FOUND).header(LOCATION, here);
                finish(builder, Body::whole(""))
            }
            Answer::HeaderBomb => {
                let mut response = finish(ok(JSON), Body::whole("{}"));
                // All together they are more than the 10 MiB that Go reads.
                let filler = "filler".repeat(200);
                for count in 0..HEADERS {
                    let name = format!("x-filler-{count:05}");
                    if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), filler.parse()) {
                        response.headers_mut().insert(name, value);
                    }
                }
                response
            }
            Answer::GzipBomb => {
                finish(ok(JSON).header(CONTENT_ENCODING, "gzip"), Body::whole(gzip_bomb()))
            }
            Answer::Brotli => finish(ok(JSON).header(CONTENT_ENCODING, "br"), Body::whole("{}")),
            Answer::Endless => finish(ok(JSON), Body::endless(vec![b' '; 16 << 10])),
            Answer::Unset
            | Answer::OutageOnce
            | Answer::ThrottledOnce
            | Answer::Late
            | Answer::Normal
            | Answer::NoChallenge
            | Answer::BadChallenge
            | Answer::NoAuth
            | Answer::NotJson
            | Answer::WrongDigest
            | Answer::OtherHead
            | Answer::HeadForbidden
            | Answer::RefuseAll
            | Answer::Missing
            | Answer::LargeMissing
            | Answer::ByTagOnly => return None,
        })
    }

    /// Returns the 403 of a registry that cannot read its content.
    pub(super) fn inactive(&self, asked: &Asked<'_>) -> Response<Body> {
        // The message is documented; the code that goes with it in a pull was never
        // recorded.
        let body = json!({ "errors": [{
                    "code": "DENIED",
                    "message": "The identity associated with the registry is inactive. This could be due to \
                                attempted removal of the identity. Reassign the identity manually",
                }] });
        self.errors(asked, StatusCode::FORBIDDEN, &body)
    }

    /// Returns the 403 of the registry's firewall.
    pub(super) fn firewall(&self, asked: &Asked<'_>) -> Response<Body> {
        // The registry's encoder escapes the apostrophes and adds no line ending.
        let message = format!(
            "client with IP \\u0027{}\\u0027 is not allowed access. \
             Refer https://aka.ms/acr/firewall to grant access.",
            self.azure.client_ip()
        );
        let body = format!("{{\"errors\":[{{\"code\":\"DENIED\",\"message\":\"{message}\"}}]}}");
        let builder = self.front(asked, StatusCode::FORBIDDEN);
        finish(builder.header(CONTENT_TYPE, JSON), Body::whole(body))
    }

    /// Returns a 429 in each registry's own form.
    fn throttled(&self, asked: &Asked<'_>) -> Response<Body> {
        let server = self.registry.login_server.as_str();
        if server == "mcr.microsoft.com" {
            // The front end's own message, which is not JSON.
            let said = "Ref A: 7C20F3A95D1B4E0880A6B1C2D3E4F506 Ref B: AMS04EDGE1120 Ref C: 2026-01-01T00:00:00Z";
            let builder = Response::builder().status(StatusCode::TOO_MANY_REQUESTS);
            return finish(builder.header(CONTENT_TYPE, "text/plain"), Body::whole(said));
        }
        let message = match server {
            azure if azure.ends_with(".azurecr.io") => {
                "Too many requests. Please visit https://aka.ms/acr/skus#sku-feature-matrix \
                 to view limits of all service tiers."
            }
            "registry-1.docker.io" => {
                "You have reached your unauthenticated pull rate limit. \
                 https://www.docker.com/increase-rate-limit"
            }
            _ => "Slow down.",
        };
        let body = json!({ "errors": [{ "code": "TOOMANYREQUESTS", "message": message }] });
        let mut response = self.errors(asked, StatusCode::TOO_MANY_REQUESTS, &body);
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("10"));
        response
    }

    /// Returns the page of the front web server when the backend does not respond.
    pub(super) fn page(&self, asked: &Asked<'_>, status: StatusCode) -> Response<Body> {
        let page = format!(
            "<html>\r\n<head><title>{status}</title></head>\r\n<body>\r\n<center><h1>{status}</h1></center>\r\n\
             <hr><center>openresty</center>\r\n</body>\r\n</html>\r\n"
        );
        let builder = self.bare(asked, status).header(CONTENT_TYPE, "text/html");
        finish(builder, Body::whole(page))
    }
}
