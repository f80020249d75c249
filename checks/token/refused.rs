//! What a refusal means, now that a session is signed in as far as possible.

use std::time::Duration;

use hyper::Method;
use tokio::time::timeout;

use super::{
    authorization::Authorization,
    endpoint::Issued,
    problem::{Presented, Problem, Ungranted},
    refresh_token::{TOKEN_USER, expired},
    session::Session,
    words::{Access, AnonymousAnswer, Scopes},
};
use crate::{
    identity::{Credential, Late},
    kit::{
        Cx, NoFact,
        net::{Reply, Request, challenges},
        rules::{is_guid, request_url},
        target::Who,
    },
    registry::{AuthScheme, Refusal},
};

/// How long the anonymous probe may take. It only makes the explanation of a refusal clearer.
const ANONYMOUS_WAIT: Duration = Duration::from_secs(20);

impl Session {
    /// Returns what a 401 means after we signed in as far as possible.
    pub(crate) async fn refused(&self, cx: &Cx, reply: Reply) -> NoFact {
        // containerd would send it the credentials of the registry.
        if let Some(mirror) = &self.mirror {
            return NoFact::CouldNotTell(mirror.wants_credentials.clone());
        }
        let mut errors = challenges(&reply.headers).into_iter();
        let error = errors.find_map(|challenge| challenge.params.get("error").cloned());
        let error = error.as_deref().unwrap_or_default();
        let refusal = match Refusal::read_unexplained(reply).await {
            Ok(refusal) => refusal,
            Err(explained) => return explained,
        };
        let authorization = self.authorization.borrow().clone();
        // The token server issued this token a moment ago.
        let is_issued = !matches!(self.identity.credential, Credential::Access(_));
        if matches!(authorization, Some(Authorization::Token(_)))
            && is_issued
            && error == "invalid_token"
        {
            let realm = match &*self.auth_scheme.borrow() {
                AuthScheme::Bearer(wanted) => wanted.param("realm").map(str::to_owned),
                _ => None,
            };
            let realm =
                request_url(&realm.unwrap_or_default()).ok().map(|url| url.host().to_owned());
            let host = self.client.host.to_string();
            return Problem::IssuedTokenRejected {
                realm: realm.unwrap_or_else(|| host.clone()),
                host,
                said: refusal.body.words(),
                correlation: refusal.correlation,
            }
            .into();
        }
        match (&self.identity.credential, &authorization) {
            (Credential::Anonymous, _) => self.anonymous(cx, Some(&refusal)),
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
                    said: refusal.said(),
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
            _ => refusal.grade(),
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

    /// Returns the problem that someone else may sign in: the node for a pod, the pod for a node, or
    /// the nodes of the cluster that the user named.
    fn others(&self, cx: &Cx) -> Problem {
        let (host, wanted) = (self.client.host.to_string(), self.wanted());
        let refused = match self.identity.credential {
            Credential::Anonymous => Access::AnonymousAccess.to_string(),
            _ => self.identity.name(),
        };
        if cx.world.on_node {
            Problem::PodMaySignIn { host, wanted, refused }
        } else if !cx.world.in_pod {
            Problem::ClusterMaySignIn { host, wanted, refused }
        } else {
            Problem::NodeMaySignIn { host, wanted, refused }
        }
    }

    /// Returns the result when the registry requires credentials and there are none.
    pub(super) fn anonymous(&self, cx: &Cx, refusal: Option<&Refusal>) -> NoFact {
        let (host, wanted) = (self.client.host.to_string(), self.wanted());
        // The node pulls a pod's image and may have an identity of its own, which is unknown here.
        if self.identity.others_may {
            return NoFact::could_not_tell(self.others(cx));
        }
        let refused = self.identity.principal.as_ref();
        let object_id = refused.and_then(|principal| principal.object_id.clone());
        let said = refusal.and_then(Refusal::said);
        let correlation = refusal.and_then(|refusal| refusal.correlation.clone());
        if self.identity.late.as_ref().is_some_and(Late::may_come) {
            return NoFact::could_not_tell(Problem::TokenMayCome { host, wanted, said });
        }
        Problem::AnonymousPullDisabled { host, wanted, object_id, said, correlation }.into()
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
        if refusal.is_about_permission() && anonymous != Some(AnonymousAnswer::Served) {
            return refusal.grade();
        }
        let said = refusal.body.message;
        let (user, acr) = (self.identity.user.as_deref(), self.client.host.acr());
        let (application_id, token_name) = match user {
            Some(user) if is_guid(user) => (Some(user.to_owned()), None),
            // The admin user has the name of the registry, and an exchanged token has a fixed user
            // name.
            Some(user) if user != TOKEN_USER && acr.is_some_and(|acr| acr != user) => {
                (None, Some(user.to_owned()))
            }
            _ => (None, None),
        };
        let is_unknown = said.starts_with("Application not registered with AAD");
        let from = self.identity.source();
        let given = |is_given: bool| is_given.then(|| from.clone());
        let (sign_in, has_key) = (&cx.target.sign_in, self.identity.key.is_some());
        let is_pull_secret = sign_in.auth_file.is_some() && sign_in.who != Who::Docker;
        let presented = Presented {
            docker_config: given(has_key && !is_pull_secret && !cx.world.on_node),
            pull_secret: given(has_key && is_pull_secret),
            host: refusal.host.to_string(),
            who: self.identity.name(),
            user: self.identity.user.clone(),
            token_name,
            application_id,
            from: from.clone(),
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
                _ if user.is_some() && user == acr => Problem::AdminUserDisabled(presented),
                _ => Problem::CredentialsRefused(presented),
            },
        )
    }

    /// Returns how the registry responds to an anonymous client; `None` if that was not tested or
    /// cannot be determined. An anonymous token proves nothing: it is also issued for actions that
    /// it does not grant.
    async fn anonymous_answer(&self, cx: &Cx) -> Option<AnonymousAnswer> {
        let scheme = self.auth_scheme.borrow().clone();
        let (AuthScheme::Bearer(wanted), Some(image)) = (&scheme, &self.image) else {
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
