//! The credentials that a file holds for a registry.

use std::path::Path;

use super::{credential::Credential, problem::Problem};
use crate::kit::Cx;

/// Credentials for the registry, and their key in the file.
pub(super) struct Found {
    pub(super) credential: Credential,
    pub(super) key: Option<String>,
}

/// Reads the whole of a credentials file.
pub(super) async fn read(cx: &Cx, file: &Path) -> Result<Vec<u8>, Problem> {
    let file_name = || file.display().to_string();
    cx.world.read(file).await.map_err(|error| {
        let said = error.to_string();
        Problem::AuthFileUnreadable { file: file_name(), said }
    })
}
