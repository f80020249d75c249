//! `/oauth2/token`: who gets an access token, and for what.

use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::header::CONTENT_TYPE;
use hyper::{Method, Response, StatusCode};
use serde_json::{Value, json};

use super::answers::{AUTHENTICATE, finish};
use super::{Asked, Grant, World};
use crate::body::Body;
use crate::form::{pairs, value};
use crate::secrets::{NOBODY, USER, access_token, basic};
use crate::settings::{Answer, Grants};

/// The longest form that is read.
const LONGEST: usize = 64 << 10;

/// Who asks for a token.
enum Who {
    Known,
    Anonymous,
    Stranger,
}

impl World {
    pub(super) async fn token(
        &self,
        asked: &Asked<'_>,
        answer: Answer,
        authorization: Option<&str>,
        body: Incoming,
    ) -> Response<Body> {
        let refresh;
        let form;
        let who;
        if *asked.method == Method::POST {
            let Ok(body) = Limited::new(body, LONGEST).collect().await else {
                return self.bad_form(asked);
            };
            form = pairs(&String::from_utf8_lossy(&body.to_bytes()));
            let field = |key| value(&form, key).filter(|text| !text.is_empty());
            refresh = field("grant_type") == Some("refresh_token");
            who = match (field("grant_type"), field("username")) {
                (Some("refresh_token"), _) => {
                    let known = field("refresh_token") == Some(&self.secrets.identity_token);
                    if known { Who::Known } else { Who::Stranger }
                }
                (Some("password"), None) => Who::Anonymous,
                // containerd notes that ACR answers its form with 400, and asks again with GET; the Azure CLI, which
                // leaves client_id out, is served.
                (Some("password"), Some(user)) if field("client_id").is_none() => {
                    self.who(user, field("password").unwrap_or_default())
                }
                _ => return self.bad_form(asked),
            };
        } else {
            refresh = false;
            form = pairs(asked.query);
            who = match authorization {
                None => Who::Anonymous,
                Some(header) => match basic(header) {
                    Some((user, password)) => self.who(&user, &password),
                    None => Who::Stranger,
                },
            };
        }
        let refused = match who {
            Who::Known => false,
            Who::Anonymous => !self.registry.anonymous,
            Who::Stranger => true,
        };
        if refused || answer == Answer::RefuseAll {
            return self.refuse_token(asked, !refresh);
        }
        let builder = self
            .bare(asked, StatusCode::OK)
            .header(CONTENT_TYPE, "application/json; charset=utf-8")
            .header("x-ms-ratelimit-remaining-calls-per-second", "166.65");
        if answer == Answer::NotJson {
            return finish(builder, Body::chunked("a token, in a manner of speaking"));
        }
        // A token is issued whatever is granted; what is missing shows when it is used.
        let anonymous = matches!(who, Who::Anonymous);
        let grants = self.granted(&form, anonymous);
        let access: Vec<Value> = grants
            .iter()
            .map(|grant| json!({ "type": "repository", "name": grant.name, "actions": grant.actions }))
            .collect();
        let token = access_token(&asked.correlation, asked.authority, &Value::Array(access));
        let body = json!({ "access_token": token }).to_string();
        self.remember(token, grants);
        finish(builder, Body::chunked(body))
    }

    fn who(&self, user: &str, password: &str) -> Who {
        let known = (user == USER && password == self.secrets.password)
            || (user == NOBODY && password == self.secrets.identity_token);
        if known { Who::Known } else { Who::Stranger }
    }

    /// What of the scopes asked for is granted; a scope of which nothing is left does not stand in the token.
    fn granted(&self, form: &[(String, String)], anonymous: bool) -> Vec<Grant> {
        let pull = anonymous || self.registry.grants == Grants::Pull;
        let may = |action: &str| match action {
            "pull" => pull,
            "metadata_read" => pull && self.registry.list_tags,
            _ => false,
        };
        let scopes = form.iter().filter(|(key, _)| key == "scope");
        scopes
            .flat_map(|(_, scope)| scope.split(' '))
            .filter_map(|scope| {
                let (name, actions) = scope.strip_prefix("repository:")?.rsplit_once(':')?;
                // Docker Hub does not tell what is not there from what is private.
                if self.registry.hub && !self.registry.images.contains_key(name) {
                    return None;
                }
                let actions: Vec<_> =
                    actions.split(',').filter(|one| may(one)).map(str::to_owned).collect();
                (!actions.is_empty()).then(|| Grant { name: name.to_owned(), actions })
            })
            .collect()
    }

    /// 401. A refused refresh token or exchange is told nothing at all, not even a content type.
    pub(super) fn refuse_token(&self, asked: &Asked<'_>, speaking: bool) -> Response<Body> {
        let builder = self.bare(asked, StatusCode::UNAUTHORIZED);
        if !speaking {
            return finish(builder, Body::whole(""));
        }
        let message = format!("{AUTHENTICATE} CorrelationId: {}", asked.correlation);
        let body = json!({ "errors": [{ "code": "UNAUTHORIZED", "message": message }] });
        let builder = builder.header(CONTENT_TYPE, "application/json; charset=utf-8");
        finish(builder, Body::whole(format!("{body}\n")))
    }

    /// 400 for a form that the registry does not take; what it says then was never recorded.
    fn bad_form(&self, asked: &Asked<'_>) -> Response<Body> {
        finish(self.bare(asked, StatusCode::BAD_REQUEST), Body::whole(""))
    }
}
