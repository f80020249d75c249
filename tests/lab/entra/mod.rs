//! Entra ID: which identity gets a token, and for what audience.

mod discovery;
mod errors;

use hyper::body::Incoming;
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, DATE};
use hyper::http::response::Builder;
use hyper::{Method, Request, Response, StatusCode};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::body::Body;
use crate::form::{read, value};
use crate::identity::{Identity, IdentityKind};
use crate::jwt::{Issuer, claims, sign, verify};
use crate::registry::{World, date, finish};
use crate::secrets::{CANARY, authority};

pub(crate) use errors::{Facts, refused};

/// The lifetimes in seconds of a token that a service principal requested itself, and of one that a
/// machine requested.
const APPLICATION_LIFE: i64 = 3_600;
pub(crate) const MACHINE_LIFE: i64 = 86_400;
/// How many seconds before its issue a token claims to be valid.
const GRACE: i64 = 300;
/// The assertion type with which a service principal presents a token instead of a secret.
const BY_JWT: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// How a service principal proves its identity.
#[derive(Clone, Copy)]
enum Proof {
    Secret,
    Assertion,
}

impl World {
    /// Responds to a request to Entra ID.
    pub(crate) async fn ask_entra(&self, request: Request<Incoming>) -> Response<Body> {
        let path = request.uri().path().to_owned();
        if request.method() == Method::GET
            && let Some(metadata) = discovery::document(&path, &self.entra.tenant)
        {
            return self.say(StatusCode::OK, &metadata);
        }
        let asked = path.strip_prefix('/').and_then(|rest| rest.split_once('/'));
        let (tenant, newer) = match asked {
            Some((tenant, "oauth2/v2.0/token")) => (tenant, true),
            Some((tenant, "oauth2/token")) => (tenant, false),
            _ => return finish(self.entra(StatusCode::NOT_FOUND), Body::whole("")),
        };
        if request.method() != Method::POST {
            return finish(self.entra(StatusCode::METHOD_NOT_ALLOWED), Body::whole(""));
        }
        let form = read(request.into_body()).await.unwrap_or_default();
        let field = |key| value(&form, key).unwrap_or_default();
        let scope = field("scope").strip_suffix("/.default");
        let resource = if newer { scope } else { Some(field("resource")) };
        match self.issue(tenant, newer, resource, &form) {
            Ok(body) => self.say(StatusCode::OK, &body),
            Err(number) => {
                let facts = Facts {
                    tenant: tenant.to_owned(),
                    client: field("client_id").to_owned(),
                    resource: resource.unwrap_or(field("scope")).to_owned(),
                    assertion: claims(field("client_assertion")).unwrap_or_default(),
                };
                let refused = refused(number, &facts, &self.trace());
                self.say(refused.status, &refused.body)
            }
        }
    }

    /// Returns a token response or the number of the error. It checks in this order: the tenant,
    /// the client, its proof, the scope.
    fn issue(
        &self,
        tenant: &str,
        newer: bool,
        resource: Option<&str>,
        form: &[(String, String)],
    ) -> Result<Value, u32> {
        let (client, proof) = self.proven(tenant, form)?;
        let resource = resource.ok_or(1_002_012_u32)?;
        if !self.entra.knows(resource) {
            return Err(500_011);
        }
        let access_token = self.entra_token(client, resource, APPLICATION_LIFE, proof);
        let now = Timestamp::now().as_second();
        let life = APPLICATION_LIFE - 1;
        Ok(if newer {
            json!({
                "token_type": "Bearer", "expires_in": life, "ext_expires_in": life,
                "access_token": access_token,
            })
        } else {
            json!({
                "token_type": "Bearer", "expires_in": life.to_string(),
                "ext_expires_in": life.to_string(),
                "expires_on": (now + life).to_string(), "not_before": (now - GRACE).to_string(),
                "resource": resource, "access_token": access_token,
            })
        })
    }

    /// Returns the client if its proof is valid, else the number of the error.
    fn proven(&self, tenant: &str, form: &[(String, String)]) -> Result<(&Identity, Proof), u32> {
        let field = |key| value(form, key).filter(|text| !text.is_empty());
        if !self.entra.tenants().iter().any(|known| tenant.eq_ignore_ascii_case(known)) {
            return Err(90_002);
        }
        if self.entra.error != 0 {
            return Err(self.entra.error);
        }
        if field("grant_type") != Some("client_credentials") {
            return Err(70_003);
        }
        let client = self.entra.client(field("client_id").unwrap_or_default());
        let is_here = |one: &&Identity| tenant.eq_ignore_ascii_case(self.entra.tenant_of(one));
        let client = client.filter(is_here).ok_or(700_016_u32)?;
        match (field("client_secret"), field("client_assertion")) {
            (Some(secret), _) => match client.kind {
                IdentityKind::Application if secret == self.secrets.client_secret => {
                    Ok((client, Proof::Secret))
                }
                IdentityKind::Application if secret == self.secrets.old_client_secret => {
                    Err(7_000_222)
                }
                _ => Err(7_000_215),
            },
            (None, Some(assertion)) => {
                let own = field("client_assertion_type") == Some(BY_JWT)
                    && verify(Issuer::Cluster, assertion).is_some();
                if own { Ok((client, Proof::Assertion)) } else { Err(70_021) }
            }
            (None, None) => Err(7_000_218),
        }
    }

    /// Returns a token for an identity that is attached to the machine.
    pub(crate) fn machine_token(&self, identity: &Identity, audience: &str) -> String {
        self.entra_token(identity, audience, MACHINE_LIFE, Proof::Assertion)
    }

    fn entra_token(&self, who: &Identity, audience: &str, life: i64, proof: Proof) -> String {
        let now = Timestamp::now().as_second();
        let tenant = self.entra.tenant_of(who);
        let issuer = authority(tenant);
        let mut claims = json!({
            "aud": audience, "iss": issuer,
            "iat": now - GRACE, "nbf": now - GRACE, "exp": now + life,
            "aio": CANARY,
            "appid": who.client_id,
            "appidacr": match proof { Proof::Secret => "1", Proof::Assertion => "2" },
            "idp": issuer, "idtyp": "app",
            "oid": who.object_id, "rh": "1.bGFi.", "sub": who.object_id,
            "tid": tenant, "uti": self.trace(), "ver": "1.0",
        });
        if who.kind == IdentityKind::Managed {
            claims["xms_mirid"] = Value::from(who.resource_id.as_str());
        }
        sign(Issuer::Entra, &claims)
    }

    fn say(&self, status: StatusCode, body: &Value) -> Response<Body> {
        let builder = self.entra(status).header(CONTENT_TYPE, "application/json; charset=utf-8");
        finish(builder, Body::whole(body.to_string()))
    }

    /// Adds the headers of every response.
    fn entra(&self, status: StatusCode) -> Builder {
        Response::builder()
            .status(status)
            .header(CACHE_CONTROL, "no-store, no-cache")
            .header("x-ms-request-id", self.trace())
            .header("x-ms-ests-server", "2.1.20000.5 - EUS ProdSlices")
            .header(DATE, date(0))
    }
}
