//! The instance metadata service: gives a machine tokens for the managed identities that are attached to it.
//!
//! Its words are read from the raw body: Azure's libraries call every 400 "the requested identity isn't assigned"
//! (recorded: status 400 with `error_description`, `Server: IMDS/…`). What else answers at that address is not it.

use std::time::Duration;

use hyper::Method;
use tokio::time::{sleep, timeout};
use url::form_urlencoded;

use super::json::{Answer, ask};
use crate::kit::{
    engine::Cx,
    net::{ConnectError, Connection, Fault, Request, pool},
    redact::Secret,
    target::{Host, HostPurpose, ManagedIdentityId},
    world::{Proxy, ProxyDecision},
};

/// How long it may take to get a token, all in all: it is on the machine's own link.
pub const IMDS_WAIT: Duration = Duration::from_secs(5);
/// How long a connection may take: it crosses no network, so a first packet that was lost is all that is allowed for.
const CONNECT_WAIT: Duration = Duration::from_secs(3);
/// How long the pauses are after which it is asked again where it is busy (the provider's are 5 s and more).
const PAUSES: [Duration; 2] = [Duration::from_millis(400), Duration::from_millis(800)];

/// The parameter with which IMDS is asked for that identity.
fn parameter(id: &ManagedIdentityId) -> Option<(&'static str, &str)> {
    match id {
        ManagedIdentityId::Unnamed => None,
        ManagedIdentityId::Client(id) => Some(("client_id", id)),
        ManagedIdentityId::Resource(id) => Some(("msi_res_id", id)),
    }
}

/// A token, and with what IMDS sent us away before it came.
#[derive(Debug)]
pub struct Issued {
    /// The token.
    pub token: Secret,
    /// Those answers.
    pub busy: Vec<u16>,
}

/// Why there is no token.
#[derive(Debug, PartialEq)]
pub enum Refused {
    /// Nothing accepts a connection there, or it ends before there is an answer.
    Unreachable(Fault),
    /// Something does, and does not answer in time.
    Silent,
    /// It is being updated, or says that there is no such page: the provider does not ask again.
    Away(u16),
    /// It asks us to come back later, each time; the provider does so for up to a minute.
    Busy(Vec<u16>),
    /// What answers is not IMDS.
    Stranger {
        /// Its status, where it is HTTP at all.
        status: Option<u16>,
        /// What it sent.
        said: String,
    },
    /// No such identity is attached to this machine.
    NotFound,
    /// Several are, and none was named.
    Several,
    /// There are no tokens for that audience.
    NoAudience(String),
    /// It refuses for another reason.
    Other {
        /// Its status.
        status: u16,
        /// Its own words.
        said: String,
    },
}

impl Refused {
    /// Whether it is certainly IMDS that says so.
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

    /// In a few words.
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

/// Where it is, on every machine of Azure.
pub fn host() -> Host {
    Host { name: "169.254.169.254".to_owned(), port: 80, plain: true, purpose: HostPurpose::Other }
}

/// The proxy that this environment sends the question to: it should be none.
pub fn proxy(cx: &Cx) -> Option<std::rc::Rc<Proxy>> {
    match cx.world.proxies.route(&host()) {
        ProxyDecision::Through(proxy) => Some(proxy),
        ProxyDecision::Direct | ProxyDecision::Exempt(_) | ProxyDecision::Nowhere(_) => None,
    }
}

/// Gets a token, by way of the proxy if the environment says so, as the kubelet's provider does.
pub async fn token(cx: &Cx, which: &ManagedIdentityId, audience: &str) -> Result<Issued, Refused> {
    bounded(token_over(cx, which, audience, pool::once(cx, &host()))).await
}

/// Gets a token, past any proxy.
pub async fn token_straight(
    cx: &Cx,
    which: &ManagedIdentityId,
    audience: &str,
) -> Result<Issued, Refused> {
    bounded(token_over(cx, which, audience, pool::straight(cx, &host()))).await
}

async fn bounded(
    getting: impl Future<Output = Result<Issued, Refused>>,
) -> Result<Issued, Refused> {
    timeout(IMDS_WAIT, Box::pin(getting)).await.unwrap_or(Err(Refused::Silent))
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
        // The provider's library takes no token that does not say how long it holds.
        let lasts = ["expires_in", "expires_on"].iter().any(|name| !answer.body[name].is_null());
        if let (200, Some(token), true) = (answer.status, answer.text("access_token"), lasts) {
            return Ok(Issued { token: Secret::new(token), busy });
        }
        if !is_its_own(&answer, matches!(answer.status, 404 | 410 | 429 | 500..)) {
            return Err(read(&answer));
        }
        busy.push(answer.status);
        // What the provider does not ask again for fails at once.
        if matches!(answer.status, 404 | 410) {
            return Err(Refused::Away(answer.status));
        }
        match PAUSES.get(busy.len() - 1) {
            Some(pause) => sleep(*pause).await,
            None => return Err(Refused::Busy(busy)),
        }
    }
}

/// Whether an answer of that kind is the service's own: a page of somebody else's is not.
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
        // What the token service says is relayed as it is.
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
