//! Does the registry answer, and what does it want to see before it serves the image?
//!
//! containerd asks for the manifest first, without a token, and follows that answer's challenge:
//! a firewall or an outage shows there, before anybody signs in. So do we.

mod client;
mod refusal;

use std::{fmt, net::IpAddr, rc::Rc};

use hyper::Method;
use jiff::Timestamp;
use serde::Serialize;

use crate::{
    image::ImageTarget,
    kit::{
        Cx, Image, NoFact, RegistryOrImage, StepResult,
        net::{self, Connected, Fault, Reply, Request, challenges},
    },
    tls::Secured,
};
pub use client::RegistryClient;
pub use refusal::Refusal;

/// What can be wrong with what a registry answers, whatever was asked.
#[derive(Serialize, strum::VariantNames)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Problem {
    /// What answers does not ask for a sign-in as a registry does.
    ChallengeInvalid {
        /// Who answered.
        host: String,
        /// What was asked.
        request: String,
        /// Its status.
        status: u16,
        /// What it sent where a challenge was due.
        said: String,
    },
    /// The registry sends us on to a host that wants a sign-in of its own: could not tell.
    SignInElsewhere {
        /// The registry.
        host: String,
        /// That host.
        elsewhere: String,
    },
    /// The registry refuses this network address.
    NetworkRules(Rules),
    /// The same, at the public address of a registry that has a private endpoint.
    PrivateEndpointBypassed {
        /// The refusal.
        #[serde(flatten)]
        rules: Rules,
        /// That address.
        address: IpAddr,
    },
    /// The network rules refuse some connections and let others in.
    AcrFirewallPropagating {
        /// The registry.
        host: String,
        /// How many were refused, one after the other.
        refused: usize,
    },
    /// A refusal that is neither a sign-in nor the network rules.
    Forbidden(Refused),
    /// The registry itself fails.
    Outage(Refused),
    /// Azure's registry says that it was asked too much.
    #[serde(rename = "acr-throttled-429")]
    #[strum(serialize = "acr-throttled-429")]
    AcrThrottled429(Refused),
    /// Microsoft's public registry or Docker Hub says so.
    #[serde(rename = "mcr-or-dockerhub-429")]
    #[strum(serialize = "mcr-or-dockerhub-429")]
    McrOrDockerhub429 {
        /// Where to sign in, when it is Docker Hub.
        #[serde(skip_serializing_if = "Option::is_none")]
        hub: Option<String>,
        /// How it is put.
        #[serde(flatten)]
        refused: Refused,
    },
    /// Another registry says so.
    Throttled(Refused),
    /// The registry that a cache rule of this one fetches from says so.
    ArtifactCacheUpstream {
        /// The rule.
        rule: String,
        /// How the registry puts it.
        #[serde(flatten)]
        refused: Refused,
    },
    /// The registry forbids the operation itself: most likely the image is locked for reading.
    ImageReadDisabled(Refused),
    /// A status that has no meaning in this protocol.
    Unexpected(Refused),
    /// Fails, and does not a moment later.
    Unsteady {
        /// The registry.
        host: String,
        /// How it failed.
        failed: Vec<String>,
        /// What it then answered.
        then: u16,
    },
    /// No answer as long as we waited, which a runtime does for longer: could not tell.
    Silent {
        /// Who was asked.
        host: String,
        /// What.
        request: String,
        /// How long we waited.
        seconds: u64,
    },
    /// The same of the host that serves the layers.
    DataHostSilent {
        /// Who was asked.
        host: String,
        /// How long we waited.
        seconds: u64,
    },
    /// TLS was up, and the host ended it in TLS's own words: as a rule it wants a certificate of its clients.
    EndedByAlert {
        /// The host.
        host: String,
        /// The alert.
        alert: String,
    },
    /// The connection ends, or what comes is no HTTP.
    NoAnswer {
        /// Who was asked.
        host: String,
        /// What.
        request: String,
        /// How it failed.
        fault: Fault,
    },
    /// The same of the host that serves the layers.
    DataHostNoAnswer {
        /// Who was asked.
        host: String,
        /// How it failed.
        fault: Fault,
    },
    /// The answer is packed in a way that was not asked for: could not tell.
    Encoded {
        /// Who sent it.
        host: String,
        /// How it is packed.
        encoding: String,
    },
    /// Sent in circles.
    RedirectLoop {
        /// Where it began.
        host: String,
        /// What was asked.
        request: String,
        /// How often we were sent on.
        hops: usize,
    },
    /// The registry names another host, and whether a container runtime would reach it cannot be told.
    OtherHostUndecided(Elsewhere),
    /// The registry names another host, and its name does not resolve.
    OtherHostUnresolved(Elsewhere),
    /// The same, and no address of it accepts a connection.
    OtherHostUnreachable(Elsewhere),
    /// The same, and TLS with it fails.
    OtherHostUntrusted(Elsewhere),
}

