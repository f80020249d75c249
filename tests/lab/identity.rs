//! The settings of those who know identities: Entra ID, the machine's metadata service, and the node that asks them.
//! `healthy.toml` says what each value does.

use std::collections::BTreeMap;

use serde::Deserialize;

/// The node that the asker is on, if any.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Node {
    /// Whether the asker is on a node: then it has the files below.
    pub on: bool,
    /// The text of `/etc/kubernetes/azure.json`; no such file when empty.
    pub azure_json: String,
    /// The text of `/var/lib/kubelet/credential-provider-config.yaml`; no such file when empty.
    pub credential_provider: String,
    /// The credential provider itself.
    pub provider: Provider,
}

/// What there is in the folder of credential providers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "healthy.toml says what they are")]
pub enum Provider {
    There,
    Missing,
    OtherMachine,
    NoFolder,
}

/// Entra ID.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entra {
    /// Whose directory it is.
    pub tenant: String,
    /// The `AADSTS` number that every request for a token gets; none when 0.
    pub error: u32,
    /// What it gives tokens for.
    pub audiences: Vec<String>,
    /// Managed identities and applications, by name.
    pub identities: BTreeMap<String, Identity>,
}

/// Somebody whom Entra ID knows.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Identity {
    /// What it is.
    pub kind: IdentityKind,
    /// How it calls itself.
    pub client_id: String,
    /// What it is called where rights are given.
    pub object_id: String,
    /// Where a managed identity is among the resources of a subscription.
    #[serde(default)]
    pub resource_id: String,
}

/// What an identity is.
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
    /// How requests are answered.
    pub answer: ImdsAnswer,
    /// Which identities are attached to the machine.
    pub identities: Vec<String>,
}

/// How the metadata service answers.
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
    /// Whether it gives tokens for this; a slash at the end does not matter.
    pub(crate) fn knows(&self, audience: &str) -> bool {
        let same = |known: &String| known.trim_end_matches('/') == audience.trim_end_matches('/');
        self.audiences.iter().any(same)
    }

    /// Who calls itself so.
    pub(crate) fn client(&self, id: &str) -> Option<&Identity> {
        self.identities.values().find(|one| one.client_id.eq_ignore_ascii_case(id))
    }
}
