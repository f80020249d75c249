//! The responses of a registry to a session, and the actions that an access token states it grants.

use crate::kit::{
    Host, Secret,
    net::{Reply, Request},
    redact::claims,
};

/// The answer of a registry to a request for something that may not exist.
pub enum Answer<T> {
    /// The registry has it.
    Found(T),
    /// A 404. Its meaning depends on what was requested.
    Missing(Box<Reply>),
}

/// What is asked for of a blob.
#[derive(Clone, Copy)]
pub(crate) struct WantedBlob<'a> {
    pub(crate) digest: &'a str,
    /// Its media type in the manifest; empty if that has none.
    pub(crate) media_type: &'a str,
    /// The first byte.
    pub(crate) from: u64,
}

/// The way in which a registry serves a blob.
pub enum BlobResponse {
    /// The registry redirects to another host, which gets this request. Its path holds a signature.
    Redirect(Host, Box<Request>),
    /// The registry sends the blob itself.
    Body(Box<Reply>),
}

/// Returns the repositories that a token states it grants, and the actions on each. Returns `None`
/// if the token does not state them.
pub(super) fn grants(token: &Secret) -> Option<Vec<(String, String)>> {
    let claims = claims(token)?;
    let grants = claims.get("access")?.as_array()?.iter().filter_map(|access| {
        let actions = access.get("actions")?.as_array()?.iter().filter_map(|a| a.as_str());
        let actions = actions.collect::<Vec<_>>().join(",");
        Some((access.get("name")?.as_str()?.to_owned(), actions))
    });
    Some(grants.filter(|(_, actions)| !actions.is_empty()).collect())
}
