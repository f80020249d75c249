//! The problems that the area `token` can find.

use jiff::Timestamp;
use serde::Serialize;

use super::words::{AnonymousAnswer, ManagementToken};
use crate::kit::{net::Fault, world::Seen};

/// How the node's credential provider fails to reach the registry.
#[derive(Serialize)]
pub struct ProviderPlace {
    /// The registry.
    pub(super) host: String,
    /// Why the connection fails.
    pub(super) fault: Fault,
    /// The proxy that it uses.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) through: Option<String>,
    /// The variables that name its authorities, and their values.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) written: Vec<String>,
    /// The file that has its environment.
    pub(super) file: String,
    /// How the environment was seen.
    pub(super) seen: Seen,
}

/// A problem with signing in to the registry.
#[derive(Serialize, strum::VariantNames)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Problem {
    /// There is nothing to exchange: a password is sent as it is, and an anonymous client sends
    /// nothing.
    NothingToExchange {},
    /// The refresh token has expired by the registry's own clock.
    PullsecretShortLivedToken {
        /// When the token expired.
        expired: Timestamp,
        /// The source of the token.
        from: String,
    },
    /// The pull secret works now, but holds a refresh token that expires within hours.
    PullsecretTokenExpires {
        /// When the token expires.
        expires: Timestamp,
        /// The source of the token.
        from: String,
    },
    /// The registry refuses anonymous access, and there are no credentials here.
    AnonymousPullDisabled {
        /// The registry.
        host: String,
        /// What was requested.
        wanted: String,
        /// The object id of the identity whose token the registry did not exchange.
        #[serde(skip_serializing_if = "Option::is_none")]
        object_id: Option<String>,
        /// The registry's message.
        #[serde(skip_serializing_if = "Option::is_none")]
        said: Option<String>,
        /// The correlation id, for a support request.
        #[serde(skip_serializing_if = "Option::is_none")]
        correlation: Option<String>,
    },
    /// The registry refuses anonymous access, and IMDS may still issue a token: could not tell.
    TokenMayCome {
        /// The registry.
        host: String,
        /// What was requested.
        wanted: String,
        /// The registry's message.
        #[serde(skip_serializing_if = "Option::is_none")]
        said: Option<String>,
    },
    /// The registry refuses this pod, but the kubelet of its node may have other credentials: could
    /// not tell.
    NodeMaySignIn {
        /// The registry.
        host: String,
        /// What was requested.
        wanted: String,
        /// The identity that the registry refuses, or anonymous access.
        refused: String,
    },
    /// The registry refuses who signs in here, but the nodes of the cluster that the user named sign
    /// in with an identity of their own: could not tell.
    ClusterMaySignIn {
        /// The registry.
        host: String,
        /// What was requested.
        wanted: String,
        /// The identity that the registry refuses, or anonymous access.
        refused: String,
    },
    /// The registry does not accept the identity, so the pull is anonymous.
    NotExchanged {},
    /// The node's credential provider does not trust the registry, although containerd may.
    ProviderDoesNotTrust(ProviderPlace),
    /// The node's credential provider cannot connect to the registry, although containerd can.
    ProviderCannotConnect(ProviderPlace),
    /// Whether the node's credential provider can connect to the registry is not known: could not tell.
    ProviderConnectionUnclear(ProviderPlace),
    /// The kubelet's credential provider finds no challenge in the registry's response.
    ProviderTakesNoChallenge {
        /// The registry.
        host: String,
        /// The HTTP status of the response.
        status: u16,
        /// The value of its `WWW-Authenticate` headers.
        said: String,
    },
    /// The registry refuses to exchange the token of this identity.
    ExchangeNoRole(RefusedIdentity),
    /// The registry accepts the token with its own tenant, but not with the tenant in the node's
    /// file.
    WrongTenantInAzurejson {
        /// The registry.
        host: String,
        /// The path of the node's file.
        file: String,
        /// The tenant in the node's file.
        named: String,
        /// The tenant of the token.
        own: String,
    },
    /// The registry accepts only tokens for registries, but older nodes send a token for Azure
    /// Resource Manager.
    ExchangeArmAudienceDisabled {
        /// The registry.
        host: String,
    },
    /// The registry accepts only tokens for registries, and this node's credential provider sends one
    /// for Azure Resource Manager.
    ExchangeArmAudienceRefused {
        /// The registry.
        host: String,
        /// The provider's program.
        program: String,
        /// Its version.
        version: String,
    },
    /// The registry accepts only tokens for registries, and it is not known which the provider of this
    /// node sends: could not tell.
    ProviderAudienceUnknown {
        /// The registry.
        host: String,
        /// The provider's program.
        program: String,
    },
    /// The registry agrees to exchange a token but sends something other than a refresh token.
    ExchangeUnreadable {
        /// The registry.
        host: String,
        /// What the registry sent instead.
        said: String,
    },
    /// The registry refuses what this node's files name, but a pod may have a pull secret: could not
    /// tell.
    PodMaySignIn {
        /// The registry.
        host: String,
        /// What was requested.
        wanted: String,
        /// The identity that the registry refuses, or anonymous access.
        refused: String,
    },
    /// The registry refused the credentials.
    CredentialsRefused(Presented),
    /// The registry refused its admin user.
    AdminUserDisabled(Presented),
    /// The registry treats the user name as a service principal's, but knows no service principal
    /// with it.
    ApplicationNotRegistered(Presented),
    /// The registry refused the credentials, but it serves the image without them.
    AnonymousBlockedByBadCreds(Presented),
    /// The registry did not ask for the credentials.
    CredentialsNotAsked {
        /// The registry.
        host: String,
        /// The identity that would sign in.
        who: String,
        /// The source of the credentials.
        from: String,
    },
    /// The registry requires a password, but the credentials are a token.
    CredentialsDoNotFit {
        /// The registry.
        host: String,
        /// The kind of the credentials.
        kind: String,
        /// The source of the credentials.
        from: String,
    },
    /// The sign-in succeeded, but it does not grant the pull.
    ScopeNotGranted(Ungranted),
    /// An Entra identity signed in, but its roles do not include this repository.
    RoleExcludesRepository(Ungranted),
    /// The response of the token server contains no token.
    NoToken {
        /// The token server.
        host: String,
        /// The HTTP status of the response.
        status: u16,
        /// What the server sent instead.
        said: String,
        /// The URL that was asked; unknown where it has a query, which may hold anything.
        #[serde(skip_serializing_if = "Option::is_none")]
        realm: Option<String>,
        /// The service that was asked for, if the registry names one.
        #[serde(skip_serializing_if = "Option::is_none")]
        service: Option<String>,
        /// The scopes that were asked for, as curl takes them.
        scopes: Vec<String>,
    },
    /// The pull secret has several entries for the image: the registry refuses one and accepts a
    /// later one.
    EntryRefused {
        /// The key of the first entry.
        refused: String,
        /// The key of the accepted entry.
        used: String,
        /// The path of the pull secret.
        from: String,
    },
    /// The registry refuses the first identity, but serves the image anonymously. A kubelet tries
    /// that last.
    AnonymousFallback {
        /// The registry.
        host: String,
        /// The refused identity.
        who: String,
        /// The source of the refused identity.
        from: String,
    },
    /// The pull secret has more entries for the image than are tried here: could not tell.
    TooManyEntries {
        /// The path of the pull secret.
        from: String,
    },
    /// No image was named, and no credentials were used: could not tell.
    SignInNotTested {
        /// The registry.
        host: String,
    },
    /// The registry does not accept the token that its own token server has just issued.
    IssuedTokenRejected {
        /// The registry.
        host: String,
        /// The token server.
        realm: String,
        /// The error message from the registry.
        #[serde(skip_serializing_if = "Option::is_none")]
        said: Option<String>,
        /// The correlation id, for a support request.
        #[serde(skip_serializing_if = "Option::is_none")]
        correlation: Option<String>,
    },
    /// The registry asks for a token of another token server than at first, which containerd ignores.
    SecondTokenServer {
        /// The registry.
        host: String,
        /// The request that it refuses.
        request: String,
        /// The token server that containerd asks, without a query.
        kept: String,
        /// The token server that the registry names now, without a query.
        realm: String,
    },
    /// The challenge names a token server that Go cannot ask.
    RealmUnusable {
        /// The registry.
        host: String,
        /// The realm of the challenge, without its query; `None` if it is empty.
        #[serde(skip_serializing_if = "Option::is_none")]
        realm: Option<String>,
        /// What Go says.
        said: String,
    },
    /// The challenge names a token server to which we send no credentials: could not tell.
    RealmNotSafe {
        /// The registry.
        host: String,
        /// The scheme and host of that token server.
        realm: String,
    },
}

