//! The settings of identities: Entra ID and the machine's metadata service. `healthy.toml` documents
//! each value.

use std::collections::BTreeMap;

use serde::Deserialize;

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
    /// The tenant, if it is another one than that of Entra ID here.
    #[serde(default)]
    pub tenant: String,
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
    LateOnce,
    SlowOnce,
    Html,
    Endless,
    Long,
    Interceptor,
    GarbageJson,
}

impl Entra {
    /// Returns whether it issues tokens for this audience; a trailing slash does not matter. Azure
    /// Resource Manager has an old name in each cloud, which older credential providers use.
    pub(crate) fn knows(&self, audience: &str) -> bool {
        const OLD: [(&str, &str); 3] = [
            ("https://management.core.windows.net", "https://management.azure.com"),
            ("https://management.core.chinacloudapi.cn", "https://management.chinacloudapi.cn"),
            ("https://management.core.usgovcloudapi.net", "https://management.usgovcloudapi.net"),
        ];
        let plain = |audience: &str| audience.trim_end_matches('/').to_owned();
        let asked = plain(audience);
        let newer = OLD.iter().find(|(old, _)| *old == asked).map(|(_, new)| (*new).to_owned());
        let same = |known: &String| plain(known) == asked || Some(plain(known)) == newer;
        self.audiences.iter().any(same)
    }

    /// Returns the tenant of an identity.
    pub(crate) fn tenant_of<'a>(&'a self, identity: &'a Identity) -> &'a str {
        if identity.tenant.is_empty() { &self.tenant } else { &identity.tenant }
    }

    /// Returns all tenants that have identities, its own first.
    pub(crate) fn tenants(&self) -> Vec<&str> {
        let mut all = vec![&self.tenant[..]];
        all.extend(self.identities.values().map(|one| self.tenant_of(one)));
        all.sort_unstable();
        all.dedup();
        all
    }

    /// Returns the identity with this client id.
    pub(crate) fn client(&self, id: &str) -> Option<&Identity> {
        self.identities.values().find(|one| one.client_id.eq_ignore_ascii_case(id))
    }
}
