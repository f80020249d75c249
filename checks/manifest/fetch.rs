//! Fetches one manifest, and compares it with the digest that names it.

use hyper::Method;

use super::{
    document::{self, Document, Manifest},
    kind,
    problem::Problem,
    schema1,
};
use crate::{
    kit::{
        Cx, Image, NoFact, StepResult,
        net::{Fault, MAX_STALLED_RETRIES, Reply, Request, Rest},
        rules::digest,
    },
    registry::RegistryClient,
    token::{Answer, Begun, Session},
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
    session.get(cx, request(image, reference, media_type)).await
}

fn request(image: &Image, reference: &str, media_type: &str) -> Request {
    let request = Request::manifest(Method::GET, &image.repository, reference);
    if reference.contains(':') { request.for_content(media_type) } else { request }
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
    let own = reply.header("content-type").map(kind::bare);
    let is_said_twice = own.is_some() && own == known.media_type;
    let claimed = reply.header("docker-content-digest").map(str::to_owned);
    let bytes = read_all(cx, session, reference, reply, known).await?;
    let wanted = is_digest.then(|| reference.to_owned());
    let old = wanted.as_deref().or(claimed.as_deref());
    if let Some(old) = schema1::read(cx, &media_type, &bytes, old)? {
        return Ok(old);
    }
    // What is asked by digest has the type that HEAD says, which is compared with this one later.
    let is_compared = is_digest && known.is_typed && !is_said_twice;
    let guessed = is_compared.then(|| document::guess(&bytes)).flatten();
    let media_type = guessed.map_or(media_type, str::to_owned);
    // containerd makes the digest itself of what a tag leads to.
    let manifest = of_bytes(wanted.as_deref().unwrap_or("sha256:"), &media_type, &bytes)?;
    Ok(Manifest { is_by_digest: is_digest, ..manifest })
}

/// Reads the bytes of a manifest. If the connection ends early, the rest of what a digest names is requested
/// for as long as more arrives, as containerd does.
async fn read_all(
    cx: &Cx,
    session: &Session,
    reference: &str,
    reply: Reply,
    known: Known<'_>,
) -> StepResult<Vec<u8>> {
    let is_digest = reference.contains(':');
    let (asked, is_encoded_twice) = (reply.request.clone(), reply.is_encoded_twice());
    let unreadable = |fault| Problem::Unreadable { request: asked.clone(), fault };
    let (mut reply, mut bytes, mut reached, mut in_vain) = (reply, vec![], 0, 0);
    loop {
        let fault = match reply.read_due(&mut bytes, MAX_MANIFEST_BYTES, known.size).await {
            Ok(()) => return Ok(bytes),
            Err(fault) => fault,
        };
        // An end behind some bytes counts as the first in vain (core/remotes/docker/httpreadseeker.go).
        in_vain = if bytes.len() > reached { 1 } else { in_vain + 1 };
        reached = bytes.len().max(reached);
        // The whole once more that ends before what was there is the end.
        let is_behind = bytes.len() < reached;
        let resumes = is_digest && !is_behind && in_vain <= MAX_STALLED_RETRIES;
        let image = session.image().filter(|_| resumes && fault == Fault::ClosedByPeer);
        let Some(image) = image else {
            return Err(match fault {
                Fault::TimedOut => RegistryClient::unfinished(&session.client().host, &asked),
                // What an index names may be longer. containerd never takes more than was announced, nor
                // more than that by a tag, whether it ends or not.
                // Between two encodings there are limits that containerd has not.
                Fault::TooLong
                    if is_encoded_twice
                        || (is_digest
                            && known.size.is_none_or(|size| size > MAX_MANIFEST_BYTES)) =>
                {
                    RegistryClient::not_replayed(&session.client().host, &asked, Fault::TooLong)
                }
                fault => unreadable(fault).into(),
            });
        };
        let request = request(image, reference, known.media_type.unwrap_or_default());
        let from = reached as u64;
        reply = match session.get(cx, Request { from, ..request }).await {
            Ok(Answer::Found(rest)) => rest,
            // A client that waits longer may receive the rest.
            Err(no_fact @ NoFact::CouldNotTell(_)) => return Err(no_fact),
            Ok(Answer::Missing(_)) | Err(_) => return Err(unreadable(fault).into()),
        };
        match reply.rest_from(from, cx.containerd()) {
            Rest::Remaining => {}
            Rest::Whole => bytes.clear(),
            Rest::Unclear => return Err(NoFact::could_not_tell(unreadable(fault))),
            Rest::Unusable => return Err(unreadable(fault).into()),
        }
    }
}

/// Reads a manifest from bytes that must have that digest, if it is more than an algorithm.
pub(super) fn of_bytes(wanted: &str, media_type: &str, bytes: &[u8]) -> StepResult<Manifest> {
    let got = digest(wanted, bytes);
    if !wanted.ends_with(':') && wanted != got {
        return Err(Problem::DigestMismatch { wanted: wanted.to_owned(), got }.into());
    }
    document::read(got, media_type, bytes)
}

/// Begins to ask for content with the manifest of that digest. Returns whether what was asked meanwhile
/// counts.
pub(super) async fn begin(
    cx: &Cx,
    session: &Session,
    (digest, media_type): (&str, &str),
) -> StepResult<bool> {
    let Some(image) = session.image() else { return Ok(true) };
    match session.begin_content(cx, request(image, digest, media_type)).await? {
        Begun::AsExpected => Ok(true),
        Begun::Otherwise => Ok(false),
        Begun::Missing => Err(not_served(image, digest)),
    }
}

/// Returns that a manifest cannot be had by its digest.
pub(super) fn not_served(image: &Image, digest: &str) -> NoFact {
    let (repository, digest) = (image.repository.clone(), digest.to_owned());
    if image.is_digest() {
        return Problem::ImageDigestGone { repository, digest }.into();
    }
    Problem::NotServedByDigest { repository, digest }.into()
}

/// Fetches a manifest once more by its digest.
pub(super) async fn by_digest(cx: &Cx, session: &Session, manifest: &Manifest) -> StepResult<()> {
    let Some(image) = session.image() else { return Ok(()) };
    // The digest of schema 1 is that of the text before it was signed.
    if matches!(manifest.document, Document::Schema1(_)) {
        return Ok(());
    }
    let media_type = manifest.document.kind().media_type();
    let known = Known { media_type: Some(media_type), size: Some(manifest.size), is_typed: false };
    match get(cx, session, image, &manifest.digest, known).await? {
        Answer::Found(_) => Ok(()),
        Answer::Missing(_) => Err(not_served(image, &manifest.digest)),
    }
}
