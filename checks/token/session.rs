//! A session with a registry, signed in as far as possible, and the meaning of a refusal in it.

use std::{rc::Rc, time::Duration};

use hyper::Method;
use jiff::Timestamp;
use serde::Serialize;
use tokio::time::timeout;

use super::{
    answers::{BlobAnswer, BlobResponse, RegistryAnswer, grants},
    authorization::Authorization,
    endpoint::{self, Asker, Issued},
    problem::{Presented, Problem, Ungranted, is_guid},
    refresh_token::{TOKEN_USER, expired},
    words::{AnonymousAnswer, Scopes, SignedIn},
};
use crate::{
    identity::{Candidate, Credential},
    kit::{
        Cx, HostPurpose, Image, NoFact, Secret, StepResult,
        net::{Challenge, Reply, Request, challenges, redirect},
    },
    registry::{AuthScheme, Refusal, RegistryChallenge, RegistryClient},
};

/// How long the anonymous probe may take. It only makes the explanation of a refusal clearer.
const ANONYMOUS_WAIT: Duration = Duration::from_secs(20);

/// A registry, and the authorization that each request to it carries.
#[derive(Clone, Serialize)]
pub struct Session {
    #[serde(skip)]
    client: Rc<RegistryClient>,
    #[serde(skip)]
    pub(super) identity: Candidate,
    #[serde(skip)]
    authorization: Option<Authorization>,
    /// How each request is authenticated, never the credentials themselves.
    signed_in: SignedIn,
    /// What the token states that it grants; `None` if the token is opaque.
    #[serde(skip_serializing_if = "Option::is_none")]
    granted: Option<String>,
    /// Whether the granted actions include what is needed.
    #[serde(skip)]
    covers_pull: Option<bool>,
    #[serde(skip)]
    image: Option<Image>,
    /// The refresh token for further tokens, if the credentials are not a password.
    #[serde(skip)]
    refresh: Option<Secret>,
    /// The authentication scheme that the registry asked for before any sign-in.
    #[serde(skip)]
    auth_scheme: AuthScheme,
    /// The time on the registry's clock, from its first response.
    #[serde(skip)]
    dated: Option<Timestamp>,
}

impl Session {
    pub(super) fn new(
        challenge: &RegistryChallenge,
        identity: &Candidate,
        refresh: Option<Secret>,
    ) -> Self {
        Self {
            client: challenge.client.clone(),
            identity: identity.clone(),
            authorization: None,
            signed_in: SignedIn::NotNeeded,
            granted: None,
            covers_pull: None,
            image: challenge.image.clone(),
            refresh,
            auth_scheme: challenge.auth_scheme.clone(),
            dated: challenge.dated,
        }
    }

    /// Returns an anonymous session with the same registry.
    fn as_anonymous(&self) -> Self {
        let (authorization, granted, covers_pull, refresh) = (None, None, None, None);
        let identity = Candidate::anonymous();
        Self { identity, authorization, granted, covers_pull, refresh, ..self.clone() }
    }

    /// Returns the session with a password, which each request then carries.
    pub(super) fn with_password(self, basic: Secret) -> Self {
        Self {
            authorization: Some(Authorization::Password(basic)),
            signed_in: SignedIn::Yes,
            ..self
        }
    }

    /// Returns the session with an access token, which each request then carries.
    pub(super) fn with_token(self, token: &Secret) -> Self {
        let grants = grants(token);
        let covers_pull = self.image.as_ref().and_then(|image| {
            let is_pull = |(name, actions): &(String, String)| {
                *name == image.repository && actions.split(',').any(|a| a == "pull" || a == "*")
            };
            Some(grants.as_ref()?.iter().any(is_pull))
        });
        let granted = grants.map(|grants| match grants.as_slice() {
            [] => Scopes::Nothing.to_string(),
            grants => {
                let grants = grants.iter().map(|(name, actions)| format!("{actions} {name}"));
                grants.collect::<Vec<_>>().join(", ")
            }
        });
        let anonymous = matches!(self.identity.credential, Credential::Anonymous);
        let signed_in = if anonymous { SignedIn::AsAnonymous } else { SignedIn::Yes };
        Self {
            authorization: Some(Authorization::Token(token.bearer())),
            signed_in,
            granted,
            covers_pull,
            ..self
        }
    }

