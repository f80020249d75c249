//! Which of the managed identities of a machine.

/// Which of a machine's identities.
#[derive(Clone, Debug, PartialEq)]
pub enum ManagedIdentityId {
    /// The only one, or the machine's own.
    Unnamed,
    /// The one with this client id.
    Client(String),
    /// The one that is this resource.
    Resource(String),
}

impl ManagedIdentityId {
    /// The identity that is called so, as node files and `--identity` do.
    pub fn named(id: &str) -> Self {
        match id {
            "" => ManagedIdentityId::Unnamed,
            id if id.to_uppercase().contains("/SUBSCRIPTIONS/") => {
                ManagedIdentityId::Resource(id.to_owned())
            }
            id => ManagedIdentityId::Client(id.to_owned()),
        }
    }

    /// What it is called; nothing where it is not named.
    pub fn id(&self) -> &str {
        match self {
            ManagedIdentityId::Unnamed => "",
            ManagedIdentityId::Client(id) | ManagedIdentityId::Resource(id) => id,
        }
    }
}
