//! Selects one of a machine's managed identities.

/// The way in which a managed identity is selected.
#[derive(Clone, Debug, PartialEq)]
pub enum ManagedIdentityId {
    /// The only assigned identity, or the system-assigned one.
    Unnamed,
    /// The identity with this client id.
    Client(String),
    /// The identity with this resource id.
    Resource(String),
}

impl ManagedIdentityId {
    /// Parses an id as node files and `--identity` have it.
    pub fn named(id: &str) -> Self {
        match id {
            "" => ManagedIdentityId::Unnamed,
            id if id.to_uppercase().contains("/SUBSCRIPTIONS/") => {
                ManagedIdentityId::Resource(id.to_owned())
            }
            id => ManagedIdentityId::Client(id.to_owned()),
        }
    }

    /// Returns the id; empty when the identity is unnamed.
    pub fn id(&self) -> &str {
        match self {
            ManagedIdentityId::Unnamed => "",
            ManagedIdentityId::Client(id) | ManagedIdentityId::Resource(id) => id,
        }
    }
}
