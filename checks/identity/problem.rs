//! What can be wrong with who signs in.

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

/// What can be wrong with what we were given to sign in with.
#[derive(Serialize, strum::VariantNames)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Problem {
    /// The file with the credentials cannot be read.
    AuthFileUnreadable {
        /// The file.
        file: String,
        /// Why not.
        said: String,
    },
    /// The pull secret, or any entry in it, does not parse: the kubelet refuses it as a whole.
    PullsecretMalformed {
        /// The file.
        file: String,
        /// Why not, in words that do not quote it.
        said: String,
        /// The key of the entry that is malformed, where it is one.
        #[serde(skip_serializing_if = "Option::is_none")]
        key: Option<String>,
    },
    /// The pull secret has no `auths`, below which its entries belong: none is found.
    PullsecretWithoutAuths {
        /// The file.
        file: String,
        /// Entries that stand alone instead.
        #[serde(skip_serializing_if = "Option::is_none")]
        keys: Option<Vec<String>>,
    },
    /// The Secret is of a type that the kubelet ignores.
    PullsecretWrongType {
        /// The file.
        file: String,
        /// That type.
        kind: String,
    },
    /// The entry holds a token in a field that the kubelet does not read.
    PullsecretHoldsToken {
        /// The file.
        file: String,
        /// The entry's key.
        key: String,
        /// The field.
        holds: &'static str,
    },
    /// The pull secret has credentials, under a key that is nearly the registry's.
    PullsecretServerMismatch {
        /// The file.
        file: String,
        /// The entry's key.
        key: String,
        /// The key that is due.
        due: String,
        /// How it differs, as a word.
        differs: NearMiss,
    },
    /// docker's own config has credentials, under a key that is nearly the registry's.
    DockerServerMismatch {
        /// The file.
        file: String,
        /// The entry's key.
        key: String,
        /// The key that is due.
        due: String,
        /// How it differs, as a word.
        differs: NearMiss,
    },
    /// docker's own config, which was not named, or an entry of it cannot be read: docker goes on
    /// without.
    DockerConfigUnusable {
        /// The file.
        file: String,
        /// Why not, in words that do not quote it.
        said: String,
        /// The entry, where it is one.
        #[serde(skip_serializing_if = "Option::is_none")]
        key: Option<String>,
    },
    /// What was encoded is a line, not a password: its end is part of the password.
    PasswordEndsInNewline {
        /// The file.
        file: String,
        /// The entry's key.
        key: String,
    },
    /// The file that was named has no entry for this registry.
    NoEntry {
        /// The file.
        file: String,
        /// The registry.
        due: String,
        /// The keys that it has.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        keys: Vec<String>,
    },
    /// The program that keeps the credentials does not give them.
    HelperFailed {
        /// The file that names it.
        file: String,
        /// The program.
        helper: String,
        /// How it failed.
        said: String,
    },
    /// The files of a node were asked for, and are not there: could not tell.
    NoNodeFiles {
        /// Where they would be.
        folder: String,
    },
    /// An Entra token was asked for, and this is not an Azure registry.
    NotAnAzureRegistry {
        /// The registry.
        registry: String,
        /// Whose token it is.
        who: String,
    },
    /// Nothing accepts a connection where the metadata service is.
    ImdsUnreachable {
        /// How it fails.
        fault: Fault,
    },
    /// The metadata service takes the connection and does not answer: could not tell.
    ImdsSilent {
        /// How long we waited, in seconds.
        seconds: u64,
    },
    /// What answers there is not the metadata service.
    ImdsIntercepted {
        /// Its status, where it is HTTP at all.
        #[serde(skip_serializing_if = "Option::is_none")]
        status: Option<u16>,
        /// What it sent.
        said: String,
    },
    /// The metadata service asks us to come back later.
    ImdsThrottledOrFlaky {
        /// With these answers.
        statuses: Vec<u16>,
        /// Whether it then answered.
        answered: Answered,
    },
    /// The metadata service refuses for another reason.
    ImdsRefuses {
        /// Its status.
        status: u16,
        /// Its own words.
        said: String,
    },
    /// The environment sends the request to a proxy, which does not answer as the service does
    /// directly.
    ProxyImdsNotBypassed {
        /// The proxy.
        proxy: Rc<Proxy>,
        /// The variable that names it.
        variable: &'static str,
        /// What came by way of it.
        said: String,
    },
    /// The identity is not attached to this machine.
    MiNotOnVmss {
        /// The identity that the node's files name; nothing, where they name none.
        #[serde(skip_serializing_if = "String::is_empty")]
        id: String,
        /// The one that is.
        #[serde(skip_serializing_if = "Option::is_none")]
        attached: Option<String>,
        /// Where the node is.
        #[serde(flatten)]
        place: NodeLocation,
    },
    /// The identity is not attached, but one named like a kubelet's is: it was recreated.
    MiClientIdStale {
        /// The identity that the node's files name.
        id: String,
        /// The identity that is attached.
        #[serde(flatten)]
        attached: Box<Principal>,
        /// Where the node is.
        #[serde(flatten)]
        place: NodeLocation,
    },
    /// Several are attached, and none is named.
    MiMultipleUnspecified {},
    /// There are no tokens for the registries' audience.
    AadAudienceUnavailable {
        /// The audience.
        audience: &'static str,
        /// Its own words.
        said: String,
        /// Whether it knows the older one.
        management_known: ManagementAudience,
    },
    /// There is no way to the endpoint that issues tokens.
    AadEndpointBlocked {
        /// The endpoint.
        authority: String,
        /// Where the way ends, as a word.
        stage: Stage,
        /// How.
        fault: Fault,
    },
    /// The endpoint does not answer as it should: could not tell.
    AadUnclear {
        /// The endpoint.
        authority: String,
        /// What came.
        said: String,
    },
    /// The endpoint refuses for another reason.
    AadRefuses {
        /// The endpoint.
        authority: String,
        /// Its own words.
        said: String,
    },
    /// A policy forbids this sign-in.
    AadConditionalAccess {
        /// Who signs in.
        client_id: String,
        /// Entra's message.
        said: String,
    },
    /// There is no such tenant.
    TenantUnknown {
        /// The tenant.
        tenant: String,
        /// Entra's message.
        said: String,
    },
    /// The service principal's secret has expired.
    SpSecretExpired {
        /// The application.
        client_id: String,
        /// Entra's message.
        said: String,
    },
    /// The application's password is another one.
    SpSecretWrong {
        /// The application.
        client_id: String,
        /// Entra's message.
        said: String,
    },
    /// The tenant has no such application.
    SpAppMissing {
        /// The application.
        client_id: String,
        /// The tenant.
        tenant: String,
        /// Entra's message.
        said: String,
    },
    /// Entra knows the application and its password; it is the registry that does not let it in.
    ServicePrincipalWithoutRole {
        /// The application.
        client_id: String,
        /// What role assignments go by.
        #[serde(skip_serializing_if = "Option::is_none")]
        object_id: Option<String>,
    },
    /// The node signs in as an application, and its machine has a kubelet's identity: it was left
    /// behind.
    NodeStillSpMode {
        /// The application.
        client_id: String,
        /// That identity.
        attached: String,
        /// What Entra has against the application, as a word.
        #[serde(skip_serializing_if = "Option::is_none")]
        said: Option<String>,
        /// Where the node is.
        #[serde(flatten)]
        place: NodeLocation,
    },
    /// No federated credential of the identity is for the token that was shown.
    IdentityBindingFicMismatch {
        /// The identity.
        client_id: String,
        /// Who issued the token that was shown.
        #[serde(skip_serializing_if = "Option::is_none")]
        issuer: Option<String>,
        /// The identity that it was issued to.
        #[serde(skip_serializing_if = "Option::is_none")]
        subject: Option<String>,
        /// The audience.
        #[serde(skip_serializing_if = "Option::is_none")]
        audience: Option<String>,
        /// Entra's message.
        said: String,
    },
    /// The workload identity was asked for, and a variable of it is not set: could not tell.
    WorkloadIdentityMissing {
        /// The variable.
        variable: &'static str,
    },
    /// The Azure CLI gives no token.
    AzFailed {
        /// Its own words.
        said: String,
    },
}

/// What came of a throttled or flaky IMDS in the end: a word of evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, strum::VariantNames)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Answered {
    /// It then gave a token.
    GaveThen,
    /// It gave none in the time that we have.
    GaveNone,
    /// It gave none, and the kubelet's credential provider does not retry this status.
    ProviderGivesUp,
}

/// Whether tokens for Azure's management are issued: a word of evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, strum::VariantNames)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum ManagementAudience {
    /// They are.
    Yes,
    /// They are not.
    No,
    /// That was not asked.
    NotAsked,
}