/// Credentials that were refused.
#[derive(Serialize)]
pub struct Presented {
    /// The host that refused the credentials.
    pub(super) host: String,
    /// The refused user, or else the kind of the credentials.
    pub(super) who: String,
    /// The user name, if the credentials have one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) user: Option<String>,
    /// The user name, if it is a registry token's: at an Azure registry, and not a GUID.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) token_name: Option<String>,
    /// The user name, if it is a service principal's: a GUID.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) application_id: Option<String>,
    /// The source of the credentials.
    pub(super) from: String,
    /// The source, if it is a docker config.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) docker_config: Option<String>,
    /// The source, if it is a pull secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) pull_secret: Option<String>,
    /// What was requested.
    pub(super) wanted: String,
    /// The error message from the registry.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) said: Option<String>,
    /// The correlation id, for a support request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) correlation: Option<String>,
    /// What an anonymous client receives for the same request, if that was tested.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) anonymous: Option<AnonymousAnswer>,
}

/// A sign-in that succeeded but does not grant what was requested.
#[derive(Serialize)]
pub struct Ungranted {
    /// The registry.
    pub(super) host: String,
    /// What was requested.
    pub(super) wanted: String,
    /// What the token states that it grants.
    pub(super) granted: String,
    /// The identity that signed in.
    pub(super) who: String,
    /// The user name, if the credentials have one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) user: Option<String>,
    /// The registry's message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) said: Option<String>,
    /// The correlation id, for a support request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) correlation: Option<String>,
}

/// An identity whose token was refused, with its ids in role assignments and in node files.
#[derive(Serialize)]
pub struct RefusedIdentity {
    /// The registry.
    pub(super) host: String,
    /// The name of the refused identity.
    pub(super) who: String,
    /// The object id, which role assignments use.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) object_id: Option<String>,
    /// The client id, which node files use.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) client_id: Option<String>,
    /// The principal type of the identity in role assignments.
    pub(super) principal_type: &'static str,
    /// The tenant that was sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) tenant: Option<String>,
    /// Whether the registry accepts a token for Azure Resource Manager.
    pub(super) management: ManagementToken,
    /// For how many minutes the kubelet keeps what its provider said before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) kept: Option<u64>,
    /// The error message from the registry.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) said: Option<String>,
    /// The correlation id, for a support request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) correlation: Option<String>,
}
