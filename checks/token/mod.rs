//! Does the registry give us a token, and what is it good for?

pub mod endpoint;
mod session;

use jiff::Timestamp;
use serde::Serialize;

use crate::{
    identity::{Credential, Identity},
    kit::{Cx, Got, Halt, Secret, claims, net::Request},
    registry::{Challenge, Wants},
};
pub use session::{Session, Source};

/// How many entries of a pull secret are tried.
pub(crate) const ENTRIES: usize = 4;

/// What can be wrong with signing in.
#[derive(Serialize, strum::VariantNames)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Trouble {
    /// There is nothing to exchange: a password is shown as it is, and nobody shows nothing.
    NothingToExchange {},
    /// The refresh token is out of date by the registry's own clock.
    PullsecretShortLivedToken {
        /// Since when.
        expired: Timestamp,
        /// Where it came from.
        from: String,
    },
    /// The registry does not serve this to nobody, and nobody signs in here.
    AnonymousPullDisabled {
        /// The registry.
        host: String,
        /// What was asked for.
        wanted: String,
        /// For support.
        #[serde(skip_serializing_if = "Option::is_none")]
        correlation: Option<String>,
    },
    /// The same in a pod or on a node, where the kubelet may sign in: could not tell.
    NodeMaySignIn {
        /// The registry.
        host: String,
        /// What was asked for.
        wanted: String,
    },
    /// What we sign in with was refused.
    CredentialsRefused(Presented),
    /// The same, and without it the image is served.
    AnonymousBlockedByBadCreds(Presented),
    /// Nobody asked for what we would sign in with.
    CredentialsNotAsked {
        /// The registry.
        host: String,
        /// Who would sign in.
        who: String,
        /// Where the credentials came from.
        from: String,
    },
    /// The registry wants a password, and what we have is a token.
    CredentialsDoNotFit {
        /// The registry.
        host: String,
        /// What we have, as a word.
        kind: String,
        /// Where it came from.
        from: String,
    },
    /// Signed in, and not allowed.
    ScopeNotGranted {
        /// The registry.
        host: String,
        /// What was asked for.
        wanted: String,
        /// What the token says that it grants.
        granted: String,
        /// Who asked.
        who: String,
        /// The user's name, where it has one.
        #[serde(skip_serializing_if = "Option::is_none")]
        user: Option<String>,
        /// For support.
        #[serde(skip_serializing_if = "Option::is_none")]
        correlation: Option<String>,
    },
    /// The token server's answer is no token.
    NoToken {
        /// Who answered.
        host: String,
        /// Its status.
        status: u16,
        /// What it sent instead.
        said: String,
    },
    /// The pull secret has several entries for the image: one is refused, a later one is not.
    EntryPassedOver {
        /// The key of the first.
        refused: String,
        /// The key of the one that is let in.
        used: String,
        /// The file.
        from: String,
    },
    /// The pull secret has more entries for the image than are tried here: could not tell.
    TooManyEntries {
        /// The file.
        from: String,
    },
    /// The challenge names a place to which we send no credentials: could not tell.
    RealmNotSafe {
        /// The registry.
        host: String,
        /// That place.
        realm: String,
    },
}

/// Credentials that were refused.
#[derive(Serialize)]
pub struct Presented {
    /// Who refused them.
    host: String,
    /// Who was refused.
    who: String,
    /// The user's name, where it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<String>,
    /// Where they came from.
    from: String,
    /// What was asked for.
    wanted: String,
    /// The registry's own words.
    #[serde(skip_serializing_if = "Option::is_none")]
    said: Option<String>,
    /// For support.
    #[serde(skip_serializing_if = "Option::is_none")]
    correlation: Option<String>,
    /// What nobody gets there, as a word, where that was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    nobody: Option<&'static str>,
}

/// What is shown at the token server in place of a password.
#[derive(Serialize)]
pub struct Grant {
    #[serde(skip)]
    token: Secret,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires: Option<Timestamp>,
}