/// A refusal by the network rules.
#[derive(Serialize)]
pub struct Rules {
    /// The registry.
    host: String,
    /// The address that it saw.
    #[serde(skip_serializing_if = "Option::is_none")]
    client_ip: Option<String>,
    /// For support.
    #[serde(skip_serializing_if = "Option::is_none")]
    correlation: Option<String>,
    /// On how many connections, each of its own, we were refused.
    connections: usize,
}

/// Another host that the registry named.
#[derive(Serialize)]
pub struct Elsewhere {
    host: String,
    fault: Fault,
}

/// An answer that is a refusal.
#[derive(Serialize)]
pub struct Refused {
    host: String,
    request: String,
    status: u16,
    /// The registry's own words.
    #[serde(skip_serializing_if = "Option::is_none")]
    said: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    correlation: Option<String>,
}

/// How the registry wants to be signed in to.
#[derive(Clone, Debug, PartialEq)]
pub enum AuthScheme {
    /// Not at all.
    None,
    /// A password with each request.
    Basic,
    /// A token from that place.
    Bearer(net::Challenge),
}

impl fmt::Display for AuthScheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            AuthScheme::None => "nothing",
            AuthScheme::Basic => "basic",
            AuthScheme::Bearer(_) => "bearer",
        })
    }
}

/// The registry, and what it wants to see.
#[derive(Serialize)]
pub struct Challenge {
    #[serde(skip)]
    pub(crate) client: Rc<RegistryClient>,
    #[serde(skip)]
    pub(crate) image: Option<Image>,
    #[serde(serialize_with = "as_word")]
    pub(crate) auth_scheme: AuthScheme,
    /// Where tokens are issued.
    #[serde(skip_serializing_if = "Option::is_none")]
    realm: Option<String>,
    /// The registry's clock, when it told.
    #[serde(skip)]
    pub(crate) dated: Option<Timestamp>,
    status: u16,
}

fn as_word<S: serde::Serializer>(auth_scheme: &AuthScheme, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(auth_scheme)
}

/// Asks as containerd does: for the manifest, without credentials.
pub async fn challenge(
    cx: &Cx,
    image_target: &ImageTarget,
    connected: &Connected,
    secured: &Option<Rc<Secured>>,
) -> StepResult<Challenge> {
    let asked = &image_target.asked;
    let client = Rc::new(RegistryClient::over(cx, connected, secured.as_deref()).await?);
    let mut request = first_question(asked, Method::HEAD);
    let mut reply = client.ask(cx, &request).await?;
    let clear = reply.status == 401 || (reply.status == 200 && reply.is_registrys());
    if request.method == Method::HEAD && !clear {
        let head = reply;
        request.method = Method::GET;
        reply = client.ask(cx, &request).await?;
        // A refusal to HEAD carries no reason, so GET is asked for it; but containerd goes by HEAD,
        // unless the registry does not know it.
        let heads = !matches!(head.status, 200 | 405) && !client.settling.get();
        if heads && matches!(reply.status, 200 | 401) {
            return Err(client.refuse(&format!("HEAD {}", request.target), head).await);
        }
    }
    let said = format!("{} {}", request.method, request.target);
    let dated = net::reply::date(&reply);
    let status = reply.status;
    let auth_scheme = match status {
        // Whoever we were sent on to is not who our credentials are for.
        401 if reply.host != client.host => {
            let (host, elsewhere) = (client.host.to_string(), reply.host.to_string());
            return Err(NoFact::could_not_tell(Problem::SignInElsewhere { host, elsewhere }));
        }
        401 => auth_scheme(&reply).ok_or_else(|| RegistryClient::not_a_registry(&said, &reply))?,
        200 if reply.is_registrys() => AuthScheme::None,
        404 if reply.is_registrys() && asked.image.is_some() => AuthScheme::None,
        200 | 404 => return Err(RegistryClient::not_a_registry(&said, &reply)),
        _ => return Err(client.refuse(&said, reply).await),
    };
    let realm = match &auth_scheme {
        AuthScheme::Bearer(challenge) => challenge.param("realm").map(str::to_owned),
        _ => None,
    };
    let realm = realm.and_then(|realm| url::Url::parse(&realm).ok()?.host_str().map(str::to_owned));
    let image = asked.image.clone();
    Ok(Challenge { client, image, auth_scheme, realm, dated, status })
}

fn first_question(asked: &RegistryOrImage, method: Method) -> Request {
    let Some(image) = &asked.image else { return Request::new(Method::GET, "/v2/") };
    Request::manifest(method, &image.repository, &image.reference)
}

/// What the answer asks for; `None` when it asks for nothing that we could follow.
fn auth_scheme(reply: &Reply) -> Option<AuthScheme> {
    let challenges = challenges(&reply.headers);
    let bearer = challenges.iter().find(|challenge| challenge.scheme == "bearer");
    match bearer.filter(|bearer| bearer.param("realm").is_some()) {
        Some(bearer) => Some(AuthScheme::Bearer(bearer.clone())),
        None => challenges.iter().any(|c| c.scheme == "basic").then_some(AuthScheme::Basic),
    }
}
