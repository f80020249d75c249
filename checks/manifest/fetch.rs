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
        net::{Fault, Reply, Request},
        rules::digest,
    },
    registry::RegistryClient,
    token::{Answer, Session},
};

/// The longest manifest that containerd takes by its tag (core/remotes/docker/resolver.go,
/// `MaxManifestSize`), and that is read here.
pub(super) const MAX_MANIFEST_BYTES: usize = 4 * 1048 * 1048;

/// What is known of a manifest before it is fetched by its digest.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Known<'a> {
    /// The media type, from the response to HEAD or from the index. containerd ignores the one that
    /// comes with the content.
    pub(super) media_type: Option<&'a str>,
    /// The size in bytes.
    pub(super) size: Option<usize>,
    /// Whether containerd takes the type from the response to HEAD, which is compared with the content later.
    pub(super) is_typed: bool,
}

/// Fetches the manifest with this tag or digest.
pub(super) async fn get(
    cx: &Cx,
    session: &Session,
    image: &Image,
    reference: &str,
    known: Known<'_>,
) -> StepResult<Answer<Manifest>> {
    let media_type = known.media_type.unwrap_or_default();
    match open(cx, session, image, (reference, media_type)).await? {
        Answer::Found(reply) => read(cx, session, reference, reply, known).await.map(Answer::Found),
        Answer::Missing(reply) => Ok(Answer::Missing(reply)),
    }
}

/// Asks for the manifest with this tag or digest, and of this media type, if it is known.
pub(super) async fn open(
    cx: &Cx,
    session: &Session,
    image: &Image,
    (reference, media_type): (&str, &str),
) -> StepResult<Answer<Reply>> {
    let request = Request::manifest(Method::GET, &image.repository, reference);
    let is_digest = reference.contains(':');
    let request = if is_digest { request.for_content(media_type) } else { request };
    session.get(cx, request).await
}

/// Reads the manifest that was asked for by this tag or digest.
pub(super) async fn read(
    cx: &Cx,
    session: &Session,
    reference: &str,
    reply: Reply,
    known: Known<'_>,
) -> StepResult<Manifest> {
    let is_digest = reference.contains(':');
    let called = known.media_type.or(reply.header("content-type"));
    let media_type = called.unwrap_or_default().to_owned();
    let claimed = reply.header("docker-content-digest").map(str::to_owned);
    let (request, is_encoded_twice) = (reply.request.clone(), reply.is_encoded_twice());
    let bytes =
        reply.read_due(MAX_MANIFEST_BYTES, known.size).await.map_err(|fault| match fault {
            Fault::TimedOut => RegistryClient::unfinished(&session.client().host, &request),
            // What an index names may be longer. containerd never takes more than was announced, nor more
            // than that by a tag, whether it ends or not.
            // Between two encodings there are limits that containerd has not.
            Fault::TooLong
                if is_encoded_twice
                    || (is_digest && known.size.is_none_or(|size| size > MAX_MANIFEST_BYTES)) =>
            {
                RegistryClient::not_replayed(&session.client().host, &request, Fault::TooLong)
            }
            fault => Problem::Unreadable { request, fault }.into(),
        })?;
    let wanted = is_digest.then(|| reference.to_owned());
    let old = wanted.as_deref().or(claimed.as_deref());
    if let Some(old) = schema1::read(cx, &media_type, &bytes, old)? {
        return Ok(old);
    }
    // What is asked by digest has the type that HEAD says, which is compared with this one later.
    let guessed = (is_digest && known.is_typed).then(|| document::guess(&bytes)).flatten();
    let media_type = guessed.map_or(media_type, str::to_owned);
    // containerd makes the digest itself of what a tag leads to.
    of_bytes(wanted.as_deref().unwrap_or("sha256:"), &media_type, &bytes)
}

/// Reads a manifest from bytes that must have that digest, if it is more than an algorithm.
pub(super) fn of_bytes(wanted: &str, media_type: &str, bytes: &[u8]) -> StepResult<Manifest> {
    let got = digest(wanted, bytes);
    if !wanted.ends_with(':') && wanted != got {
        return Err(Problem::DigestMismatch { wanted: wanted.to_owned(), got }.into());
    }
    document::read(got, media_type, bytes)
}

/// Fetches a manifest once more by its digest, if it was fetched by a tag.
pub(super) async fn by_digest(cx: &Cx, session: &Session, manifest: &Manifest) -> StepResult<()> {
    let Some(image) = session.image().filter(|image| !image.is_digest()) else { return Ok(()) };
    // The digest of schema 1 is that of the text before it was signed.
    if matches!(manifest.document, Document::Schema1(_)) {
        return Ok(());
    }
    let media_type = manifest.document.kind().media_type();
    let known = Known { media_type: Some(media_type), size: Some(manifest.size), is_typed: false };
    match get(cx, session, image, &manifest.digest, known).await? {
        Answer::Found(_) => Ok(()),
        Answer::Missing(_) => {
            let (repository, digest) = (image.repository.clone(), manifest.digest.clone());
            Err(Problem::NotServedByDigest { repository, digest }.into())
        }
    }
}
