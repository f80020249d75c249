//! The problems that the area `identity` can find.

use std::rc::Rc;

use serde::Serialize;

use crate::{
    kit::{
        azure::Principal,
        keyring::NearMiss,
        net::{Fault, Stage},
        world::Proxy,
    },
    kubelet::NodeLocation,
};

/// A problem with the credentials, or with the identity that signs in.
#[derive(Serialize, strum::VariantNames)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Problem {
    /// The file with the credentials cannot be read.
    AuthFileUnreadable {
        /// The path of the file.
        file: String,
        /// Why the file cannot be read.
        said: String,
    },
    /// The pull secret, or an entry in it, cannot be parsed, so the kubelet refuses it as a whole.
    PullsecretMalformed {
        /// The path of the pull secret.
        file: String,
        /// Why it cannot be parsed, in words that do not quote it.
        said: String,
        /// The key of the malformed entry, if the problem is in an entry.
        #[serde(skip_serializing_if = "Option::is_none")]
        key: Option<String>,
    },
    /// The pull secret has no `auths`, which must contain its entries, so it provides no
    /// credentials.
    PullsecretWithoutAuths {
        /// The path of the pull secret.
        file: String,
        /// The keys of entries that are outside `auths`.
        #[serde(skip_serializing_if = "Option::is_none")]
        keys: Option<Vec<String>>,
    },
    /// The Secret has a type that the kubelet ignores.
    PullsecretWrongType {
        /// The path of the Secret.
        file: String,
        /// The type of the Secret.
        kind: String,
    },
    /// The entry holds a token in a field that the kubelet does not read.
    PullsecretHoldsToken {
        /// The path of the pull secret.
        file: String,
        /// The key of the entry.
        key: String,
        /// The name of the field.
        holds: &'static str,
    },
    /// The pull secret's entry for the image lacks a user name or a password.
    PullsecretEntryIncomplete {
        /// The path of the pull secret.
        file: String,
        /// The key of the entry.
        key: String,
    },
    /// The pull secret has credentials under a key that is similar to the registry's.
    PullsecretServerMismatch {
        /// The path of the pull secret.
        file: String,
        /// The key of the entry.
        key: String,
        /// The key that would match.
        due: String,
        /// How the key differs, as a word of evidence.
        differs: NearMiss,
    },
    /// Docker's own config has credentials under a key that is similar to the registry's.
    DockerServerMismatch {
        /// The path of docker's config.
        file: String,
        /// The key of the entry.
        key: String,
        /// The key that would match.
        due: String,
        /// How the key differs, as a word of evidence.
        differs: NearMiss,
    },
    /// Docker's own config, which the user did not name, or an entry in it cannot be read. Docker
    /// continues without it.
    DockerConfigUnusable {
        /// The path of docker's config.
        file: String,
        /// Why it cannot be read, in words that do not quote it.
        said: String,
        /// The key of the unreadable entry, if the problem is in an entry.
        #[serde(skip_serializing_if = "Option::is_none")]
        key: Option<String>,
    },
    /// The password ends with a line break: a whole line was encoded, so its end is part of the
    /// password.
    PasswordEndsInNewline {
        /// The path of the file with the credentials.
        file: String,
        /// The key of the entry.
        key: String,
    },
    /// The file that the user named has no entry for this registry.
    NoEntry {
        /// The path of the file.
        file: String,
        /// The registry.
        due: String,
        /// The keys that the file has.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        keys: Vec<String>,
    },
    /// The credential helper returned no credentials.
    HelperFailed {
        /// The path of the docker config that names the helper.
        file: String,
        /// The name of the helper's program.
        helper: String,
        /// The same, if it is a name that a helper can have.
        #[serde(skip_serializing_if = "Option::is_none")]
        program: Option<String>,
        /// How the helper failed.
        said: String,
    },
    /// The user asked for the files of a node, but they do not exist: could not tell.
    NoNodeFiles {
        /// The directory in which the files should be.
        folder: String,
    },
    /// The user asked for an Entra token, but this is not an Azure registry.
    NotAnAzureRegistry {
        /// The registry.
        registry: String,
        /// The name of the identity that the token is for.
        who: String,
    },
    /// No connection to IMDS can be established.
    ImdsUnreachable {
        /// How the connection fails.
        fault: Fault,
    },
    /// IMDS accepts the connection but sends no response: could not tell.
    ImdsSilent {
        /// How many seconds we waited.
        seconds: u64,
    },
    /// IMDS issues the token, but so late that the registry was asked without it first.
    ImdsSlow {
        /// How many seconds it took.
        seconds: u64,
    },
    /// Something other than IMDS answers at its address.
    ImdsIntercepted {
        /// The HTTP status, if the response is HTTP at all.
        #[serde(skip_serializing_if = "Option::is_none")]
        status: Option<u16>,
        /// The content of the response.
        said: String,
    },
    /// IMDS asks us to try again later.
    ImdsThrottledOrFlaky {
        /// The HTTP statuses of its responses.
        statuses: Vec<u16>,
        /// Whether IMDS issued a token in the end.
        answered: Answered,
    },
    /// IMDS refuses for another reason.
    ImdsRefuses {
        /// The HTTP status.
        status: u16,
        /// The error message from IMDS.
        said: String,
    },
    /// The environment sends the request to a proxy, which does not respond as IMDS does directly.
    ProxyImdsNotBypassed {
        /// The proxy.
        proxy: Rc<Proxy>,
        /// The environment variable that names the proxy.
        variable: &'static str,
        /// The response that came through the proxy.
        said: String,
    },
    /// The managed identity is not attached to this machine.
    MiNotOnVmss {
        /// The identity that the node's files name; empty if they name none.
        #[serde(skip_serializing_if = "String::is_empty")]
        id: String,
        /// The identity that is attached instead.
        #[serde(skip_serializing_if = "Option::is_none")]
        attached: Option<String>,
        /// The location of the node in Azure.
        #[serde(flatten)]
        place: NodeLocation,
    },
    /// The managed identity is not attached, but one with a kubelet identity's name is: the
    /// identity was recreated.
    MiClientIdStale {
        /// The identity that the node's files name.
        id: String,
        /// The identity that is attached.
        #[serde(flatten)]
        attached: Box<Principal>,
        /// The location of the node in Azure.
        #[serde(flatten)]
        place: NodeLocation,
    },
    /// Several managed identities are attached, and the node's files name none.
    MiMultipleUnspecified {},
    /// No tokens are issued for the audience of the registries.
    AadAudienceUnavailable {
        /// The audience of the registries.
        audience: &'static str,
        /// The error message of the refusal.
        said: String,
        /// Whether tokens for the older audience are issued.
        management_known: ManagementAudience,
    },
    /// The endpoint that issues tokens cannot be reached.
    AadEndpointBlocked {
        /// The host of the endpoint.
        authority: String,
        /// The stage at which connecting fails, as a word of evidence.
        stage: Stage,
        /// How connecting fails.
        fault: Fault,
    },
    /// The endpoint that issues tokens does not respond as it should: could not tell.
    AadUnclear {
        /// The host of the endpoint.
        authority: String,
        /// The content of the response.
        said: String,
    },
    /// The endpoint that issues tokens refuses for another reason.
    AadRefuses {
        /// The host of the endpoint.
        authority: String,
        /// The error message from the endpoint.
        said: String,
    },
    /// A conditional access policy forbids this sign-in.
    AadConditionalAccess {
        /// The client id of the identity that signs in.
        client_id: String,
        /// Entra's message.
        said: String,
    },
    /// The tenant does not exist.
    TenantUnknown {
        /// The tenant that the sign-in names.
        tenant: String,
        /// Entra's message.
        said: String,
    },
    /// The service principal's secret has expired.
    SpSecretExpired {
        /// The client id of the service principal.
        client_id: String,
        /// Entra's message.
        said: String,
    },
    /// The service principal has another secret than the one that was sent.
    SpSecretWrong {
        /// The client id of the service principal.
        client_id: String,
        /// Entra's message.
        said: String,
    },
    /// The tenant has no such service principal.
    SpAppMissing {
        /// The client id of the service principal.
        client_id: String,
        /// The tenant that the sign-in names.
        tenant: String,
        /// Entra's message.
        said: String,
    },
    /// Entra accepts the service principal and its password, but the registry does not authorize
    /// it.
    ServicePrincipalWithoutRole {
        /// The client id of the service principal.
        client_id: String,
        /// The object id, which role assignments use.
        #[serde(skip_serializing_if = "Option::is_none")]
        object_id: Option<String>,
    },
    /// The node still signs in as a service principal, although a kubelet identity is attached to
    /// its machine.
    NodeStillSpMode {
        /// The client id of the service principal.
        client_id: String,
        /// The name of the attached kubelet identity.
        attached: String,
        /// The code of the finding about the service principal in Entra, as a word of evidence.
        #[serde(skip_serializing_if = "Option::is_none")]
        said: Option<String>,
        /// The location of the node in Azure.
        #[serde(flatten)]
        place: NodeLocation,
    },
    /// The identity has no federated credential for the token that was sent.
    IdentityBindingFicMismatch {
        /// The client id of the identity.
        client_id: String,
        /// The issuer of the token that was sent.
        #[serde(skip_serializing_if = "Option::is_none")]
        issuer: Option<String>,
        /// The subject of the token: the identity that it was issued to.
        #[serde(skip_serializing_if = "Option::is_none")]
        subject: Option<String>,
        /// The audience of the token.
        #[serde(skip_serializing_if = "Option::is_none")]
        audience: Option<String>,
        /// Entra's message.
        said: String,
    },
    /// The user asked for the workload identity, but one of its variables is not set: could not
    /// tell.
    WorkloadIdentityMissing {
        /// The name of the variable.
        variable: &'static str,
    },
    /// The Azure CLI returned no token.
    AzFailed {
        /// The error message of the Azure CLI.
        said: String,
    },
}

/// The outcome of requests to an IMDS that is throttled or flaky: a word of evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, strum::VariantNames)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Answered {
    /// IMDS issued a token in the end.
    GaveThen,
    /// IMDS issued no token before our retries ended.
    GaveNone,
    /// IMDS issued no token, and the kubelet's credential provider does not retry this status.
    ProviderGivesUp,
}

/// Whether tokens for Azure Resource Manager are issued: a word of evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, strum::VariantNames)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum ManagementAudience {
    /// Tokens for Azure Resource Manager are issued.
    Yes,
    /// Tokens for Azure Resource Manager are not issued.
    No,
    /// No token for Azure Resource Manager was requested.
    NotAsked,
}
