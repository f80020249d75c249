//! What the findings about a registry's content show.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use super::super::asked_registry::AskedRegistry;

/// A manifest that was deleted, or may have been.
#[derive(Serialize)]
pub struct Deleted {
    #[serde(flatten)]
    pub(super) asked: AskedRegistry,
    pub(super) repository: String,
    /// The tag, if a tag is missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) tag: Option<String>,
    /// The digest, if a digest is missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) gone: Option<String>,
    /// The digest of the deleted manifest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) digest: Option<String>,
    /// For how many days the registry keeps what was deleted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) days: Option<i64>,
    /// When it was deleted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) at: Option<Timestamp>,
    /// Until when it can be restored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) until: Option<Timestamp>,
}

/// An image that a registry with quarantine may hold back.
#[derive(Serialize)]
pub struct Held {
    #[serde(flatten)]
    pub(super) asked: AskedRegistry,
    /// The most similar tags.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) nearest: Option<Value>,
    /// The image with the most similar tag.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) repaired: Option<Value>,
}

/// A registry that deletes manifests without a tag.
#[derive(Serialize)]
pub struct Untagged {
    #[serde(flatten)]
    pub(super) asked: AskedRegistry,
    /// After how many days.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) days: Option<u64>,
}

/// A repository that a cache rule fills.
#[derive(Clone, Serialize)]
pub struct Cached {
    #[serde(flatten)]
    pub(super) asked: AskedRegistry,
    /// The cache rule.
    pub(super) rule: String,
    /// The repository that it fills.
    pub(super) repository: String,
    /// The upstream repository.
    pub(super) upstream: String,
    /// The image there.
    pub(super) upstream_image: String,
    /// The upstream's host.
    pub(super) upstream_host: String,
}

/// A repository that a cache rule fills with credentials that do not work.
#[derive(Serialize)]
pub struct CachedBadly {
    #[serde(flatten)]
    pub(super) cached: Cached,
    /// The credential set.
    pub(super) credential_set: String,
    /// The error code of the registry's own check.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) error_code: Option<String>,
    /// Its message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) said: Option<String>,
    /// The key vault that holds the credentials.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) vault: Option<String>,
    /// The id of the secret with the password.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) secret: Option<String>,
    /// The object id of the credential set's identity.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) principal: Option<String>,
}

/// A registry with customer-managed key, and the state of that key.
#[derive(Serialize)]
pub struct KeyState {
    #[serde(flatten)]
    pub(super) asked: AskedRegistry,
    /// The key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) key: Option<String>,
    /// The key vault that holds it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) vault: Option<String>,
    /// The name of the key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) key_name: Option<String>,
    /// The subscription of the vault.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) vault_subscription: Option<String>,
    /// The client id of the identity that opens it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) identity: Option<String>,
}

/// A replica of a registry. It explains findings about the hosts of data, too, so it names no host.
#[derive(Serialize)]
pub struct ReplicaState {
    /// The subscription of the registry.
    pub(super) subscription: String,
    /// The name of the replication.
    pub(super) replica: String,
    /// Its region.
    pub(super) region: String,
    /// Its provisioning state.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) state: Option<String>,
    /// What Azure says of its status.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) said: Option<String>,
}

/// The regions of a registry, as far as an image is there.
#[derive(Serialize)]
pub struct Replicas {
    #[serde(flatten)]
    pub(super) asked: AskedRegistry,
    /// The regions that have it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) present: Vec<String>,
    /// The regions that do not.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) absent: Vec<String>,
    /// All regions.
    pub(super) regions: Vec<String>,
}

/// A registry that has reached its storage limit.
#[derive(Serialize)]
pub struct FullStorage {
    #[serde(flatten)]
    pub(super) asked: AskedRegistry,
    /// How much it holds, in GiB.
    pub(super) used: u64,
    /// The limit of its tier, in GiB.
    pub(super) limit: u64,
    /// The tier.
    pub(super) tier: String,
}
