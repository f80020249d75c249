//! `/oauth2/exchange`: exchanges an Entra token for a refresh token of the registry.

use std::sync::PoisonError;

use hyper::body::Incoming;
use hyper::header::CONTENT_TYPE;
use hyper::{Response, StatusCode};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::answers::finish;
use super::{Asked, World};
use crate::body::Body;
use crate::form::{read, value};
use crate::jwt::{Issuer, verify};
use crate::secrets::{Holder, refresh_token};
use crate::settings::Answer;

/// The audiences that a token may have. The second is Azure Resource Manager, by the names of its
/// clouds and its old names.
const OWN: &str = "https://containerregistry.azure.net";
const RESOURCE_MANAGERS: [&str; 6] = [
    "https://management.azure.com",
    "https://management.core.windows.net",
    "https://management.chinacloudapi.cn",
    "https://management.core.chinacloudapi.cn",
    "https://management.usgovcloudapi.net",
    "https://management.core.usgovcloudapi.net",
];
const KINDS: [&str; 3] = ["access_token", "access_token_refresh_token", "refresh_token"];

/// How an exchange is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Refusal {
    /// The form lacks a field.
    Form,
    /// Refuses without a message.
    Silent,
    /// Refuses with a link to the documentation.
    Speaking,
}

impl World {
    pub(super) async fn exchange(
        &self,
        asked: &Asked<'_>,
        answer: Answer,
        body: Incoming,
    ) -> Response<Body> {
        let form = read(body).await;
        let exchanged = match form {
            Some(form) if answer != Answer::RefuseAll => self.refresh_token_for(asked, &form),
            Some(_) => Err(Refusal::Speaking),
            None => Err(Refusal::Form),
        };
        let refresh = match exchanged {
            Ok(refresh) => refresh,
            Err(Refusal::Form) => return self.bad_form(asked),
            Err(how) => return self.refuse_token(asked, how == Refusal::Speaking),
        };
        let builder = self
            .bare(asked, StatusCode::OK)
            .header(CONTENT_TYPE, "application/json; charset=utf-8")
            .header("x-ms-ratelimit-remaining-calls-per-second", "166.65");
        let body = match answer {
            Answer::NotJson => "a token, in a manner of speaking".to_owned(),
            _ => json!({ "refresh_token": refresh }).to_string(),
        };
        finish(builder, Body::chunked(body))
    }

    fn refresh_token_for(
        &self,
        asked: &Asked<'_>,
        form: &[(String, String)],
    ) -> Result<String, Refusal> {
        let field = |key| value(form, key).filter(|text| !text.is_empty());
        let well_asked = field("grant_type").is_some_and(|kind| KINDS.contains(&kind))
            && field("service") == Some(asked.authority);
        let shown = field("access_token").filter(|_| well_asked).ok_or(Refusal::Form)?;
        let claims = verify(Issuer::Entra, shown).ok_or(Refusal::Silent)?;
        let claim = |key| claims.get(key).and_then(Value::as_str).unwrap_or_default();
        let now = Timestamp::now().as_second();
        let audience = claim("aud").trim_end_matches('/');
        let arm = self.azure.arm_audience() && RESOURCE_MANAGERS.contains(&audience);
        let home = match &self.registry.tenant[..] {
            "" => &self.entra.tenant,
            own => own,
        };
        let (tenant, own) = (claim("tid"), |text: &str| text.eq_ignore_ascii_case(claim("tid")));
        if (audience != OWN && !arm)
            || claims.get("exp").and_then(Value::as_i64).is_none_or(|end| end < now)
            || tenant.is_empty()
            || !field("tenant").is_none_or(own)
            || !own(home)
        {
            return Err(Refusal::Silent);
        }
        let known = self.entra.identities.values().find(|one| one.object_id == claim("oid"));
        let known = known.filter(|one| self.has_role(one)).ok_or(Refusal::Speaking)?;
        let who = Holder { application: &known.client_id, object: &known.object_id };
        let refresh = refresh_token(&asked.correlation, asked.authority, &who, now);
        self.exchanged
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(refresh.clone(), known.object_id.clone());
        Ok(refresh)
    }

    /// Returns the object id of the identity that a refresh token was issued to.
    pub(super) fn exchanged_for(&self, refresh: &str) -> Option<String> {
        self.exchanged.lock().unwrap_or_else(PoisonError::into_inner).get(refresh).cloned()
    }
}
