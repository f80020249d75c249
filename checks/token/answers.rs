//! What a registry answers to a session, and what an access token says that it grants.

use crate::kit::{Host, Secret, net::Reply, redact::claims};

/// What a registry answers that is asked for something.
pub enum RegistryAnswer {
    /// Here it is.
    Found(Reply),
    /// A 404: what that means depends on what was asked for.
    NotFound(Reply),
}

/// What a registry answers that is asked for a blob.
pub enum BlobAnswer {
    /// It has it.
    Found(BlobResponse),
    /// A 404.
    NotFound(Reply),
}

/// What answered when the registry was asked for a blob.
pub enum BlobResponse {
    /// It sends us to another host, to ask this there: a path and a signature.
    Redirect(Host, Secret),
    /// It sends the blob itself.
    Body(Reply),
}

/// What a token says that it grants: repositories, and the actions on each. `None` when it does not
/// say.
pub(super) fn grants(token: &Secret) -> Option<Vec<(String, String)>> {
    let claims = claims(token)?;
    let grants = claims.get("access")?.as_array()?.iter().filter_map(|access| {
        let actions = access.get("actions")?.as_array()?.iter().filter_map(|a| a.as_str());
        let actions = actions.collect::<Vec<_>>().join(",");
        Some((access.get("name")?.as_str()?.to_owned(), actions))
    });
    Some(grants.filter(|(_, actions)| !actions.is_empty()).collect())
}
