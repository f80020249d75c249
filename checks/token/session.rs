//! A session with a registry, signed in as far as possible.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
};

use hyper::Method;
use jiff::Timestamp;
use serde::Serialize;
use tokio::time::timeout;

use super::{
    answers::{Answer, BlobResponse, WantedBlob, grants},
    authorization::{AccessToken, Authorization, ContentState},
    endpoint::{self, Asker, Issued},
    words::{Scopes, SignedIn},
};
use crate::{
    identity::{Candidate, Credential},
    kit::{
        Cx, Host, HostPurpose, Image, NoFact, Secret, StepResult,
        engine::Finding,
        net::{Challenge, MAX_REDIRECTS, PROBE_WAIT, Reply, Request, SignedIn as HostSignIn},
    },
    registry::{AuthScheme, Before, RegistryChallenge, RegistryClient},
};

/// A registry, and the authorization that each request to it carries.
#[derive(Clone, Serialize)]
pub struct Session {
    #[serde(skip)]
    pub(super) client: Rc<RegistryClient>,
    /// The host that asks for the sign-in, and that gets the authorization.
    #[serde(skip)]
    pub(super) asked_by: Host,
    #[serde(skip)]
    pub(super) identity: Candidate,
    #[serde(skip)]
    pub(super) authorization: RefCell<Option<Authorization>>,
    /// How often containerd asks for the tag before it signs in.
    #[serde(skip)]
    pub(super) sent: usize,
    /// What was asked for of the content.
    #[serde(skip)]
    pub(super) content: ContentState,
    /// How each request is authenticated, never the credentials themselves.
    pub(super) signed_in: SignedIn,
    /// What the token states that it grants; `None` if the token is opaque.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) granted: Option<String>,
    /// Whether the granted actions include what is needed.
    #[serde(skip)]
    pub(super) covers_pull: Option<bool>,
    #[serde(skip)]
    pub(super) image: Option<Image>,
    /// The refresh token for further tokens, if the credentials are not a password.
    #[serde(skip)]
    pub(super) refresh: Option<Secret>,
    /// The authentication scheme that the registry asked for before any sign-in: for the tag, and then for
    /// the content.
    #[serde(skip)]
    pub(super) auth_scheme: RefCell<AuthScheme>,
    /// The time on the registry's clock, from its first response.
    #[serde(skip)]
    pub(super) dated: Option<Timestamp>,
    /// What is special about a mirror.
    #[serde(skip)]
    pub(super) mirror: Option<Rc<Mirror>>,
    /// Where containerd goes on to for content that this registry does not serve.
    #[serde(skip)]
    pub(super) next: Option<Rc<Next>>,
}

/// What is special about a session with a mirror.
pub(super) struct Mirror {
    /// What it means that it wants credentials.
    pub(super) wants_credentials: Finding,
    /// What it means that it does not serve some content, until that was said.
    pub(super) incomplete: Cell<Option<Finding>>,
}

/// Where containerd goes on to.
pub enum Next {
    /// To this host.
    Host(Box<Session>),
    /// Nowhere, or to a host that is not asked here: then a request ends so.
    NoHost(NoFact),
}

impl Session {
    pub(super) fn new(
        challenge: &RegistryChallenge,
        identity: &Candidate,
        refresh: Option<Secret>,
    ) -> Self {
        if let Credential::Password { user, password } = &identity.credential {
            // A server may echo it in this form, whatever the scheme.
            let _remembered = password.basic(user);
        }
        Self {
            client: challenge.client.clone(),
            asked_by: challenge.asked_by.clone(),
            identity: identity.clone(),
            authorization: RefCell::default(),
            sent: challenge.sent,
            content: ContentState::default(),
            signed_in: SignedIn::NotNeeded,
            granted: None,
            covers_pull: None,
            image: challenge.image.clone(),
            refresh,
            auth_scheme: RefCell::new(challenge.auth_scheme.clone()),
            dated: challenge.dated,
            mirror: None,
            next: None,
        }
    }

    /// Returns an anonymous session with the same registry.
    pub(super) fn as_anonymous(&self) -> Self {
        let (granted, covers_pull, refresh) = (None, None, None);
        let (authorization, content) = (RefCell::default(), ContentState::default());
        let identity = Candidate::anonymous();
        let session = self.clone();
        Self { identity, authorization, content, granted, covers_pull, refresh, ..session }
    }

