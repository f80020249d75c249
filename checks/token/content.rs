//! Begins to ask for content. containerd has another authorizer for it than for the tag
//! (core/remotes/docker/config/hosts.go, `ConfigureHosts`; resolver.go, `Fetcher`): its first request for
//! content carries no authorization, and the answer says how to sign in.

use futures::future::join;

use super::{authorization::Authorization, session::Session};
use crate::{
    identity::Credential,
    kit::{
        Cx, NoFact, StepResult,
        net::{Challenge, Reply, Request},
    },
    registry::{AuthScheme, Before},
};

/// How the registry answers the first request for content.
pub(crate) enum Begun {
    /// As it answered the first request of all: what was asked with the authorization meanwhile counts.
    AsExpected,
    /// In another way: what was asked meanwhile counts for nothing.
    Otherwise,
    /// It does not have it.
    Missing,
}

impl Session {
    /// Sends a request for content without authorization, once, and signs in as the answer says.
    ///
    /// # Errors
    /// Returns why containerd gets no content.
    pub(crate) async fn begin_content(&self, cx: &Cx, request: Request) -> StepResult<Begun> {
        // An access token that is given is presented at once.
        let is_given = matches!(self.identity.credential, Credential::Access(_));
        let is_signed = self.authorization.borrow().is_some() && self.mirror.is_none();
        if !is_signed || is_given || self.content.began.replace(true) {
            return Ok(Begun::AsExpected);
        }
        let bare = self.client.own(request);
        let known = self.auth_scheme.borrow().clone();
        let asking = self.client.ask(cx, &bare);
        // The token server is most likely the same as before.
        let (reply, renewed) = match &known {
            AuthScheme::Bearer(wanted) if self.client.is_http2() => {
                let (reply, token) = join(asking, self.token(cx, wanted)).await;
                (reply?, Some(token))
            }
            _ => (asking.await?, None),
        };
        match reply.status {
            401 => {}
            200 | 206 => {
                self.authorization.replace(None);
                self.auth_scheme.replace(AuthScheme::None);
                self.content.is_asked.set(false);
                return Ok(Begun::Otherwise);
            }
            404 => return Ok(Begun::Missing),
            _ => return Err(self.client.refuse(reply).await),
        }
        if let Some(elsewhere) = self.asked_elsewhere(&reply) {
            return Err(elsewhere);
        }
        let sent = reply.failed.len() + 1;
        let scheme = match (AuthScheme::of(&reply), &self.identity.credential) {
            (Some(AuthScheme::Basic), Credential::Password { .. }) => AuthScheme::Basic,
            (Some(scheme @ AuthScheme::Bearer(_)), _) => scheme,
            _ => return Err(self.refused(cx, reply).await),
        };
        // The response body is still on the connection that the next request may need.
        drop(reply);
        let is_as_before = is_same(&known, &scheme);
        if let AuthScheme::Bearer(wanted) = &scheme {
            let token = match renewed.filter(|_| is_as_before) {
                Some(token) => token?,
                None => self.token(cx, wanted).await?,
            };
            self.authorization.replace(Some(Authorization::Token(token)));
        } else if let Credential::Password { user, password } = &self.identity.credential {
            self.authorization.replace(Some(Authorization::Password(password.basic(user))));
        }
        self.auth_scheme.replace(scheme);
        self.content.before.set(Some(Before { sent, named_error: false }));
        if is_as_before && sent == 1 {
            return Ok(Begun::AsExpected);
        }
        self.content.is_asked.set(false);
        Ok(Begun::Otherwise)
    }

    /// Returns that another host than the registry asks for a sign-in. containerd sends it the credentials,
    /// if it has some, or asks for a token as anonymous.
    pub(crate) fn asked_elsewhere(&self, reply: &Reply) -> Option<NoFact> {
        let scheme = AuthScheme::of(reply).filter(|_| reply.status == 401)?;
        let is_anonymous = matches!(self.identity.credential, Credential::Anonymous);
        let fails = is_anonymous && scheme == AuthScheme::Basic;
        if fails || self.mirror.is_some() || reply.host.is_same(&self.asked_by) {
            return None;
        }
        Some(self.client.sign_in_elsewhere(&reply.host))
    }
}

/// Returns whether two challenges lead to the same sign-in.
fn is_same(one: &AuthScheme, other: &AuthScheme) -> bool {
    let of = |challenge: &Challenge| {
        ["realm", "service", "scope"].map(|name| challenge.param(name).map(str::to_owned))
    };
    match (one, other) {
        (AuthScheme::Bearer(one), AuthScheme::Bearer(other)) => of(one) == of(other),
        (one, other) => one == other,
    }
}
