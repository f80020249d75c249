//! Compares the manifest with the registry's response to HEAD. containerd goes by that response: it
//! takes the digest, the size and the media type from there (core/remotes/docker/resolver.go,
//! Resolve), and then compares the content with them.

use super::{
    document::Manifest,
    fetch::Known,
    kind::{self, Kind},
    problem::Problem,
    words::{HeadField, NoType},
};
use crate::{
    kit::{
        Cx, Image, StepResult,
        net::Reply,
        rules::{Puller, is_storable},
    },
    token::Session,
};

/// A manifest as the response to HEAD describes it.
pub(super) struct Described {
    pub(super) digest: String,
    media_type: String,
    size: Option<usize>,
}

impl Described {
    pub(super) fn known(&self) -> Known<'_> {
        Known { media_type: Some(&self.media_type), size: self.size, is_typed: true }
    }
}

/// Returns the manifest that the response to HEAD describes; `None` where containerd looks at the
/// response to GET, or fails.
pub(super) fn described(head: &StepResult<Reply>, containerd: Puller) -> Option<Described> {
    let head = head.as_ref().ok().filter(|head| head.status == 200)?;
    let size = head.header("content-length")?.parse().ok();
    let named = head.header("docker-content-digest").filter(|digest| !digest.is_empty());
    let digest = named?.to_owned();
    // containerd fails where this is no digest.
    is_storable(&digest, containerd).filter(|is| *is)?;
    let media_type = kind::bare(head.header("content-type").unwrap_or_default()).to_owned();
    Some(Described { digest, media_type, size })
}

/// Returns the manifest if the response to HEAD describes the same one.
pub(super) async fn compare(
    cx: &Cx,
    session: &Session,
    head: Reply,
    manifest: Manifest,
) -> StepResult<Manifest> {
    match head.status {
        200 => {}
        401 => return Err(session.refused(cx, head).await),
        // containerd asks for it in no other way then.
        404 => {
            let (request, what) = (head.request.clone(), HeadField::Status);
            let (head, get) = ("404".to_owned(), "200".to_owned());
            return Err(Problem::HeadDiffers { request, what, head, get }.into());
        }
        _ => return Err(session.client().refuse(head).await),
    }
    let said = |name| head.header(name).map(str::to_owned);
    let is_digest = session.image().is_some_and(Image::is_digest);
    let digest = said("docker-content-digest").filter(|said| !is_digest && !said.is_empty());
    let Some(length) = said("content-length").filter(|_| is_digest || digest.is_some()) else {
        // containerd goes by the response to GET if one of them is missing.
        return Ok(manifest);
    };
    // Two media types may differ as long as they mean the same format. Without one, containerd takes
    // the manifest for one of schema 1 (`getManifestMediaType`).
    let called = said("content-type").unwrap_or_else(|| NoType::NoContentType.to_string());
    let called = Some(called).filter(|called| {
        let is = manifest.document.kind();
        is != Kind::Schema1 && kind::of(kind::bare(called)) != Some(is)
    });
    let size = manifest.size.to_string();
    let compared = [
        (HeadField::Digest, digest, &manifest.digest),
        (HeadField::Size, Some(length), &size),
        (HeadField::Type, called, &manifest.media_type),
    ];
    let request = head.request.clone();
    for (what, head, get) in compared {
        if let Some(head) = head.filter(|head| head != get) {
            let get = get.clone();
            return Err(Problem::HeadDiffers { request, what, head, get }.into());
        }
    }
    Ok(manifest)
}
