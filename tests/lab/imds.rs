//! The metadata service of a machine: tokens for the identities that are attached to it.

use std::time::Duration;

use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, DATE, SERVER};
use hyper::http::response::Builder;
use hyper::{Method, Request, Response, StatusCode};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::body::Body;
use crate::entra::{Facts, MACHINE_LIFE, refused};
use crate::form::{pairs, value};
use crate::host::portal;
use crate::identity::{Identity, ImdsAnswer};
use crate::registry::{World, date, finish};

const PATH: &str = "/metadata/identity/oauth2/token";
const VERSION: &str = "2018-02-01";
const JSON: &str = "application/json; charset=utf-8";
/// The error of an interceptor that requests tokens on the machine's behalf.
const INTERCEPTED: &str = "failed to refresh token, error: adal: Refresh request failed. Status Code = '400'. \
    Response body: Bad Request\n";
/// Longer than the kubelet waits for its credential provider.
const LATE: Duration = Duration::from_secs(70);
/// Longer than `check-acr` asks nothing else meanwhile, and shorter than the kubelet waits.
const SLOW: Duration = Duration::from_secs(7);
/// More bytes than any real response.
const LONG: usize = 10 << 20;

impl World {
    /// Responds to a request to the metadata service.
    pub(crate) async fn ask_imds(&self, request: &Request<Incoming>) -> Response<Body> {
        let late = match self.imds.answer {
            ImdsAnswer::LateOnce => Some(LATE),
            ImdsAnswer::SlowOnce => Some(SLOW),
            _ => None,
        };
        if let Some(late) = late.filter(|_| self.once_imds()) {
            tokio::time::sleep(late).await;
        }
        if let Some(canned) = self.imds_canned() {
            return canned;
        }
        let query = pairs(request.uri().query().unwrap_or(""));
        let field = |key| value(&query, key).filter(|text| !text.is_empty());
        let resource = match field("resource") {
            Some(resource)
                if request.uri().path() == PATH
                    && request.method() == Method::GET
                    && field("api-version") == Some(VERSION) =>
            {
                resource
            }
            _ => return imds_says(StatusCode::NOT_FOUND, &json!({ "error": "Not found" })),
        };
        let header = |name| request.headers().get(name).and_then(|value| value.to_str().ok());
        let marked = header("metadata").is_some_and(|value| value.eq_ignore_ascii_case("true"));
        if !marked || request.headers().contains_key("x-forwarded-for") {
            return invalid("Required metadata header not specified");
        }
        match self.attached(&query) {
            Ok(identity) => self.imds_token(identity, resource),
            Err(why) => invalid(why),
        }
    }

    /// Returns the requested identity, or the reason why there is none.
    fn attached(&self, query: &[(String, String)]) -> Result<&Identity, &'static str> {
        let field = |key| value(query, key).filter(|text| !text.is_empty());
        let named = field("client_id").or(field("object_id"));
        let named = named.or(field("mi_res_id")).or(field("msi_res_id"));
        let mut attached =
            self.imds.identities.iter().filter_map(|name| self.entra.identities.get(name));
        let same = |own: &str, asked: Option<&str>| {
            asked.is_none_or(|asked| own.eq_ignore_ascii_case(asked))
        };
        if named.is_some() {
            let meant = attached.find(|one| {
                same(&one.client_id, field("client_id"))
                    && same(&one.object_id, field("object_id"))
                    && same(&one.resource_id, field("mi_res_id").or(field("msi_res_id")))
            });
            return meant.ok_or("Identity not found");
        }
        match (attached.next(), attached.next()) {
            (Some(only), None) => Ok(only),
            (None, _) => Err("Identity not found"),
            (Some(_), Some(_)) => Err(
                "Multiple user assigned identities exist, please specify the clientId / resourceId of the identity in \
                 the token request",
            ),
        }
    }

    fn imds_token(&self, identity: &Identity, resource: &str) -> Response<Body> {
        // Errors from Entra are passed on verbatim.
        let error = match self.entra.error {
            0 if self.entra.knows(resource) => 0,
            0 => 500_011,
            error => error,
        };
        if error != 0 {
            let facts = Facts {
                tenant: self.entra.tenant.clone(),
                client: identity.client_id.clone(),
                resource: resource.to_owned(),
                assertion: Value::Null,
            };
            let mut said = refused(error, &facts, &self.trace()).body;
            said["error_uri"] =
                format!("https://eastus.login.microsoft.com/error?code={error}").into();
            return imds_says(StatusCode::BAD_REQUEST, &said);
        }
        let now = Timestamp::now().as_second();
        let body = json!({
            "access_token": self.machine_token(identity, resource),
            "client_id": identity.client_id,
            "expires_in": (MACHINE_LIFE - 1).to_string(),
            "expires_on": (now + MACHINE_LIFE).to_string(),
            "ext_expires_in": (MACHINE_LIFE - 1).to_string(),
            "not_before": (now - 300).to_string(),
            "resource": resource,
            "token_type": "Bearer",
        });
        imds_says(StatusCode::OK, &body)
    }

    /// Returns the responses that do not depend on the request.
    fn imds_canned(&self) -> Option<Response<Body>> {
        let busy = "Temporarily throttled, too many requests";
        let busy = json!({ "error": "invalid_request", "error_description": busy });
        Some(match self.imds.answer {
            ImdsAnswer::ThrottledOnce | ImdsAnswer::GoneOnce if !self.once_imds() => return None,
            ImdsAnswer::Normal | ImdsAnswer::LateOnce | ImdsAnswer::SlowOnce => return None,
            ImdsAnswer::Throttled | ImdsAnswer::ThrottledOnce => {
                imds_says(StatusCode::TOO_MANY_REQUESTS, &busy)
            }
            ImdsAnswer::Outage => finish(imds(StatusCode::SERVICE_UNAVAILABLE), Body::whole("")),
            ImdsAnswer::GoneOnce => finish(imds(StatusCode::GONE), Body::whole("")),
            ImdsAnswer::Html => portal(),
            ImdsAnswer::Endless => {
                let builder = imds(StatusCode::OK).header(CONTENT_TYPE, JSON);
                finish(builder, Body::endless(vec![b' '; 16 << 10]))
            }
            ImdsAnswer::Long => {
                imds_says(StatusCode::OK, &json!({ "access_token": "x".repeat(LONG) }))
            }
            ImdsAnswer::Interceptor => {
                let builder = Response::builder()
                    .status(StatusCode::FORBIDDEN)
                    .header(CONTENT_TYPE, "text/plain; charset=utf-8")
                    .header("x-content-type-options", "nosniff")
                    .header(DATE, date(0));
                finish(builder, Body::whole(INTERCEPTED))
            }
            ImdsAnswer::GarbageJson => imds_says(StatusCode::OK, &json!({})),
        })
    }
}

/// Returns a 400 with the service's own message.
fn invalid(why: &str) -> Response<Body> {
    let body = json!({ "error": "invalid_request", "error_description": why });
    imds_says(StatusCode::BAD_REQUEST, &body)
}

fn imds_says(status: StatusCode, body: &Value) -> Response<Body> {
    finish(imds(status).header(CONTENT_TYPE, JSON), Body::whole(body.to_string()))
}

/// Adds the headers of every response of the service.
fn imds(status: StatusCode) -> Builder {
    Response::builder().status(status).header(SERVER, "IMDS/150.870.65.1854").header(DATE, date(0))
}
