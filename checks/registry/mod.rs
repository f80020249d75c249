//! Does the registry respond, and how does it want clients to sign in?
//!
//! containerd requests the manifest first, without a token, and follows the challenge in the
//! response. A firewall or an outage shows there, before anyone signs in, so this check does the
//! same.

mod agent;
mod client;
mod mirror;
mod problem;
mod refusal;
mod repeats;
mod response;
mod retries;

use std::{fmt, rc::Rc};

use hyper::Method;
use jiff::Timestamp;
use serde::Serialize;

use crate::{
    image::ImageTarget,
    kit::{
        Cx, Host, Image, NoFact, RegistryOrImage, StepResult,
        net::{self, Connected, Reply, Request, challenges, hides_bearer},
        rules::request_url,
    },
    tls::Secured,
};
pub use client::RegistryClient;
pub use mirror::MirrorPath;
pub use problem::{NoChallenge, Problem};
pub(crate) use problem::{Refused, Rules};
pub use refusal::Refusal;
pub(crate) use retries::Before;

/// How the registry wants clients to sign in.
#[derive(Clone, Debug, PartialEq)]
pub enum AuthScheme {
    /// The registry serves anonymous requests.
    None,
    /// The registry wants a password with each request.
    Basic,
    /// The registry wants a token from the server that the challenge names.
    Bearer(net::Challenge),
}

impl AuthScheme {
    /// The texts of the variants, which are words of evidence.
    pub const WORDS: &[&str] = &["nothing", "basic", "bearer"];
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

/// The client of the registry, and the challenge that the registry sent.
#[derive(Clone, Serialize)]
pub struct RegistryChallenge {
    #[serde(skip)]
    pub(crate) client: Rc<RegistryClient>,
    /// The host that asks for a sign-in: another one where the registry redirects its whole API.
    #[serde(skip)]
    pub(crate) asked_by: Host,
    #[serde(skip)]
    pub(crate) image: Option<Image>,
    #[serde(serialize_with = "as_word")]
    pub(crate) auth_scheme: AuthScheme,
    /// The host that issues the tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    realm: Option<String>,
    /// How often containerd sent its first request before it signs in.
    #[serde(skip)]
    pub(crate) sent: usize,
    /// The time on the registry's clock, if it sent a `Date` header.
    #[serde(skip)]
    pub(crate) dated: Option<Timestamp>,
    status: u16,
}

impl AuthScheme {
    /// Returns how the response asks clients to sign in; `None` when it asks for nothing that
    /// containerd supports (core/remotes/docker/authorizer.go, `AddResponses`).
    pub(crate) fn of(reply: &Reply) -> Option<Self> {
        let known = challenges(&reply.headers);
        // A Bearer challenge without a realm ends the sign-in, whatever else is offered.
        match known.into_iter().find(|challenge| challenge.scheme != "digest")? {
            bearer if bearer.scheme == "bearer" => {
                bearer.params.contains_key("realm").then_some(AuthScheme::Bearer(bearer))
            }
            _ => Some(AuthScheme::Basic),
        }
    }

    /// Returns whether the challenge names an error.
    pub(crate) fn names_error(&self) -> bool {
        matches!(self, AuthScheme::Bearer(challenge) if challenge.param("error").is_some())
    }
}

fn as_word<S: serde::Serializer>(auth_scheme: &AuthScheme, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(auth_scheme)
}

/// Requests the manifest without credentials, as containerd does, and reads the challenge.
pub async fn challenge(
    cx: &Cx,
    image_target: &ImageTarget,
    connected: &Connected,
    secured: &Option<Rc<Secured>>,
) -> StepResult<RegistryChallenge> {
    let asked = &image_target.asked;
    let client = Rc::new(RegistryClient::over(cx, connected, secured.as_deref()).await?);
    let mut request = first_request(asked, Method::HEAD);
    let mut reply = client.ask(cx, &request).await?;
    let clear = reply.status == 401 || (reply.status == 200 && reply.is_registrys());
    if request.method == Method::HEAD && !clear {
        let head = reply;
        request.method = Method::GET;
        reply = client.ask(cx, &request).await?;
        if head.status == 405
            && let Some(exceeded) = Before::default().and(&head).exceeded(cx, &reply)
        {
            return Err(exceeded);
        }
        // A refusal of HEAD carries no reason, so GET is sent to get one. containerd goes by HEAD,
        // unless the registry does not support it.
        let heads = !matches!(head.status, 200 | 405) && !client.settling.get();
        // That HEAD finds no manifest where GET does is told where both are compared, if it stays so.
        let is_compared = (head.status, reply.status) == (404, 200);
        if is_compared && client.ask(cx, &first_request(asked, Method::HEAD)).await?.status == 200 {
            let (host, failed) = (head.host.to_string(), vec![head.status.to_string()]);
            let unsteady = Problem::Unsteady { host, failed, then: reply.status };
            return Err(NoFact::could_not_tell(unsteady));
        }
        if heads && !is_compared && matches!(reply.status, 200 | 401) {
            return Err(client.refuse(head).await);
        }
    }
    // The clock of a host that the registry redirected to says nothing of the registry's.
    let dated = net::reply::date(&reply).filter(|_| reply.host == client.host);
    let status = reply.status;
    let auth_scheme = match status {
        401 => AuthScheme::of(&reply).ok_or_else(|| RegistryClient::not_a_registry(&reply))?,
        200 if reply.is_registrys() => AuthScheme::None,
        404 if reply.is_registrys() && asked.image.is_some() => AuthScheme::None,
        200 | 404 => return Err(RegistryClient::not_a_registry(&reply)),
        _ => return Err(client.refuse(reply).await),
    };
    if auth_scheme == AuthScheme::Basic && hides_bearer(&reply.headers) {
        let said = reply.header("www-authenticate").unwrap_or_default().to_owned();
        cx.add_finding(Problem::ChallengesOnOneLine { host: reply.host.to_string(), said });
    }
    let realm = match &auth_scheme {
        AuthScheme::Bearer(challenge) => challenge.param("realm").map(str::to_owned),
        _ => None,
    };
    let realm = realm.and_then(|realm| Some(request_url(&realm).ok()?.host().to_owned()));
    let (image, asked_by, sent) = (asked.image.clone(), reply.host, reply.failed.len() + 1);
    Ok(RegistryChallenge { client, asked_by, image, auth_scheme, realm, sent, dated, status })
}

impl RegistryChallenge {
    /// Returns that credentials are not sent to another host, if another host asks for them.
    pub(crate) fn asked_elsewhere(&self) -> Option<NoFact> {
        let is_elsewhere =
            self.auth_scheme != AuthScheme::None && !self.asked_by.is_same(&self.client.host);
        is_elsewhere.then(|| self.client.sign_in_elsewhere(&self.asked_by))
    }
}

fn first_request(asked: &RegistryOrImage, method: Method) -> Request {
    let Some(image) = &asked.image else { return Request::new(Method::GET, "/v2/") };
    Request::manifest(method, &image.repository, &image.reference)
}
