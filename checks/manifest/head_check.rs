//! What the registry says of a manifest to HEAD, which is what containerd goes by: it takes the
//! digest, the size and the type from there (core/remotes/docker/resolver.go, Resolve), and holds
//! what it then gets to them.

use super::{
    document::Manifest,
    kind::{self, Kind},
    problem::Problem,
    words::HeadField,
};
use crate::{
    kit::{Cx, StepResult, net::Reply},
    token::Session,
};

/// Gives the manifest, where the answer to HEAD is that of the same one.
pub(super) async fn compare(
    cx: &Cx,
    session: &Session,
    asked: &str,
    head: Reply,
    manifest: Manifest,
) -> StepResult<Manifest> {
    match head.status {
        200 => {}
        // A registry that does not know HEAD is asked with GET.
        405 => return Ok(manifest),
        401 => return Err(session.refused(cx, asked, head).await),
        _ => return Err(session.client().refuse(asked, head).await),
    }
    let said = |name| head.header(name).map(str::to_owned);
    // By its type it may be called otherwise, as long as that means the same.
    let called = said("content-type").filter(|called| {
        let is = manifest.document.kind();
        is != Kind::Schema1 && kind::of(kind::bare(called)) != Some(is)
    });
    let size = manifest.size.to_string();
    let compared = [
        (HeadField::Digest, said("docker-content-digest"), &manifest.digest),
        (HeadField::Size, said("content-length"), &size),
        (HeadField::Type, called, &manifest.media_type),
    ];
    for (what, head, get) in compared {
        // What it does not say to HEAD, containerd gets for itself.
        if let Some(head) = head.filter(|head| head != get) {
            let (request, get) = (asked.to_owned(), get.clone());
            return Err(Problem::HeadDiffers { request, what, head, get }.into());
        }
    }
    Ok(manifest)
}
