//! What the area `token` can find wrong.

use jiff::Timestamp;
use serde::Serialize;

use super::words::{AnonymousAnswer, ManagementToken};

/// What can be wrong with signing in.
#[derive(Serialize, strum::VariantNames)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Problem {
    /// There is nothing to exchange: a password is shown as it is, and an anonymous client shows
    /// nothing.
    NothingToExchange {},
    /// The refresh token is out of date by the registry's own clock.
    PullsecretShortLivedToken {
        /// Since when.
        expired: Timestamp,
        /// Where it came from.
        from: String,
    },
    /// The registry does not serve this anonymously, and there are no credentials here.
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
    /// The registry does not accept the identity: the pull is anonymous then.
    NotTaken {},
    /// The kubelet's provider takes what the registry answers for no challenge.
    ProviderTakesNoChallenge {
        /// The registry.
        host: String,
        /// Its status.
        status: u16,
        /// What it sent for a challenge.
        said: String,
    },
    /// The registry does not take this identity's token.
    ExchangeNoRole(RefusedIdentity),
    /// The registry accepts it with the token's own tenant, and not with the tenant of the node's
    /// file.
    WrongTenantInAzurejson {
        /// The registry.
        host: String,
        /// The node's file.
        file: String,
        /// The tenant in it.
        named: String,
        /// The token's own.
        own: String,
    },
    /// It takes tokens for registries only: older nodes show another.
    ExchangeArmAudienceDisabled {
        /// The registry.
        host: String,
    },
    /// It agrees to trade a token, and sends something else.
    ExchangeUnreadable {
        /// The registry.
        host: String,
        /// What it sent instead.
        said: String,
    },
    /// The same on a node, whose files do not say who signs in: could not tell.
    PodMaySignIn {
        /// The registry.
        host: String,
        /// What was asked for.
        wanted: String,
    },
    /// What we sign in with was refused.
    CredentialsRefused(Presented),
    /// The registry refused its admin user.
    AdminUserDisabled(Presented),
    /// The registry takes the user name for a service principal's, and knows none of that name.
    ApplicationNotRegistered(Presented),
    /// The same, and without it the image is served.
    AnonymousBlockedByBadCreds(Presented),
    /// The registry did not ask for the credentials.
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
        /// What we have.
        kind: String,
        /// Where it came from.
        from: String,
    },
    /// Signed in, and not allowed.
    ScopeNotGranted(Ungranted),
    /// An Entra identity signed in, and its roles leave this repository out.
    RoleExcludesRepository(Ungranted),
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
        /// The key of the one that is accepted.
        used: String,
        /// The file.
        from: String,
    },
    /// The first identity is refused, and the image is served anonymously, which a kubelet tries
    /// last.
    LetInAsNobody {
        /// The registry.
        host: String,
        /// Who is refused.
        who: String,
        /// Where that was found.
        from: String,
    },
    /// The pull secret has more entries for the image than are tried here: could not tell.
    TooManyEntries {
        /// The file.
        from: String,
    },
    /// No image was named, and no credentials were used: could not tell.
    SignInNotTested {
        /// The registry.
        host: String,
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
    pub(super) host: String,
    /// Who was refused.
    pub(super) who: String,
    /// The user's name, where it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) user: Option<String>,
    /// The user's name where it is that of a registry token: at an Azure registry, and no GUID.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) token_name: Option<String>,
    /// The user's name where it is a service principal's: a GUID.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) application_id: Option<String>,
    /// Where they came from.
    pub(super) from: String,
    /// What was asked for.
    pub(super) wanted: String,
    /// The registry's own words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) said: Option<String>,
    /// For support.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) correlation: Option<String>,
    /// What an anonymous client gets there, where that was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) anonymous: Option<AnonymousAnswer>,
}

/// A sign-in that is good, and not for this.
#[derive(Serialize)]
pub struct Ungranted {
    /// The registry.
    pub(super) host: String,
    /// What was asked for.
    pub(super) wanted: String,
    /// What the token says that it grants.
    pub(super) granted: String,
    /// Who asked.
    pub(super) who: String,
    /// The user's name, where it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) user: Option<String>,
    /// For support.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) correlation: Option<String>,
}

/// What goes with a refusal: who was refused, and in whose eyes.
#[derive(Serialize)]
pub struct RefusedIdentity {
    /// The registry.
    pub(super) host: String,
    /// Who was refused.
    pub(super) who: String,
    /// What role assignments go by.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) object_id: Option<String>,
    /// What node files go by.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) client_id: Option<String>,
    /// What role assignments call such a one.
    pub(super) principal_type: &'static str,
    /// The tenant that was sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) tenant: Option<String>,
    /// Whether a token for Azure's management is accepted.
    pub(super) management: ManagementToken,
    /// The registry's own words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) said: Option<String>,
    /// For support.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) correlation: Option<String>,
}

/// Whether a text is a GUID, as the client ids of service principals are.
pub(super) fn is_guid(text: &str) -> bool {
    let lengths = text.split('-').map(str::len);
    lengths.eq([8, 4, 4, 4, 12]) && text.chars().all(|c| c.is_ascii_hexdigit() || c == '-')
}
