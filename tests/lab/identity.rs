//! The settings of identities: Entra ID, the machine's metadata service, and the node that uses
//! them. `healthy.toml` documents each value.

use std::collections::BTreeMap;

use serde::Deserialize;

/// The node that the client runs on, if any.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Node {
    /// Whether the client runs on a node; then it has the files below.
    pub on: bool,
    /// The text of `/etc/kubernetes/azure.json`; if empty, there is no such file.
    pub azure_json: String,
    /// The text of `/var/lib/kubelet/credential-provider-config.yaml`; if empty, there is no such
    /// file.
    pub credential_provider: String,
    /// The text of `/etc/containerd/config.toml`; if empty, there is no such file.
    pub containerd: String,
    /// The credential provider's program.
    pub provider: Provider,
    /// The version in its build information; if empty, it has none.
    pub provider_version: String,
    /// The text of a script that takes its place; if empty, the program does nothing.
    pub provider_script: String,
    /// The program and the arguments of the running kubelet; if empty, none can be seen.
    pub kubelet: Vec<String>,
}

/// The contents of the folder of credential providers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "healthy.toml says what they are")]
pub enum Provider {
    There,
    Missing,
    OtherMachine,
    NotExecutable,
    NoFolder,
}

/// Entra ID.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entra {
    /// The tenant id.
    pub tenant: String,
    /// The `AADSTS` number with which every token request fails; 0 for none.
    pub error: u32,
    /// The audiences that it issues tokens for.
    pub audiences: Vec<String>,
    /// Managed identities and service principals, by name.
    pub identities: BTreeMap<String, Identity>,
}

/// An identity in Entra ID.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Identity {
    /// The kind of identity.
    pub kind: IdentityKind,
    /// The client id.
    pub client_id: String,
    /// The object id, which role assignments use.
    pub object_id: String,
    /// The resource id of a managed identity.
    #[serde(default)]
    pub resource_id: String,
}

/// The kind of an identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the words of Azure")]
pub enum IdentityKind {
    Managed,
    Application,
}

/// The machine's metadata service.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Imds {
    /// How it responds to requests.
    pub answer: ImdsAnswer,
    /// The identities that are attached to the machine.
    pub identities: Vec<String>,
}

/// How the metadata service responds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "healthy.toml says what they are")]
pub enum ImdsAnswer {
    Normal,
    Throttled,
    ThrottledOnce,
    Outage,
    GoneOnce,
    Html,
    Endless,
    Long,
    Interceptor,
    GarbageJson,
}

impl Entra {
    /// Returns whether it issues tokens for this audience; a trailing slash does not matter.
    pub(crate) fn knows(&self, audience: &str) -> bool {
        let same = |known: &String| known.trim_end_matches('/') == audience.trim_end_matches('/');
        self.audiences.iter().any(same)
    }

    /// Returns the identity with this client id.
    pub(crate) fn client(&self, id: &str) -> Option<&Identity> {
        self.identities.values().find(|one| one.client_id.eq_ignore_ascii_case(id))
    }
}
