//! A blob that a manifest names, and the request for it.

use hyper::Method;

use super::problem::Problem;
use crate::{
    kit::{
        Cx, Host, HostPurpose, StepResult,
        net::{Reply, Request},
        rules::request_url,
    },
    registry::{Refusal, RegistryClient},
    token::{Answer, BlobResponse, Session, WantedBlob},
};

/// A blob that a manifest names.
#[derive(Clone, Debug)]
pub struct Blob {
    pub(crate) digest: String,
    /// The size in bytes; unknown in schema 1.
    pub(crate) size: Option<u64>,
    /// The media type in the manifest; empty in schema 1.
    pub(crate) media_type: String,
    /// What is known of the layer that it is; unknown in schema 1.
    pub(crate) layer: Option<Layer>,
    /// Where the manifest says that it is also served, as of the foreign layers of Windows images.
    pub(crate) urls: Vec<String>,
    /// Its bytes, where the manifest holds them as well: then containerd asks nobody for it.
    pub(crate) data: Option<Vec<u8>>,
}

/// A layer of an image.
#[derive(Clone, Debug)]
pub(crate) struct Layer {
    /// Its place among all layers of the manifest.
    pub(crate) place: usize,
}

impl Blob {
    /// Requests the blob from where a container runtime gets it.
    pub(crate) async fn ask(&self, cx: &Cx, session: &Session) -> StepResult<BlobResponse> {
        self.ask_from(cx, session, 0).await
    }

    /// Requests the blob from where a container runtime gets it, starting at the byte `from`.
    pub(crate) async fn ask_from(
        &self,
        cx: &Cx,
        session: &Session,
        from: u64,
    ) -> StepResult<BlobResponse> {
        let wanted = WantedBlob { digest: &self.digest, media_type: &self.media_type, from };
        if let Some(reply) = elsewhere(cx, session, &self.urls, wanted).await? {
            return Ok(BlobResponse::Body(Box::new(reply)));
        }
        let missing = match session.blob(cx, wanted).await? {
            Answer::Found(response) => return Ok(response),
            Answer::Missing(missing) => *missing,
        };
        let said = RegistryClient::missing(missing).await?.words();
        Err(Problem::BlobUnknown { digest: self.digest.clone(), said }.into())
    }
}

/// Requests content from the servers that a descriptor names for it; `None` where the registry is asked
/// for it then. containerd asks these servers first, for manifests as well, without credentials, and goes
/// on after a 404 alone (core/remotes/docker/fetcher.go, `Fetch`).
pub(super) async fn elsewhere(
    cx: &Cx,
    session: &Session,
    urls: &[String],
    wanted: WantedBlob<'_>,
) -> StepResult<Option<Reply>> {
    for url in urls {
        // It leaves out what Go does not parse, and every other scheme.
        let Ok(parsed) = request_url(url) else { continue };
        let Some(host) = Host::requested(&parsed, HostPurpose::Data) else { continue };
        let request = Request::new(Method::GET, parsed.target());
        let request = Request { from: wanted.from, ..request.for_content(wanted.media_type) };
        let client = session.client();
        let ask = async || client.follow(cx, &host, &request, HostPurpose::Data).await;
        let reply = client.with_retries_before_another(cx, ask).await?;
        match reply.status {
            404 => {}
            200 | 206 => return Ok(Some(reply)),
            status => {
                let host = reply.host.to_string();
                let said = Refusal::read(reply).await.body.words();
                let digest = wanted.digest.to_owned();
                return Err(Problem::RefusedElsewhere { host, digest, status, said }.into());
            }
        }
    }
    Ok(None)
}
