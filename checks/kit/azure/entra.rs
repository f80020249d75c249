//! Entra ID's token endpoint: a service principal or a federated identity authenticates and gets a
//! token.
//!
//! Errors are recognized by their number (`error_codes`), never by their text, which changes.

use std::time::Duration;

use hyper::Method;
use tokio::time::timeout;
use url::form_urlencoded;

use super::json::ask;
use crate::kit::{
    engine::Cx,
    net::{ConnectError, Fault, Request, pool},
    redact::Secret,
    target::Host,
};

/// How long getting a token may take in total.
pub const ENTRA_WAIT: Duration = Duration::from_secs(20);

/// The client that requests a token.
#[derive(Clone, Debug)]
pub struct Client {
    /// The host that issues tokens.
    pub authority: Host,
    /// The tenant's id or domain name.
    pub tenant: String,
    /// The client id of a service principal or a managed identity.
    pub client_id: String,
    /// The credential that authenticates it.
    pub proof: Proof,
}

/// The credential that authenticates a client.
#[derive(Clone, Debug)]
pub enum Proof {
    /// A client secret.
    Secret(Secret),
    /// A token from another issuer that the identity trusts.
    Assertion(Secret),
}

/// Why there is no token.
#[derive(Debug)]
pub enum Refused {
    /// The endpoint cannot be reached.
    Unreachable(ConnectError),
    /// The endpoint's response is not what it should be.
    Unclear(String),
    /// The endpoint refused, and says why.
    Said {
        /// Its error numbers, `AADSTS…`.
        codes: Vec<u64>,
        /// Its error message.
        said: String,
    },
}

impl Refused {
    /// Returns whether the refusal has one of these error numbers.
    pub fn is(&self, numbers: &[u64]) -> bool {
        matches!(self, Refused::Said { codes, .. } if codes.iter().any(|code| numbers.contains(code)))
    }

    /// Returns the refusal in a few words.
    pub fn word(&self) -> String {
        match self {
            Refused::Unreachable(error) => error.fault.word().to_owned(),
            Refused::Unclear(said) | Refused::Said { said, .. } => said.clone(),
        }
    }
}

/// Gets a token for an audience.
pub async fn token(cx: &Cx, who: &Client, audience: &str) -> Result<Secret, Refused> {
    let asking = ask_for(cx, who, audience);
    let silent = || Refused::Unclear(Fault::TimedOut.word().to_owned());
    timeout(ENTRA_WAIT, asking).await.unwrap_or_else(|_| Err(silent()))
}

async fn ask_for(cx: &Cx, who: &Client, audience: &str) -> Result<Secret, Refused> {
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("grant_type", "client_credentials")
        .append_pair("client_id", &who.client_id)
        .append_pair("scope", &format!("{}/.default", audience.trim_end_matches('/')));
    match &who.proof {
        Proof::Secret(secret) => form.append_pair("client_secret", secret.expose()),
        Proof::Assertion(token) => form
            .append_pair(
                "client_assertion_type",
                "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            )
            .append_pair("client_assertion", token.expose()),
    };
    let tenant: String = form_urlencoded::byte_serialize(who.tenant.as_bytes()).collect();
    let request = Request::new(Method::POST, format!("/{tenant}/oauth2/v2.0/token"));
    let request = Request { form: Some(Secret::new(form.finish())), ..request };
    let connection = pool::once(cx, &who.authority).await.map_err(Refused::Unreachable)?;
    let answer = ask(cx, &connection, &request).await;
    let answer = answer.map_err(|fault| Refused::Unclear(fault.word().to_owned()))?;
    if let (200, Some(token)) = (answer.status, answer.text("access_token")) {
        return Ok(Secret::new(token));
    }
    let codes = answer.body.get("error_codes").and_then(|codes| codes.as_array());
    let codes: Vec<u64> =
        codes.into_iter().flatten().filter_map(serde_json::Value::as_u64).collect();
    let said = answer.said();
    Err(if codes.is_empty() {
        Refused::Unclear(format!("{}, {said}", answer.status))
    } else {
        Refused::Said { codes, said }
    })
}
