//! The instance metadata service (IMDS): issues tokens for the managed identities assigned to a
//! machine.
//!
//! The error is read from the raw body, because Azure's libraries report every 400 as "the
//! requested identity isn't assigned" (recorded: status 400 with `error_description`,
//! `Server: IMDS/…`). Any other response at that address does not come from IMDS.

use std::time::Duration;

use hyper::Method;
use tokio::time::{sleep, timeout};
use url::form_urlencoded;

use super::json::{Answer, ask};
use crate::kit::{
    engine::Cx,
    net::{ConnectError, Connection, Fault, Request, pool},
    redact::Secret,
    target::{Host, HostPurpose, IMDS, ManagedIdentityId},
    world::{Proxies, Proxy, ProxyDecision},
};

/// How long a token is waited for before the registry is asked without one. IMDS is on the machine's
/// own link.
pub const IMDS_WAIT: Duration = Duration::from_secs(5);
/// How long a token may take in total: as long as the kubelet gives its credential provider
/// (pkg/credentialprovider/plugin, `execPluginTimeout`), whose library waits without end (azidentity).
pub const PROVIDER_WAIT: Duration = Duration::from_secs(60);
/// How long connecting may take. The connection crosses no network, so this allows for one lost
/// packet.
const CONNECT_WAIT: Duration = Duration::from_secs(3);
/// The pauses before each retry when IMDS is busy (the credential provider waits 5 s and more).
const PAUSES: [Duration; 2] = [Duration::from_millis(400), Duration::from_millis(800)];

/// Returns the query parameter that selects the identity.
fn parameter(id: &ManagedIdentityId) -> Option<(&'static str, &str)> {
    match id {
        ManagedIdentityId::Unnamed => None,
        ManagedIdentityId::Client(id) => Some(("client_id", id)),
        ManagedIdentityId::Resource(id) => Some(("msi_res_id", id)),
    }
}

/// A token, and the busy responses that came before it.
#[derive(Debug)]
pub struct Issued {
    /// The token.
    pub token: Secret,
    /// The status codes of those responses.
    pub busy: Vec<u16>,
}

/// Why there is no token.
#[derive(Debug, PartialEq)]
pub enum Refused {
    /// Nothing accepts a connection, or the connection ends before there is a response.
    Unreachable(Fault),
    /// A connection was accepted, but the request timed out.
    Silent,
    /// IMDS is being updated, or has no such page: the credential provider does not retry.
    Away(u16),
    /// IMDS stays busy; the credential provider retries for up to a minute.
    Busy(Vec<u16>),
    /// The response does not come from IMDS.
    Stranger {
        /// The status code, if the response is HTTP at all.
        status: Option<u16>,
        /// The content of the response.
        said: String,
    },
    /// No such identity is assigned to this machine.
    NotFound,
    /// Several identities are assigned, and the request named none.
    Several,
    /// IMDS issues no tokens for that audience.
    NoAudience(String),
    /// IMDS refuses for another reason.
    Other {
        /// The status code.
        status: u16,
        /// The error message from IMDS.
        said: String,
    },
}

impl Refused {
    /// Returns whether the response certainly came from IMDS.
    pub fn is_its_own(&self) -> bool {
        match self {
            Refused::Unreachable(_) | Refused::Silent | Refused::Stranger { .. } => false,
            Refused::Away(_)
            | Refused::Busy(_)
            | Refused::NotFound
            | Refused::Several
            | Refused::NoAudience(_)
            | Refused::Other { .. } => true,
        }
    }

    /// Returns the refusal in a few words.
    pub fn word(&self) -> String {
        match self {
            Refused::Unreachable(fault) => fault.word().to_owned(),
            Refused::Silent => Fault::TimedOut.word().to_owned(),
            Refused::Away(status) => status.to_string(),
            Refused::Busy(statuses) => statuses.last().map(u16::to_string).unwrap_or_default(),
            Refused::Stranger { status: Some(status), said } | Refused::Other { status, said } => {
                format!("{status}, {said}")
            }
            Refused::NotFound => "Identity not found".to_owned(),
            Refused::Several => "Multiple user assigned identities exist".to_owned(),
            Refused::NoAudience(said) | Refused::Stranger { status: None, said } => said.clone(),
        }
    }
}

/// Returns the host of IMDS: the same link-local address on every Azure machine.
pub fn host() -> Host {
    Host { plain: true, ..Host::secure(IMDS.to_owned(), 80, HostPurpose::SignIn) }
}

/// Returns the proxy through which an identity signs in at IMDS; there should be none.
pub fn proxy(cx: &Cx) -> Option<std::rc::Rc<Proxy>> {
    proxy_of(cx.world.sign_in_proxies())
}

