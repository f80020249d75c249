//! A blob that a manifest names, and the request for it.

use super::problem::Problem;
use crate::{
    kit::{Cx, StepResult},
    registry::RegistryClient,
    token::{Answer, BlobResponse, Session},
};

/// A blob that a manifest names.
#[derive(Clone, Debug)]
pub struct Blob {
    pub(crate) digest: String,
    /// The size in bytes; unknown in schema 1.
    pub(crate) size: Option<u64>,
    /// What is known of the layer that it is; unknown in schema 1.
    pub(crate) layer: Option<Layer>,
}

/// A layer of an image.
#[derive(Clone, Debug)]
pub(crate) struct Layer {
    /// Its place among all layers of the manifest.
    pub(crate) place: usize,
    pub(crate) media_type: String,
}

impl Blob {
    /// Requests the blob from the registry.
    pub(crate) async fn ask(&self, cx: &Cx, session: &Session) -> StepResult<BlobResponse> {
        self.ask_from(cx, session, 0).await
    }

    /// Requests the blob from the registry, starting at the byte `from`.
    pub(crate) async fn ask_from(
        &self,
        cx: &Cx,
        session: &Session,
        from: u64,
    ) -> StepResult<BlobResponse> {
        let missing = match session.blob(cx, &self.digest, from).await? {
            Answer::Found(response) => return Ok(response),
            Answer::Missing(missing) => *missing,
        };
        let said = RegistryClient::missing(missing).await?.words();
        Err(Problem::BlobUnknown { digest: self.digest.clone(), said }.into())
    }
}