    /// Returns whether the session is authorized for the image. The token states that, or else the
    /// registry is asked for the manifest.
    pub(super) async fn is_authorized(&self, cx: &Cx) -> bool {
        match (self.covers_pull, &self.image) {
            (Some(covers_pull), _) => covers_pull,
            (None, None) => true,
            (None, Some(image)) => {
                let head = Request::manifest(Method::HEAD, &image.repository, &image.reference);
                let reply = self.ask(cx, head).await;
                reply.is_ok_and(|reply| !matches!(reply.status, 401 | 403))
            }
        }
    }

    /// Returns whether requests carry credentials.
    pub(super) fn is_signed_in(&self) -> bool {
        self.signed_in == SignedIn::Yes
    }

    /// Returns the client for the registry.
    pub(crate) fn client(&self) -> &RegistryClient {
        &self.client
    }

    /// Returns the requested image, if one was named.
    pub(crate) fn image(&self) -> Option<&Image> {
        self.image.as_ref()
    }

    /// Returns what is needed, in words.
    fn wanted(&self) -> String {
        match &self.image {
            Some(image) => format!("pull {}", image.repository),
            None => Scopes::SignIn.to_string(),
        }
    }

    /// Sends a request with the authorization of the session, and follows redirects.
    pub(crate) async fn ask(&self, cx: &Cx, request: Request) -> StepResult<Reply> {
        self.client.ask(cx, &self.sign(request)).await
    }

    /// Requests something that may not exist. Grades a refusal and every other response that has no
    /// meaning here.
    pub(crate) async fn get(
        &self,
        cx: &Cx,
        asked: &str,
        request: Request,
    ) -> StepResult<RegistryAnswer> {
        let reply = self.ask(cx, request).await?;
        match reply.status {
            200 => Ok(RegistryAnswer::Found(reply)),
            404 => Ok(RegistryAnswer::NotFound(reply)),
            401 => Err(self.refused(cx, asked, reply).await),
            _ => Err(self.client.refuse(asked, reply).await),
        }
    }

    /// Requests something that a pull does not need, with a token of its own if the registry
    /// requires one.
    pub(crate) async fn ask_beyond(&self, cx: &Cx, request: Request) -> StepResult<Reply> {
        let reply = self.ask(cx, request.clone()).await?;
        let mut wanted = challenges(&reply.headers).into_iter();
        let wanted = wanted.find(|challenge| challenge.scheme == "bearer");
        match wanted.filter(|_| reply.status == 401 && reply.host == self.client.host) {
            None => Ok(reply),
            Some(wanted) => {
                // The response body is still on the connection that the token request may need.
                drop(reply);
                let token = self.token(cx, &wanted).await?;
                let request = Request { authorization: Some(token.bearer()), ..request };
                self.client.ask(cx, &request).await
            }
        }
    }