/// Returns the proxy that these set for IMDS.
pub fn proxy_of(proxies: &Proxies) -> Option<std::rc::Rc<Proxy>> {
    match proxies.route(&host()) {
        ProxyDecision::Through(proxy) => Some(proxy),
        ProxyDecision::Direct | ProxyDecision::Exempt(_) | ProxyDecision::Nowhere(_) => None,
    }
}

/// Returns how long a token may take in this run.
pub fn patience(cx: &Cx) -> Duration {
    cx.left().clamp(IMDS_WAIT, PROVIDER_WAIT)
}

/// Gets a token through the proxy if the environment sets one, as the credential provider does.
pub async fn token(
    cx: &Cx,
    which: &ManagedIdentityId,
    audience: &str,
    patience: Duration,
) -> Result<Issued, Refused> {
    bounded(patience, token_over(cx, which, audience, pool::once(cx, &host()))).await
}

/// Gets a token directly, even if a proxy is set.
pub async fn token_straight(
    cx: &Cx,
    which: &ManagedIdentityId,
    audience: &str,
) -> Result<Issued, Refused> {
    bounded(IMDS_WAIT, token_over(cx, which, audience, pool::straight(cx, &host()))).await
}

async fn bounded(
    patience: Duration,
    getting: impl Future<Output = Result<Issued, Refused>>,
) -> Result<Issued, Refused> {
    timeout(patience, Box::pin(getting)).await.unwrap_or(Err(Refused::Silent))
}

async fn token_over(
    cx: &Cx,
    which: &ManagedIdentityId,
    audience: &str,
    connection: impl Future<Output = Result<Connection, ConnectError>>,
) -> Result<Issued, Refused> {
    let connection = timeout(CONNECT_WAIT, connection).await;
    let connection = connection.map_err(|_| Refused::Unreachable(Fault::TimedOut))?;
    let connection = connection.map_err(|error| Refused::Unreachable(error.fault))?;
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("api-version", "2018-02-01").append_pair("resource", audience);
    query.extend_pairs(parameter(which));
    let target = format!("/metadata/identity/oauth2/token?{}", query.finish());
    let request = Request::new(Method::GET, target).with("Metadata", "true");
    let mut busy = vec![];
    loop {
        let answer = ask(cx, &connection, &request).await.map_err(|fault| match fault {
            Fault::TimedOut => Refused::Silent,
            Fault::NotHttp => Refused::Stranger { status: None, said: fault.word().to_owned() },
            fault => Refused::Unreachable(fault),
        })?;
        // The credential provider's library rejects a token without an expiry.
        let lasts = ["expires_in", "expires_on"].iter().any(|name| !answer.body[name].is_null());
        if let (200, Some(token), true) = (answer.status, answer.text("access_token"), lasts) {
            return Ok(Issued { token: Secret::new(token), busy });
        }
        if !is_its_own(&answer, matches!(answer.status, 404 | 410 | 429 | 500..)) {
            return Err(read(&answer));
        }
        busy.push(answer.status);
        // The credential provider does not retry these, so fail at once.
        if matches!(answer.status, 404 | 410) {
            return Err(Refused::Away(answer.status));
        }
        match PAUSES.get(busy.len() - 1) {
            Some(pause) => sleep(*pause).await,
            None => return Err(Refused::Busy(busy)),
        }
    }
}

/// Returns whether a response with such a status comes from IMDS and not from some other server.
fn is_its_own(answer: &Answer, kind: bool) -> bool {
    kind && answer.server.as_deref().is_none_or(|server| server.starts_with("IMDS"))
}

fn read(answer: &Answer) -> Refused {
    let (status, said) = (answer.status, answer.said());
    let is_it = answer.server.as_deref().is_some_and(|server| server.starts_with("IMDS"));
    let Some(words) = answer.text("error_description").filter(|_| is_it || status == 400) else {
        return Refused::Stranger { status: Some(status), said };
    };
    match answer.text("error") {
        _ if words.starts_with("Identity not found") => Refused::NotFound,
        _ if words.starts_with("Multiple user assigned identities") => Refused::Several,
        // IMDS passes on Entra's error unchanged.
        Some("invalid_resource") => Refused::NoAudience(said),
        _ if words.starts_with("Required metadata header") => {
            Refused::Stranger { status: Some(status), said }
        }
        _ => Refused::Other { status, said },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_identity_is_named_by() {
        let resource = "/subscriptions/s/resourceGroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/i";
        assert_eq!(parameter(&ManagedIdentityId::named("")), None);
        assert_eq!(parameter(&ManagedIdentityId::named("an-id")), Some(("client_id", "an-id")));
        assert_eq!(parameter(&ManagedIdentityId::named(resource)), Some(("msi_res_id", resource)));
    }
}
