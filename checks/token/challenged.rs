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
        let is_content = request.is_content;
        let is_first =
            is_content && !self.has_content.replace(self.has_content.get() || is_content);
        let is_head = request.method == Method::HEAD;
        // Both are sent without a token at first.
        let sent = usize::from(self.authorization.borrow().is_some() && (is_head || is_first));
        let named_error = is_first && self.auth_scheme.names_error();
        let before = Before { sent, named_error };
        let reply = send(self.sign(request.clone()), before).await?;
        let is_challenge = |reply: &Reply| {
            reply.status == 401 && reply.host.is_same(&self.asked_by) && self.mirror.is_none()
        };
        let mut kept = None;
        if !is_challenge(&reply) {
            return Ok(reply);
        }
        match (AuthScheme::of(&reply), &self.identity.credential) {
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
        let reply = send(self.sign(request), before).await?;
        match kept {
            Some(wanted) if is_challenge(&reply) => self.other_token_server(&wanted, reply),
            _ => Ok(reply),
        }
    }

    /// Asks for a token once more, and goes on with it: containerd does before it fetches content, for
    /// which it has another authorizer than for the tag (core/remotes/docker/resolver.go, `Fetcher`).
    pub(crate) async fn renew(&self, cx: &Cx) -> StepResult<()> {
        let is_issued = matches!(*self.authorization.borrow(), Some(Authorization::Token(_)))
            && !matches!(self.identity.credential, Credential::Access(_));
        if let (AuthScheme::Bearer(wanted), true, None) =
            (&self.auth_scheme, is_issued, &self.mirror)
        {
            let token = self.token(cx, wanted).await?;
            self.authorization.replace(Some(Authorization::Token(token)));
        }
        Ok(())
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
        let AuthScheme::Bearer(first) = &self.auth_scheme else { return Ok(reply) };
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