    /// Requests a blob. It uses GET, because the registry answers HEAD itself and the host that
    /// serves the bytes would not be tested.
    pub(crate) async fn blob(&self, cx: &Cx, digest: &str, from: u64) -> StepResult<BlobAnswer> {
        let repository = self.image.as_ref().map_or("", |image| &image.repository);
        let request = Request::new(Method::GET, format!("/v2/{repository}/blobs/{digest}"));
        let request = self.sign(Request { from, ..request });
        let host = &self.client.host;
        let ask = async || self.client.send(cx, host, &request).await;
        let reply = self.client.with_retries(cx, ask).await?;
        let reply = self.client.past_firewall(cx, &request, reply).await?;
        let reply = match redirect(host, &request, &reply, HostPurpose::Data) {
            Some((next, target)) if next == *host => {
                // The redirect stays within the registry, where the authorization is still valid.
                let request = Request { target, ..request };
                self.client.follow(cx, host, &request, HostPurpose::Data).await?
            }
            Some((next, target)) => {
                let redirect = BlobResponse::Redirect(next, Secret::new(target));
                return Ok(BlobAnswer::Found(redirect));
            }
            None => reply,
        };
        match reply.status {
            200 | 206 => Ok(BlobAnswer::Found(BlobResponse::Body(reply))),
            401 => Err(self.refused(cx, "GET blob", reply).await),
            404 => Ok(BlobAnswer::NotFound(reply)),
            _ => Err(self.client.refuse("GET blob", reply).await),
        }
    }

    /// Gets an access token for what a challenge names.
    pub(super) async fn token(&self, cx: &Cx, wanted: &Challenge) -> StepResult<Secret> {
        match self.ask_for_token(cx, wanted).await? {
            Issued::Token(token) => Ok(token),
            Issued::Refused(refusal) => Err(match self.identity.credential {
                Credential::Anonymous => self.anonymous(cx, refusal.correlation),
                _ => self.credentials_refused(cx, refusal).await,
            }),
        }
    }

    async fn ask_for_token(&self, cx: &Cx, wanted: &Challenge) -> StepResult<Issued> {
        let asker = Asker {
            client: &self.client,
            credential: &self.identity.credential,
            image: self.image.as_ref(),
            refresh: self.refresh.as_ref(),
        };
        endpoint::token(cx, &asker, wanted).await
    }

    fn sign(&self, request: Request) -> Request {
        let authorization = self.authorization.as_ref().map(Authorization::header);
        Request { authorization, ..request }
    }

    /// Returns what a 401 means after we signed in as far as possible.
    pub(crate) async fn refused(&self, cx: &Cx, asked: &str, reply: Reply) -> NoFact {
        let mut errors = challenges(&reply.headers).into_iter();
        let error = errors.find_map(|challenge| challenge.params.get("error").cloned());
        let error = error.as_deref().unwrap_or_default();
        let refusal = match Refusal::read_unexplained(asked, reply).await {
            Ok(refusal) => refusal,
            Err(explained) => return explained,
        };
        match (&self.identity.credential, &self.authorization) {
            (Credential::Anonymous, _) => self.anonymous(cx, refusal.correlation),
            (_, Some(Authorization::Password(_))) => self.credentials_refused(cx, refusal).await,
            (_, Some(Authorization::Token(_))) if error == "invalid_token" => {
                self.credentials_refused(cx, refusal).await
            }
            (_, Some(_)) if error == "insufficient_scope" || self.covers_pull == Some(false) => {
                let ungranted = Ungranted {
                    host: self.client.host.to_string(),
                    wanted: self.wanted(),
                    granted: self.granted.clone().unwrap_or_else(|| Scopes::NotSaid.to_string()),
                    who: self.identity.name(),
                    user: self.identity.user.clone(),
                    correlation: refusal.correlation,
                };
                self.unless_others_may(
                    cx,
                    if self.identity.is_entras() {
                        Problem::RoleExcludesRepository(ungranted)
                    } else {
                        Problem::ScopeNotGranted(ungranted)
                    },
                )
            }
            // The registry gave no reason for the refusal, so nothing more specific can be
            // reported.
            _ => refusal.grade(asked),
        }
    }

    /// Turns a definite refusal into *could not tell* if another identity may sign in.
    fn unless_others_may(&self, cx: &Cx, problem: Problem) -> NoFact {
        if !self.identity.others_may {
            return problem.into();
        }
        cx.add_finding(self.others(cx));
        NoFact::could_not_tell(problem)
    }