/// Is there a refresh token that the registry can still take?
pub async fn exchange(_: &Cx, challenge: &Challenge, identity: &Identity) -> Got<Grant> {
    let Credential::Refresh(token) = &identity.credential else {
        return Err(Halt::skipped(Trouble::NothingToExchange {}));
    };
    let expires = claims(token).and_then(|claims| claims.get("exp")?.as_i64());
    let expires = expires.and_then(|seconds| Timestamp::from_second(seconds).ok());
    // By the registry's clock: ours may be wrong, and then this would be no proof.
    let expired = expires.filter(|expires| challenge.dated.is_some_and(|now| *expires < now));
    match expired {
        Some(expired) => {
            Err(Trouble::PullsecretShortLivedToken { expired, from: identity.source() }.into())
        }
        None => Ok(Grant { token: token.clone(), expires }),
    }
}

/// Gets what each further request must carry. Of several entries of a pull secret the kubelet tries one
/// after the other, until one is let in; when none is, the first says why.
pub async fn fetch(
    cx: &Cx,
    challenge: &Challenge,
    identity: &Identity,
    grant: &Option<std::rc::Rc<Grant>>,
) -> Got<Session> {
    let first = present(cx, challenge, identity, grant).await;
    if identity.next.is_none() || is_let_in(cx, &first).await {
        return first;
    }
    let mut next = identity.next.as_ref();
    for _ in 1..ENTRIES {
        let Some(other) = next else { return first };
        let got = present(cx, challenge, other, &None).await;
        if is_let_in(cx, &got).await {
            let key = |identity: &Identity| identity.key.clone().unwrap_or_default();
            let (refused, used, from) = (key(identity), key(other), identity.source());
            cx.tell(Trouble::EntryPassedOver { refused, used, from });
            return got;
        }
        next = other.next.as_ref();
    }
    match next {
        None => first,
        Some(_) => Err(Halt::broke(Trouble::TooManyEntries { from: identity.source() })),
    }
}

/// Whether what these credentials got is good for the image.
async fn is_let_in(cx: &Cx, got: &Got<Session>) -> bool {
    match got {
        Ok(session) => session.is_let_in(cx).await,
        Err(_) => false,
    }
}

async fn present(
    cx: &Cx,
    challenge: &Challenge,
    identity: &Identity,
    grant: &Option<std::rc::Rc<Grant>>,
) -> Got<Session> {
    let refresh = grant.as_ref().map(|grant| grant.token.clone());
    let session = Session::new(challenge, identity, refresh);
    let host = || challenge.site.host.to_string();
    let session = match (&challenge.wants, &identity.credential) {
        (Wants::Nothing, Credential::Nobody) => session,
        (Wants::Nothing, _) => {
            // An image is in hand without them; a sign-in is what else was to be tried.
            if challenge.image.is_none() {
                let (who, from) = (identity.name(), identity.source());
                cx.tell(Trouble::CredentialsNotAsked { host: host(), who, from });
            }
            session
        }
        (Wants::Basic, Credential::Password { user, password }) => {
            session.with_password(password.basic(user))
        }
        (Wants::Basic, Credential::Nobody) => return Err(session.nobody(cx, None)),
        (Wants::Basic, _) => {
            let (kind, from) = (identity.name(), identity.source());
            return Err(Trouble::CredentialsDoNotFit { host: host(), kind, from }.into());
        }
        (Wants::Bearer(wanted), _) => {
            let token = session.token(cx, wanted).await?;
            session.with_token(&token)
        }
    };
    if challenge.image.is_none() {
        prove_signed_in(cx, &session).await?;
    }
    Ok(session)
}

/// Without an image there is no manifest to prove the token: the registry's front page does.
async fn prove_signed_in(cx: &Cx, session: &Session) -> Got<()> {
    let reply = session.ask(cx, Request::new(hyper::Method::GET, "/v2/")).await?;
    match reply.status {
        200 => Ok(()),
        401 => Err(session.refused(cx, "GET /v2/", reply).await),
        _ => Err(session.site().refuse("GET /v2/", reply).await),
    }
}
