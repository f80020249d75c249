//! Signs in at the registry as one candidate, as far as the registry asks for it.

use std::rc::Rc;

use super::{problem::Problem, refresh_token::RefreshToken, session::Session};
use crate::{
    identity::{Candidate, Credential},
    kit::{Cx, NoFact, StepResult, net::Request},
    registry::{AuthScheme, RegistryChallenge},
};

/// Returns whether the result of a sign-in is sufficient for the image.
pub(super) async fn is_authorized(cx: &Cx, got: &StepResult<Session>) -> bool {
    match got {
        Ok(session) => session.is_authorized(cx).await,
        Err(_) => false,
    }
}

/// Signs in as one candidate.
pub(super) async fn authenticate(
    cx: &Cx,
    challenge: &RegistryChallenge,
    identity: &Candidate,
    grant: &Option<Rc<RefreshToken>>,
) -> StepResult<Session> {
    let holds = matches!(identity.credential, Credential::Refresh(_));
    let refresh = grant.as_ref().filter(|_| holds).map(|grant| grant.token.clone());
    let session = Session::new(challenge, identity, refresh);
    let host = || challenge.client.host.to_string();
    let is_anonymous = matches!(identity.credential, Credential::Anonymous);
    if let Some(elsewhere) = challenge.asked_elsewhere().filter(|_| !is_anonymous) {
        return Err(elsewhere);
    }
    let session = match (&challenge.auth_scheme, &identity.credential) {
        (AuthScheme::None, Credential::Anonymous) => session,
        (AuthScheme::None, _) => {
            // An image can be pulled without the credentials. Without an image, it is the sign-in
            // that was to be tested.
            if challenge.image.is_none() {
                let (who, from) = (identity.name(), identity.source());
                cx.add_finding(Problem::CredentialsNotAsked { host: host(), who, from });
            }
            session
        }
        (AuthScheme::Basic, Credential::Password { user, password }) => {
            session.with_password(password.basic(user))
        }
        (AuthScheme::Basic, Credential::Anonymous) => return Err(session.anonymous(cx, None)),
        (AuthScheme::Basic, _) => {
            let (kind, from) = (identity.name(), identity.source());
            return Err(Problem::CredentialsDoNotFit { host: host(), kind, from }.into());
        }
        (AuthScheme::Bearer(wanted), _) => {
            let token = session.token(cx, wanted).await?;
            session.with_token(&token)
        }
    };
    if challenge.image.is_none() {
        prove_signed_in(cx, &session).await?;
        // A response to an anonymous request proves no sign-in.
        if !session.is_signed_in() {
            return Err(NoFact::could_not_tell(Problem::SignInNotTested { host: host() }));
        }
    }
    Ok(session)
}

/// Proves the sign-in with `GET /v2/`, because without an image no manifest request can prove it.
async fn prove_signed_in(cx: &Cx, session: &Session) -> StepResult<()> {
    let reply = session.ask(cx, Request::new(hyper::Method::GET, "/v2/")).await?;
    match reply.status {
        200 => Ok(()),
        401 => Err(session.refused(cx, reply).await),
        _ => Err(session.client().refuse(reply).await),
    }
}
