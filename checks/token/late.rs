//! The exchange where IMDS has not answered: what the registry says to an anonymous client is asked
//! first, and the token is exchanged when it arrives.

use std::rc::Rc;

use hyper::Method;

use super::{
    exchange::exchange_entra_token,
    problem::Problem,
    refresh_token::{RefreshToken, TOKEN_USER, expires},
    sign_in::{authenticate, is_authorized},
};
use crate::{
    identity::{Came, Candidate, Credential, Late},
    kit::{
        Cx, NoFact, StepResult,
        net::{Challenge, Request},
    },
    registry::RegistryChallenge,
};

/// Exchanges the token when it arrives. An image that is served to everybody is not waited for: then
/// this step looks at what the token changes while the others go on.
pub(super) async fn exchange(
    cx: &Cx,
    challenge: &RegistryChallenge,
    one: &Candidate,
    wanted: &Challenge,
) -> StepResult<RefreshToken> {
    let nothing = || NoFact::skipped(Problem::NothingToExchange {});
    let late = one.late.clone().ok_or_else(nothing)?;
    let as_anonymous = authenticate(cx, challenge, one, &None).await;
    if challenge.image.is_some() && is_authorized(cx, &as_anonymous).await {
        cx.in_background(look_later(cx.clone(), challenge.clone(), late, wanted.clone()));
        return Err(nothing());
    }
    match late.came().await {
        Came::Token(came) => exchanged(cx, challenge, came, wanted).await,
        Came::Nothing | Came::NotYet => Err(nothing()),
    }
}

async fn exchanged(
    cx: &Cx,
    challenge: &RegistryChallenge,
    came: Rc<Candidate>,
    wanted: &Challenge,
) -> StepResult<RefreshToken> {
    let Credential::Entra(login) = &came.credential else {
        return Err(NoFact::skipped(Problem::NothingToExchange {}));
    };
    let token = exchange_entra_token(cx, &challenge.client, wanted, &came, login).await?;
    Ok(RefreshToken { expires: expires(&token), token, late: Some(came) })
}

/// Reports where the registry refuses the image to the token, although everybody else gets it.
async fn look_later(
    cx: Cx,
    challenge: RegistryChallenge,
    late: Late<Rc<Candidate>>,
    wanted: Challenge,
) {
    let Came::Token(came) = late.came().await else { return };
    // Without a refresh token, the kubelet pulls anonymously.
    let Ok(refresh) = exchanged(&cx, &challenge, came.clone(), &wanted).await else { return };
    let signing = came.with_refresh_token(TOKEN_USER, Some(refresh.token.clone()));
    let Some(image) = &challenge.image else { return };
    let refused = match authenticate(&cx, &challenge, &signing, &Some(Rc::new(refresh))).await {
        Ok(session) => {
            let head = Request::manifest(Method::HEAD, &image.repository, &image.reference);
            match session.ask(&cx, head).await {
                Ok(reply) if reply.status == 401 => session.refused(&cx, reply).await,
                _ => return,
            }
        }
        Err(refused) => refused,
    };
    match refused {
        NoFact::Failed(finding) => cx.add_finding(finding),
        other => cx.add_not_read(other),
    }
}
