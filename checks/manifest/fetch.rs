//! Fetches one manifest, and compares it with the digest that names it.

use hyper::Method;

use super::{
    document::{self, Document, Manifest},
    problem::Problem,
    schema1,
};
use crate::{
    kit::{
        Cx, Image, StepResult,
        net::{Fault, Request},
        rules::digest,
    },
    registry::RegistryClient,
    token::{Answer, Session},
};

/// The longest manifest that a registry accepts, and that is read.
const MAX_MANIFEST_BYTES: usize = 4 * 1024 * 1024;

/// Fetches the manifest with this tag or digest. `called` is its media type in the index.
pub(super) async fn get(
    cx: &Cx,
    session: &Session,
    image: &Image,
    reference: &str,
    called: Option<&str>,
) -> StepResult<Answer<Manifest>> {
    let request = Request::manifest(Method::GET, &image.repository, reference);
    let reply = match session.get(cx, request).await? {
        Answer::Found(reply) => reply,
        Answer::Missing(reply) => return Ok(Answer::Missing(reply)),
    };
    // The media type in the index takes precedence over the one from the registry.
    let media_type = called.or(reply.header("content-type")).unwrap_or_default().to_owned();
    let claimed = reply.header("docker-content-digest").map(str::to_owned);
    let request = reply.request.clone();
    let bytes = reply.read(MAX_MANIFEST_BYTES).await.map_err(|fault| match fault {
        Fault::TimedOut => RegistryClient::unfinished(&session.client().host, &request),
        fault => Problem::Unreadable { request, fault }.into(),
    })?;
    let wanted = if reference.contains(':') { Some(reference.to_owned()) } else { claimed };
    if let Some(old) = schema1::read(cx, &media_type, &bytes, wanted.as_deref())? {
        return Ok(Answer::Found(old));
    }
    let got = digest(wanted.as_deref().unwrap_or("sha256:"), &bytes);
    if let Some(wanted) = wanted.filter(|wanted| *wanted != got) {
        return Err(Problem::DigestMismatch { wanted, got }.into());
    }
    document::read(got, &media_type, &bytes).map(Answer::Found)
}

/// Fetches a manifest once more by its digest, if it was fetched by a tag.
pub(super) async fn by_digest(cx: &Cx, session: &Session, manifest: &Manifest) -> StepResult<()> {
    let Some(image) = session.image().filter(|image| !image.is_digest()) else { return Ok(()) };
    // The digest of schema 1 is that of the text before it was signed.
    if matches!(manifest.document, Document::Schema1(_)) {
        return Ok(());
    }
    match get(cx, session, image, &manifest.digest, None).await? {
        Answer::Found(_) => Ok(()),
        Answer::Missing(_) => {
            let (repository, digest) = (image.repository.clone(), manifest.digest.clone());
            Err(Problem::NotServedByDigest { repository, digest }.into())
        }
    }
}
