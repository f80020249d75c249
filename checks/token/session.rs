//! A registry with us signed in to it, and what it means when it refuses all the same.

use std::rc::Rc;

use serde::{Serialize, Serializer};

use super::{Trouble, endpoint};
use crate::{
    identity::{Credential, Identity},
    kit::{
        Cx, Got, Halt, Secret, claims,
        net::{Challenge, Reply, Request, challenges},
    },
    registry::{Site, error_body},
};

/// A registry, and what each request to it must carry.
#[derive(Serialize)]
pub struct Session {
    /// The registry.
    #[serde(skip)]
    site: Rc<Site>,
    #[serde(skip)]
    pub(super) identity: Identity,
    #[serde(rename = "signed_in", serialize_with = "whether")]
    authorization: Option<Secret>,
    /// What the token says that it grants; nothing when it is opaque.
    #[serde(skip_serializing_if = "Option::is_none")]
    granted: Option<String>,
    /// What is needed of it.
    wanted: String,
    #[serde(skip)]
    repository: Option<String>,
    /// What more tokens are asked for with, where that is not a password.
    #[serde(skip)]
    refresh: Option<Secret>,
}

/// Whether there is something, never what.
fn whether<S: Serializer>(secret: &Option<Secret>, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(if secret.is_some() { "yes" } else { "not-needed" })
}

impl Session {
    pub(super) fn new(
        cx: &Cx,
        site: Rc<Site>,
        identity: &Identity,
        refresh: Option<Secret>,
    ) -> Self {
        let image = cx.subject.asked.as_ref().ok().and_then(|asked| asked.image.clone());
        let repository = image.map(|image| image.repository);
        let wanted = match &repository {
            Some(repository) => format!("pull {repository}"),
            None => "sign-in".to_owned(),
        };
        let identity = identity.clone();
        Self { site, identity, authorization: None, granted: None, wanted, repository, refresh }
    }

    /// The repository that is asked for, if one is.
    pub(super) fn repository(&self) -> Option<&str> {
        self.repository.as_deref()
    }

    pub(super) fn with(self, authorization: Secret, granted: Option<String>) -> Self {
        Self { authorization: Some(authorization), granted, ..self }
    }

    /// The registry.
    pub(crate) fn site(&self) -> &Site {
        &self.site
    }

    /// Asks, signed in; redirects are followed.
    pub(crate) async fn ask(&self, cx: &Cx, request: Request) -> Got<Reply> {
        self.site.ask(cx, &self.sign(request)).await
    }

    /// Asks for what a pull does not need, with a token of its own where the registry wants one.
    pub(crate) async fn ask_beyond(&self, cx: &Cx, request: Request) -> Got<Reply> {
        let reply = self.ask(cx, request.clone()).await?;
        let wanted = challenges(&reply.headers).into_iter().find(|c| c.scheme == "bearer");
        match wanted.filter(|_| reply.status == 401) {
            None => Ok(reply),
            Some(wanted) => {
                let token = self.token(cx, &wanted).await?;
                let request = Request { authorization: Some(token.bearer()), ..request };
                self.site.ask(cx, &request).await
            }
        }
    }

    /// Gets an access token for what a challenge names.
    pub(super) async fn token(&self, cx: &Cx, wanted: &Challenge) -> Got<Secret> {
        endpoint::token(cx, self, wanted, self.refresh.as_ref()).await
    }

    /// Asks for a blob, signed in; a redirect is the answer.
    pub(crate) async fn ask_once(&self, cx: &Cx, request: Request) -> Got<Reply> {
        self.site.ask_once(cx, &self.sign(request)).await
    }

    fn sign(&self, request: Request) -> Request {
        Request { authorization: self.authorization.clone(), ..request }
    }

    /// What a 401 means, now that we are signed in as far as can be.
    pub(crate) async fn refused(&self, cx: &Cx, asked: &str, reply: Reply) -> Halt {
        let mut errors = challenges(&reply.headers).into_iter();
        let error = errors.find_map(|challenge| challenge.params.get("error").cloned());
        let error = error.as_deref().unwrap_or_default();
        let Some(authorization) = &self.authorization else { return self.nobody(cx) };
        let granted = self.granted.clone();
        let lacks = granted.as_ref().is_some_and(|granted| !granted.contains(&self.wanted));
        match &self.identity.credential {
            Credential::Nobody => self.nobody(cx),
            _ if authorization.expose().starts_with("Basic ") => self.stale(reply).await,
            _ if error == "invalid_token" => self.stale(reply).await,
            _ if error == "insufficient_scope" || lacks => Trouble::ScopeNotGranted {
                host: super::host(&self.site),
                wanted: self.wanted.clone(),
                granted: granted.unwrap_or_else(|| "not-said".to_owned()),
                user: self.identity.name(),
            }
            .into(),
            // Refused without a word on why: no more than that can be said.
            _ => self.site.refuse(asked, reply).await,
        }
    }

    /// The registry wants somebody, and there is nobody.
    pub(super) fn nobody(&self, cx: &Cx) -> Halt {
        let (host, wanted) = (super::host(&self.site), self.wanted.clone());
        // A pod's image is pulled by its node, which may well have an identity: not ours to say.
        if cx.world.in_pod {
            return Halt::broke(Trouble::NobodyInThisPod { host, wanted });
        }
        Trouble::AnonymousPullDisabled { host, wanted }.into()
    }

    /// What we sign in with was refused.
    pub(super) async fn stale(&self, reply: Reply) -> Halt {
        let correlation = reply.header("x-ms-correlation-request-id").map(str::to_owned);
        let body = error_body(reply).await;
        Trouble::CredentialsRefused {
            host: super::host(&self.site),
            user: self.identity.name(),
            from: self.identity.source(),
            said: (!body.message.is_empty()).then_some(body.message),
            correlation,
        }
        .into()
    }
}

/// What a token says that it grants, as `pull team/app`; `None` when it does not say.
pub(super) fn granted(token: &Secret) -> Option<String> {
    let claims = claims(token)?;
    let grants = claims.get("access")?.as_array()?.iter().filter_map(|access| {
        let actions: Vec<_> = access.get("actions")?.as_array()?.iter().filter_map(|a| a.as_str()).collect();
        let name = access.get("name")?.as_str()?;
        (!actions.is_empty()).then(|| format!("{} {name}", actions.join(",")))
    });
    let grants: Vec<_> = grants.collect();
    Some(if grants.is_empty() { "nothing".to_owned() } else { grants.join(", ") })
}
