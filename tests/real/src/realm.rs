//! The realm: authenticates clients and issues tokens that docker-registry verifies against this
//! program's authority.
//!
//! Like the cloud registry it stands in for, it issues a token to an authenticated user for any
//! requested scope, with an empty `access` if the user has no rights. The refusal shows only when
//! the token is used.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use hyper::Method;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use serde_json::{Value, json};

use crate::Fallible;
use crate::pki::Leaves;
use crate::places::REALM;
use crate::serve::{Answer, Asked, fields, json as reply, serve};

pub const URL: &str = "https://realm.registry.test/oauth2/token";
pub const ISSUER: &str = "realm.registry.test";

/// A user who may read everything.
pub const READER: (&str, &str) = ("morgan", "harvest-moon-42");
/// The same user with last year's password.
pub const STALE: (&str, &str) = ("morgan", "harvest-moon-41");
/// A user who can sign in and may read nothing.
pub const GUEST: (&str, &str) = ("robin", "paper-lantern-7");

const REFUSED: &str =
    r#"{"errors":[{"code":"UNAUTHORIZED","message":"authentication required","detail":null}]}"#;

struct Signer {
    key: EcdsaKeyPair,
    certificate: String,
    random: SystemRandom,
}

pub async fn start(leaves: &Leaves) -> Fallible<()> {
    let random = SystemRandom::new();
    let key =
        EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &leaves.signing.pkcs8, &random)
            .map_err(|e| format!("the realm's key: {e}"))?;
    let signer =
        Arc::new(Signer { key, certificate: STANDARD.encode(&leaves.signing.der), random });
    serve(REALM, leaves.good.tls.clone(), move |asked| signer.answer(&asked)).await
}

impl Signer {
    /// Clients send a POST with a form (containerd, when it has a password) or a GET with Basic
    /// (all others).
    fn answer(&self, asked: &Asked) -> Answer {
        if asked.path != "/oauth2/token" {
            return reply(404, "{}");
        }
        let posted = asked.method == Method::POST;
        let form = if posted { &asked.body } else { &asked.query };
        let user =
            if posted { from_form(form) } else { from_basic(asked.authorization.as_deref()) };
        let scopes: Vec<String> = fields(form, "scope")
            .iter()
            .flat_map(|s| s.split(' '))
            .map(str::to_owned)
            .filter(|s| !s.is_empty())
            .collect();
        let granted = match user.as_ref().map(|(u, p)| (u.as_str(), p.as_str())) {
            Some(READER) => scopes,
            Some(GUEST) => Vec::new(),
            Some(_) => return reply(401, REFUSED),
            None => {
                let open: Vec<String> = scopes
                    .iter()
                    .filter(|s| s.starts_with("repository:public/"))
                    .cloned()
                    .collect();
                if open.len() < scopes.len() {
                    return reply(401, REFUSED);
                }
                open
            }
        };
        let name = user.map(|(u, _)| u).unwrap_or_default();
        let service = fields(form, "service").into_iter().next().unwrap_or_default();
        match self.token(&name, &service, &granted) {
            Ok(token) => reply(
                200,
                &json!({ "access_token": token, "token": token, "expires_in": 300 }).to_string(),
            ),
            Err(_) => reply(500, "{}"),
        }
    }

    fn token(&self, user: &str, service: &str, scopes: &[String]) -> Fallible<String> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
        let access: Vec<Value> = scopes
            .iter()
            .filter_map(|scope| {
                let (kind, rest) = scope.split_once(':')?;
                let (name, actions) = rest.rsplit_once(':')?;
                Some(json!({ "type": kind, "name": name, "actions": actions.split(',').collect::<Vec<_>>() }))
            })
            .collect();
        let head = json!({ "typ": "JWT", "alg": "ES256", "x5c": [self.certificate] });
        let claims = json!({
            "iss": ISSUER, "sub": user, "aud": service, "jti": format!("{now}-{user}"),
            "iat": now, "nbf": now - 10, "exp": now + 300, "access": access,
        });
        let signed = format!(
            "{}.{}",
            URL_SAFE_NO_PAD.encode(head.to_string()),
            URL_SAFE_NO_PAD.encode(claims.to_string())
        );
        let signature =
            self.key.sign(&self.random, signed.as_bytes()).map_err(|e| format!("signing: {e}"))?;
        Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }
}

fn from_form(form: &str) -> Option<(String, String)> {
    let one = |name| fields(form, name).into_iter().next();
    let user = one("username").filter(|u| !u.is_empty())?;
    Some((user, one("password").unwrap_or_default()))
}

fn from_basic(header: Option<&str>) -> Option<(String, String)> {
    let plain = STANDARD.decode(header?.strip_prefix("Basic ")?).ok()?;
    let plain = String::from_utf8(plain).ok()?;
    plain.split_once(':').map(|(user, password)| (user.to_owned(), password.to_owned()))
}
