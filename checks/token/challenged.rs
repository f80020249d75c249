//! Answers the challenges of a registry within a session.

use hyper::Method;
use tokio::time::Instant;

use super::{authorization::Authorization, problem::Problem, session::Session};
use crate::{
    identity::Credential,
    kit::{
        Cx, StepResult,
        net::{Challenge, Reply, Request},
    },
    registry::{AuthScheme, Before},
};

impl Session {
    /// Sends a request, and once more where the registry asks for another authorization.
    ///
    /// containerd answers the first challenge of a host. After a further 401 it repeats the request as
    /// it was, unless the challenge names an error or the token has ended
    /// (core/remotes/docker/authorizer.go, `AddResponses`). With the first request for content it
    /// begins anew.
    pub(super) async fn authorized(
        &self,
        cx: &Cx,
        request: Request,
        send: impl AsyncFn(Request, Before) -> StepResult<Reply>,
    ) -> StepResult<Reply> {
        let before = self.before(&request);
        let is_first = before.is_some() && request.is_content;
        let before = before.unwrap_or_default();
        // Whether a 401 is not the first response to the request, as containerd counts them.
        let stands_in = is_first && self.content.before.get().is_none();
        let is_late = before.sent > 0 && !stands_in;
        let reply = send(self.sign(request.clone()), before).await?;
        let is_challenge = |reply: &Reply| {
            reply.status == 401 && reply.host.is_same(&self.asked_by) && self.mirror.is_none()
        };
        let mut kept = None;
        let spent = if stands_in { before } else { before.and(&reply) };
        if !is_challenge(&reply) {
            return self.asked_elsewhere(&reply).map_or(Ok(reply), Err);
        }
        match (AuthScheme::of(&reply), &self.identity.credential) {
            (Some(scheme), _) if is_late && scheme.names_error() => return Ok(reply),
            (Some(AuthScheme::Bearer(wanted)), _) if self.keeps_password(&wanted, is_first) => {
                return Ok(reply);
            }
            (Some(AuthScheme::Bearer(wanted)), _) => {
                // The response body is still on the connection that the next request may need.
                drop(reply);
                if self.keeps_token(&wanted, is_first) {
                    kept = Some(wanted);
                } else {
                    let token = self.token(cx, &wanted).await?;
                    self.authorization.replace(Some(Authorization::Token(token)));
                }
            }
            (Some(AuthScheme::Basic), Credential::Password { user, password })
                if !matches!(*self.authorization.borrow(), Some(Authorization::Password(_))) =>
            {
                let renewed = Authorization::Password(password.basic(user));
                self.authorization.replace(Some(renewed));
            }
            _ => return Ok(reply),
        }
        let reply = send(self.sign(request), spent).await?;
        match kept {
            Some(wanted) if is_challenge(&reply) => self.other_token_server(&wanted, reply),
            _ => Ok(reply),
        }
    }

    /// Returns what containerd did before it sends a request with an authorization, if the first one was
    /// without: that for the tag, and that for the first content.
    fn before(&self, request: &Request) -> Option<Before> {
        let is_first = request.is_content && !self.content.is_asked.replace(true);
        if is_first && self.is_signed() {
            let named_error = self.auth_scheme.borrow().names_error();
            return Some(self.content.before.get().unwrap_or(Before { sent: 1, named_error }));
        }
        (request.method == Method::HEAD).then(|| self.before_head()).filter(|it| it.sent > 0)
    }

    /// Returns what containerd did before it asks for the tag as it is asked here.
    pub(crate) fn before_head(&self) -> Before {
        Before { sent: if self.is_signed() { self.sent } else { 0 }, named_error: false }
    }

    fn is_signed(&self) -> bool {
        self.authorization.borrow().is_some()
    }

    /// Returns whether containerd goes on with its password after such a challenge.
    fn keeps_password(&self, wanted: &Challenge, is_first: bool) -> bool {
        let has_password = matches!(*self.authorization.borrow(), Some(Authorization::Password(_)));
        has_password && wanted.param("error").is_none() && !is_first
    }

    /// Returns whether containerd goes on with its token after such a challenge.
    fn keeps_token(&self, wanted: &Challenge, is_first: bool) -> bool {
        let is_good = match &*self.authorization.borrow() {
            Some(Authorization::Token(token)) => {
                token.ends.is_none_or(|ends| Instant::now() < ends)
            }
            _ => false,
        };
        is_good && wanted.param("error").is_none() && !is_first
    }

    /// Fails where a refusal names another token server than the first challenge did.
    fn other_token_server(&self, wanted: &Challenge, reply: Reply) -> StepResult<Reply> {
        let AuthScheme::Bearer(first) = &*self.auth_scheme.borrow() else { return Ok(reply) };
        // A query may contain anything.
        let realm = |challenge: &Challenge| {
            let realm = challenge.param("realm").unwrap_or_default();
            realm.split('?').next().unwrap_or_default().to_owned()
        };
        let (kept, realm) = (realm(first), realm(wanted));
        if kept == realm {
            return Ok(reply);
        }
        let (host, request) = (self.client.host.to_string(), reply.request.clone());
        Err(Problem::SecondTokenServer { host, request, kept, realm }.into())
    }
}