    /// Returns the session with a password, which each request then carries.
    pub(super) fn with_password(self, basic: Secret) -> Self {
        Self {
            authorization: RefCell::new(Some(Authorization::Password(basic))),
            signed_in: SignedIn::Yes,
            ..self
        }
    }

    /// Returns the session with an access token, which each request then carries.
    pub(super) fn with_token(self, token: &AccessToken) -> Self {
        let grants = grants(&token.secret);
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
            authorization: RefCell::new(Some(Authorization::Token(token.clone()))),
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
    pub(super) fn wanted(&self) -> String {
        match &self.image {
            Some(image) => format!("pull {}", image.repository),
            None => Scopes::SignIn.to_string(),
        }
    }

    /// Sends a request with the authorization of the session, and follows redirects.
    pub(crate) async fn ask(&self, cx: &Cx, request: Request) -> StepResult<Reply> {
        let request = self.client.own(request);
        let send =
            async |request: Request, before| self.client.ask_after(cx, &request, before).await;
        Box::pin(self.authorized(cx, request, send)).await
    }

    /// Requests something that may not exist. Grades a refusal and every other response that has no
    /// meaning here.
    pub(super) async fn get_here(&self, cx: &Cx, request: Request) -> StepResult<Answer<Reply>> {
        let reply = self.ask(cx, request).await?;
        match reply.status {
            200 | 206 => Ok(Answer::Found(reply)),
            404 => Ok(Answer::Missing(Box::new(reply))),
            401 => Err(self.refused(cx, reply).await),
            _ => Err(self.client.refuse(reply).await),
        }
    }

    /// Requests something that a pull does not need, with a token of its own if the registry
    /// requires one.
    pub(crate) async fn ask_beyond(&self, cx: &Cx, request: Request) -> StepResult<Reply> {
        let reply = self.client.ask(cx, &self.sign(request.clone())).await?;
        match AuthScheme::of(&reply)
            .filter(|_| reply.status == 401 && reply.host.is_same(&self.asked_by))
        {
            Some(AuthScheme::Bearer(wanted)) => {
                // The response body is still on the connection that the token request may need.
                drop(reply);
                let token = match self.ask_for_token(cx, &wanted).await? {
                    Issued::Token(token) => token,
                    Issued::Refused(refusal) => return Err(refusal.grade()),
                };
                let signed = self.clone().with_token(&token);
                self.client.ask(cx, &signed.sign(request)).await
            }
            _ => Ok(reply),
        }
    }

    /// Requests a blob. It uses GET, because the registry answers HEAD itself and the host that
    /// serves the bytes would not be tested.
    pub(super) async fn blob_here(
        &self,
        cx: &Cx,
        WantedBlob { digest, media_type, from }: WantedBlob<'_>,
    ) -> StepResult<Answer<BlobResponse>> {
        let repository = self.image.as_ref().map_or("", |image| &image.repository);
        let request = Request::new(Method::GET, format!("/v2/{repository}/blobs/{digest}"));
        let request = self.client.own(Request { from, ..request.for_content(media_type) });
        let host = &self.client.host;
        let send = async |request: Request, before: Before| {
            let ask = async || self.client.send(cx, host, &request).await;
            let reply = self.client.with_retries(cx, before.sent, ask).await?;
            self.client.past_firewall(cx, &request, reply).await
        };
        let mut reply = self.authorized(cx, request.clone(), send).await?;
        let (asked, mut at, mut request) =
            (reply.request.clone(), host.clone(), self.sign(request));
        while let Some((next, on)) =
            RegistryClient::redirected(&at, &request, &reply, HostPurpose::Data)?
        {
            self.client.unexposed(cx, host, &next, &on).await?;
            let registrys =
                [host, &self.asked_by].into_iter().find(|own| own.is_same_server(&next));
            let Some(own) = registrys else {
                // A server may echo the signature later.
                let _remembered = Secret::new(on.target.as_str());
                let retries = on.retries + reply.failed.len();
                let on = Box::new(Request { retries, ..on });
                return Ok(Answer::Found(BlobResponse::Redirect(next, on)));
            };
            if on.redirects > MAX_REDIRECTS {
                return Err(RegistryClient::redirect_loop(host, asked));
            }
            let retries = on.retries + reply.failed.len();
            (at, request) = (own.clone(), Request { retries, ..on });
            let ask = async || self.client.send(cx, &at, &request).await;
            reply = self.client.with_retries(cx, retries, ask).await?;
        }
        match reply.status {
            200 | 206 => Ok(Answer::Found(BlobResponse::Body(Box::new(reply)))),
            401 => Err(self.refused(cx, reply).await),
            404 => Ok(Answer::Missing(Box::new(reply))),
            _ => Err(self.client.refuse(reply).await),
        }
    }

    /// Returns whether the registry has a blob, by its response to HEAD. Returns `None` if that does
    /// not tell. A redirect is not followed, because its target may accept GET alone, unless it leads
    /// to the registry that asks for the sign-in.
    pub(super) async fn has_blob_here(&self, cx: &Cx, digest: &str) -> Option<bool> {
        let repository = &self.image.as_ref()?.repository;
        let request = Request::new(Method::HEAD, format!("/v2/{repository}/blobs/{digest}"));
        let request = Request { is_ours: true, ..request };
        let (host, request) = (&self.client.host, self.sign(self.client.own(request)));
        let asking = async {
            let reply = self.client.send(cx, host, &request).await?;
            match RegistryClient::redirected(host, &request, &reply, HostPurpose::Other)? {
                Some((next, request))
                    if !self.asked_by.is_same(host) && next.is_same_server(&self.asked_by) =>
                {
                    self.client.send(cx, &next, &request).await
                }
                _ => Ok(reply),
            }
        };
        match timeout(PROBE_WAIT, asking).await.ok()?.ok()?.status {
            200..=399 => Some(true),
            404 => Some(false),
            _ => None,
        }
    }

    /// Returns whether another endpoint of the registry has the image, asked with the same
    /// credentials. Returns `None` if that does not tell.
    pub(crate) async fn has_manifest_at(&self, cx: &Cx, host: &Host) -> Option<bool> {
        let image = self.image.as_ref()?;
        let client = Rc::new(RegistryClient::at(host.clone()));
        let (asked_by, authorization) = (host.clone(), RefCell::default());
        let session = Self { client, asked_by, authorization, ..self.clone() };
        let head = Request::manifest(Method::HEAD, &image.repository, &image.reference);
        let reply = session.ask_beyond(cx, head).await.ok()?;
        match reply.status {
            200 if reply.is_registrys() => Some(true),
            404 if reply.is_registrys() => Some(false),
            _ => None,
        }
    }

    /// Gets an access token for what a challenge names.
    pub(super) async fn token(&self, cx: &Cx, wanted: &Challenge) -> StepResult<AccessToken> {
        match self.ask_for_token(cx, wanted).await? {
            Issued::Token(token) => Ok(token),
            Issued::Refused(refusal) => Err(match self.identity.credential {
                Credential::Anonymous => self.anonymous(cx, Some(&refusal)),
                _ => self.credentials_refused(cx, refusal).await,
            }),
        }
    }

    pub(super) async fn ask_for_token(&self, cx: &Cx, wanted: &Challenge) -> StepResult<Issued> {
        let asker = Asker {
            client: &self.client,
            credential: &self.identity.credential,
            image: self.image.as_ref(),
            refresh: self.refresh.as_ref(),
        };
        endpoint::token(cx, &asker, wanted).await
    }

    pub(super) fn sign(&self, request: Request) -> Request {
        let Some(value) = self.authorization.borrow().as_ref().map(Authorization::header) else {
            return Request { authorization: None, signed_in: None, ..request };
        };
        let host = self.asked_by.clone();
        let authorization = host.is_same(&self.client.host).then(|| value.clone());
        let signed_in = Some(HostSignIn { host, authorization: value });
        // Everybody gets a token like the one that an anonymous client got.
        let is_public = matches!(self.identity.credential, Credential::Anonymous);
        Request { authorization, signed_in, is_public, ..request }
    }

    /// Returns whether the registry serves a manifest to the password that it never asked for.
    pub(crate) async fn is_hidden(&self, cx: &Cx, request: Request) -> bool {
        let scheme = self.auth_scheme.borrow().clone();
        let (AuthScheme::None, Credential::Password { user, password }) =
            (scheme, &self.identity.credential)
        else {
            return false;
        };
        let authorization = Some(password.basic(user));
        let request = Request { authorization, is_ours: true, ..request };
        // Not beyond the registry itself, for which the password is.
        let reply = self.client.send(cx, &self.client.host, &request).await;
        reply.is_ok_and(|reply| reply.status == 200 && reply.is_registrys())
    }
}