    /// Returns the problem that someone else may sign in: the node for a pod, or the pod for a
    /// node.
    fn others(&self, cx: &Cx) -> Problem {
        let (host, wanted) = (self.client.host.to_string(), self.wanted());
        if cx.world.on_node {
            Problem::PodMaySignIn { host, wanted }
        } else {
            Problem::NodeMaySignIn { host, wanted }
        }
    }

    /// Returns the result when the registry requires credentials and there are none.
    pub(super) fn anonymous(&self, cx: &Cx, correlation: Option<String>) -> NoFact {
        let (host, wanted) = (self.client.host.to_string(), self.wanted());
        // The node pulls a pod's image and may have an identity of its own, which is unknown here.
        if self.identity.others_may {
            return NoFact::could_not_tell(self.others(cx));
        }
        Problem::AnonymousPullDisabled { host, wanted, correlation }.into()
    }

    /// Returns why the credentials were refused.
    pub(super) async fn credentials_refused(&self, cx: &Cx, refusal: Refusal) -> NoFact {
        if let Credential::Password { user, password } = &self.identity.credential
            && user == TOKEN_USER
            && let Some(expired) = expired(password, self.dated)
        {
            let from = self.identity.source();
            return self
                .unless_others_may(cx, Problem::PullsecretShortLivedToken { expired, from });
        }
        if let Some(application) = &self.identity.application {
            application.tell_why_refused(cx).await;
        }
        let anonymous =
            timeout(ANONYMOUS_WAIT, Box::pin(self.anonymous_answer(cx))).await.ok().flatten();
        let said = refusal.body.message;
        let user = self.identity.user.as_deref();
        let (application_id, token_name) = match user {
            Some(user) if is_guid(user) => (Some(user.to_owned()), None),
            // The admin user has the name of the registry, and an exchanged token has a fixed user
            // name.
            Some(user) if user != TOKEN_USER && self.client.host.acr().is_some() => {
                (None, Some(user.to_owned()))
            }
            _ => (None, None),
        };
        let is_unknown = said.starts_with("Application not registered with AAD");
        let presented = Presented {
            host: refusal.host.to_string(),
            who: self.identity.name(),
            user: self.identity.user.clone(),
            token_name,
            application_id,
            from: self.identity.source(),
            wanted: self.wanted(),
            said: (!said.is_empty()).then_some(said),
            correlation: refusal.correlation,
            anonymous,
        };
        self.unless_others_may(
            cx,
            match anonymous {
                Some(AnonymousAnswer::Served) => Problem::AnonymousBlockedByBadCreds(presented),
                _ if is_unknown => Problem::ApplicationNotRegistered(presented),
                _ if user.is_some() && user == self.client.host.acr() => {
                    Problem::AdminUserDisabled(presented)
                }
                _ => Problem::CredentialsRefused(presented),
            },
        )
    }

    /// Returns how the registry responds to an anonymous client; `None` if that was not tested or
    /// cannot be determined. An anonymous token proves nothing: it is also issued for actions that
    /// it does not grant.
    async fn anonymous_answer(&self, cx: &Cx) -> Option<AnonymousAnswer> {
        let (AuthScheme::Bearer(wanted), Some(image)) = (&self.auth_scheme, &self.image) else {
            return None;
        };
        let anonymous = self.as_anonymous();
        let token = match anonymous.ask_for_token(cx, wanted).await.ok()? {
            Issued::Token(token) => token,
            Issued::Refused(_) => return Some(AnonymousAnswer::Refused),
        };
        let head = Request::manifest(Method::HEAD, &image.repository, &image.reference);
        match anonymous.with_token(&token).ask(cx, head).await.ok()? {
            reply if reply.status == 200 && reply.is_registrys() => Some(AnonymousAnswer::Served),
            reply => (reply.status == 401).then_some(AnonymousAnswer::Refused),
        }
    }
}
