//! Gets an access token from the registry, and determines what it grants.

mod answers;
mod authorization;
mod challenged;
mod content;
pub(crate) mod endpoint;
pub(crate) mod exchange;
mod hosts;
mod late;
mod problem;
mod provider;
mod realm;
mod refresh_token;
mod refused;
mod session;
mod sign_in;
mod words;

use std::rc::Rc;

use crate::{
    identity::{Candidate, Credential, Identity},
    kit::{Cx, Host, NoFact, StepResult},
    registry::{AuthScheme, RegistryChallenge},
};
pub(crate) use answers::WantedBlob;
pub use answers::{Answer, BlobResponse};
pub(crate) use content::Begun;
pub use problem::Problem;
pub use refresh_token::RefreshToken;
use refresh_token::{TOKEN_USER, expired, expires};
pub use session::{Next, Session};
use sign_in::{authenticate, is_authorized};
pub use words::{Access, AnonymousAnswer, ManagementToken, NoAnswer, NoTenant, Scopes, SignedIn};

/// A token that lives shorter than this is not meant to be kept.
const SHORT_LIVED: jiff::SignedDuration = jiff::SignedDuration::from_hours(24);

/// How many entries of a pull secret are tried.
pub(crate) const MAX_CANDIDATES: usize = 4;

/// Returns the refresh token that the registry can still accept: a stored one, or one that it
/// issues in exchange for an Entra token.
pub async fn exchange(
    cx: &Cx,
    challenge: &RegistryChallenge,
    identity: &Identity,
) -> StepResult<RefreshToken> {
    // Nothing of value is sent to another host.
    if challenge.asked_elsewhere().is_some() {
        return Err(NoFact::skipped(Problem::NothingToExchange {}));
    }
    let late = identity.candidates().find(|one| one.late.is_some());
    if let (Some(late), AuthScheme::Bearer(wanted)) = (late, &challenge.auth_scheme) {
        return late::exchange(cx, challenge, late, wanted).await;
    }
    let login = identity.candidates().find_map(|one| match &one.credential {
        Credential::Entra(login) => Some((one, login)),
        _ => None,
    });
    let token = match (&identity.first.credential, login, &challenge.auth_scheme) {
        (Credential::Refresh(token), ..) => {
            // The registry's clock decides, because ours may be wrong and would then prove nothing.
            if let Some(expired) = expired(token, challenge.dated) {
                let from = identity.first.source();
                return Err(Problem::PullsecretShortLivedToken { expired, from }.into());
            }
            token.clone()
        }
        (_, Some((one, login)), AuthScheme::Bearer(wanted)) => {
            exchange::exchange_entra_token(cx, &challenge.client, wanted, one, login).await?
        }
        _ => return Err(NoFact::skipped(Problem::NothingToExchange {})),
    };
    Ok(RefreshToken { expires: expires(&token), token, late: None })
}

/// Gets the session whose authorization each further request carries.
///
/// The kubelet tries the entries of a pull secret one after the other, until one is accepted. If
/// none is, the first one gives the reason.
pub async fn fetch(
    cx: &Cx,
    challenge: &RegistryChallenge,
    identity: &Identity,
    grant: &Option<Rc<RefreshToken>>,
) -> StepResult<Session> {
    let mut first = None;
    for (tried, one) in identity.candidates().enumerate() {
        if tried == MAX_CANDIDATES {
            return Err(NoFact::could_not_tell(Problem::TooManyEntries {
                from: identity.first.source(),
            }));
        }
        // The token server never receives an Entra token: it receives a user name with the refresh
        // token as the password, or nothing if the exchange failed.
        let signing = match &one.credential {
            Credential::Entra(_) => {
                one.with_refresh_token(TOKEN_USER, grant.as_ref().map(|grant| grant.token.clone()))
            }
            _ => match grant
                .as_ref()
                .filter(|_| one.late.is_some())
                .map(|grant| (grant, &grant.late))
            {
                Some((grant, Some(came))) => {
                    came.with_refresh_token(TOKEN_USER, Some(grant.token.clone()))
                }
                _ => one.clone(),
            },
        };
        let got = authenticate(cx, challenge, &signing, grant).await;
        if got.is_ok() {
            warn_of_expiry(cx, challenge, one);
        }
        // A second anonymous attempt would change nothing.
        let is_anonymous = matches!(signing.credential, Credential::Anonymous);
        if identity.rest.is_empty() || (tried == 0 && is_anonymous) {
            return got;
        }
        match (is_authorized(cx, &got).await, tried) {
            (true, 0) => return got,
            (true, _) => {
                cx.add_finding(refused_first(&challenge.client.host, &identity.first, one));
                return got;
            }
            (false, _) => first = first.or(Some(got)),
        }
    }
    first.unwrap_or_else(|| Err(NoFact::skipped(Problem::NothingToExchange {})))
}

/// Warns that a pull secret holds a token of `az acr login`, which works for some hours only.
fn warn_of_expiry(cx: &Cx, challenge: &RegistryChallenge, used: &Candidate) {
    let is_pull_secret = cx.target.sign_in.auth_file.is_some() && used.key.is_some();
    let Credential::Password { user, password } = &used.credential else { return };
    if is_pull_secret
        && user == TOKEN_USER
        && let Some(expires) = expires(password)
        && let Some(now) = challenge.dated
        && (now..now + SHORT_LIVED).contains(&expires)
    {
        cx.add_finding(Problem::PullsecretTokenExpires { expires, from: used.source() });
    }
}

/// Returns the problem that the first candidate is refused and a later one is accepted.
fn refused_first(host: &Host, first: &Candidate, used: &Candidate) -> Problem {
    match (&first.key, &used.credential) {
        (Some(refused), Credential::Password { .. } | Credential::Entra(_)) => {
            let (refused, from) = (refused.clone(), first.source());
            let used = used.key.clone().unwrap_or_else(|| used.name());
            Problem::EntryRefused { refused, used, from }
        }
        _ => Problem::AnonymousFallback {
            host: host.to_string(),
            who: first.name(),
            from: first.source(),
        },
    }
}
