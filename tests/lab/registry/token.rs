//! `/oauth2/token`: which client gets an access token, and for what scope.

use hyper::body::Incoming;
use hyper::header::CONTENT_TYPE;
use hyper::{Method, Response, StatusCode};
use serde_json::{Value, json};

use super::answers::{AUTHENTICATE, finish};
use super::{Asked, Grant, World};
use crate::body::Body;
use crate::form::{pairs, read, value};
use crate::identity::{Identity, IdentityKind};
use crate::secrets::{TOKEN_USER, USER, access_token, admin, basic};
use crate::settings::{Answer, Grants};

/// The client that requests a token.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Who {
    /// A repository-scoped token, by its name.
    Token(String),
    /// The admin user.
    Admin,
    /// An identity of the tenant with a role on the registry, by its object id.
    Identity(String),
    Anonymous,
    Stranger,
    /// A service principal that the tenant does not have.
    Unregistered,
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
            let Some(read) = read(body).await else {
                return self.bad_form(asked);
            };
            form = read;
            let field = |key| value(&form, key).filter(|text| !text.is_empty());
            refresh = field("grant_type") == Some("refresh_token");
            who = match (field("grant_type"), field("username")) {
                (Some("refresh_token"), _) => {
                    self.holder(field("refresh_token").unwrap_or_default())
                }
                (Some("password"), None) => Who::Anonymous,
                // containerd's code notes that ACR responds to its form with 400, so containerd
                // sends a GET. The Azure CLI, which leaves out client_id, gets a token.
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
            Who::Token(_) | Who::Admin | Who::Identity(_) => false,
            Who::Anonymous => !self.azure.anonymous(),
            Who::Stranger | Who::Unregistered => true,
        };
        if who == Who::Unregistered && answer != Answer::RefuseAll {
            return self.unregistered(asked);
        }
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
        // A token is issued whatever it grants; a missing right shows when the token is used.
        let grants = self.granted(&form, &who);
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
        if self.azure.token_accepts(user, password) {
            return Who::Token(user.to_owned());
        }
        if user == TOKEN_USER {
            return self.holder(password);
        }
        match self.entra.client(user) {
            None if is_guid(user) => Who::Unregistered,
            Some(client)
                if client.kind == IdentityKind::Application
                    && password == self.secrets.client_secret
                    && self.has_role(client) =>
            {
                Who::Identity(client.object_id.clone())
            }
            _ if user == admin(&self.registry.login_server)
                && password == self.secrets.admin_password
                && self.azure.admin() =>
            {
                Who::Admin
            }
            _ => Who::Stranger,
        }
    }

    /// Returns the client that holds this refresh token.
    fn holder(&self, refresh: &str) -> Who {
        if refresh == self.secrets.identity_token {
            Who::Token(USER.to_owned())
        } else {
            self.exchanged_for(refresh).map_or(Who::Stranger, Who::Identity)
        }
    }

    /// Returns whether an identity has a role on this registry.
    pub(super) fn has_role(&self, identity: &Identity) -> bool {
        self.azure.may(&identity.object_id, None, "pull")
    }

    /// Returns the granted part of the requested scopes. A scope without any granted action is left
    /// out of the token.
    fn granted(&self, form: &[(String, String)], who: &Who) -> Vec<Grant> {
        let may = |name: &str, action: &str| {
            ["pull", "metadata_read", "deleted_read"].contains(&action)
                && match who {
                    Who::Token(token) => self.azure.token_may(token, name, action),
                    Who::Admin => true,
                    Who::Identity(object) => {
                        self.registry.grants == Grants::Pull
                            && (action != "metadata_read" || self.registry.list_tags)
                            && self.azure.may(object, Some(name), action)
                    }
                    Who::Anonymous => {
                        action == "pull" || action == "metadata_read" && self.registry.list_tags
                    }
                    Who::Stranger | Who::Unregistered => false,
                }
        };
        let scopes = form.iter().filter(|(key, _)| key == "scope");
        scopes
            .flat_map(|(_, scope)| scope.split(' '))
            .filter_map(|scope| {
                let (name, actions) = scope.strip_prefix("repository:")?.rsplit_once(':')?;
                // Docker Hub does not distinguish missing repositories from private ones.
                if self.registry.hub && !self.registry.images.contains_key(name) {
                    return None;
                }
                let actions: Vec<_> =
                    actions.split(',').filter(|one| may(name, one)).map(str::to_owned).collect();
                (!actions.is_empty()).then(|| Grant { name: name.to_owned(), actions })
            })
            .collect()
    }

    /// Returns a 401. A refused refresh token or exchange gets an empty response, without even a
    /// content type.
    pub(super) fn refuse_token(&self, asked: &Asked<'_>, speaking: bool) -> Response<Body> {
        if !speaking {
            return finish(self.bare(asked, StatusCode::UNAUTHORIZED), Body::whole(""));
        }
        let message = format!("{AUTHENTICATE} CorrelationId: {}", asked.correlation);
        self.unauthorized(asked, &message)
    }

    fn unregistered(&self, asked: &Asked<'_>) -> Response<Body> {
        self.unauthorized(asked, "Application not registered with AAD.")
    }

    fn unauthorized(&self, asked: &Asked<'_>, message: &str) -> Response<Body> {
        let body = json!({ "errors": [{ "code": "UNAUTHORIZED", "message": message }] });
        let builder = self
            .bare(asked, StatusCode::UNAUTHORIZED)
            .header(CONTENT_TYPE, "application/json; charset=utf-8");
        finish(builder, Body::whole(format!("{body}\n")))
    }

    /// Returns a 400 for a form that the registry does not accept; the real message was never
    /// recorded.
    pub(super) fn bad_form(&self, asked: &Asked<'_>) -> Response<Body> {
        finish(self.bare(asked, StatusCode::BAD_REQUEST), Body::whole(""))
    }
}

fn is_guid(text: &str) -> bool {
    let lengths: Vec<_> = text.split('-').map(str::len).collect();
    lengths == [8, 4, 4, 4, 12] && text.chars().all(|c| c == '-' || c.is_ascii_hexdigit())
}
