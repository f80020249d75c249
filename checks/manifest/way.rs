//! Fetches the manifest on the way that a node's containerd goes: one host names it, and the first
//! that has it serves it.

use super::{
    document::Manifest,
    fetch::{Known, get},
    head_check, kind,
    problem::Problem,
};
use crate::{
    kit::{Cx, NoFact, StepResult},
    runtime::{Named, Way},
    token::Answer,
};

/// Fetches the manifest of the image from containerd's hosts.
pub async fn fetch_on_way(cx: &Cx, way: &Way) -> StepResult<Manifest> {
    let session = way.session();
    let (Some(image), Some(named)) = (session.image(), way.take_named()) else {
        return Err(NoFact::skipped(Problem::NoImageAsked {}));
    };
    let known = |media_type| Known { media_type: Some(media_type), ..Known::default() };
    let header = |head: &crate::kit::net::Reply, name| head.header(name).map(str::to_owned);
    let (digest, got, head) = match named {
        Named::ByRegistry { digest, media_type } => {
            let got = get(cx, session, image, &digest, known(&media_type)).await?;
            (digest, got, None)
        }
        Named::ByMirror { mirror, head } => {
            let digest = header(&head, "docker-content-digest");
            let sized = digest.filter(|_| head.header("content-length").is_some());
            match sized {
                Some(digest) => {
                    let media_type = header(&head, "content-type").unwrap_or_default();
                    let known = known(kind::bare(&media_type));
                    let got = get(cx, session, image, &digest, known).await?;
                    (digest, got, Some(head))
                }
                // containerd makes the digest of what GET returns from the same host.
                None => {
                    let got = get(cx, &mirror, image, &image.reference, Known::default()).await?;
                    (image.reference.clone(), got, Some(head))
                }
            }
        }
    };
    let manifest = match got {
        Answer::Found(manifest) => manifest,
        Answer::Missing(_) => {
            let repository = image.repository.clone();
            return Err(Problem::NotServedByDigest { repository, digest }.into());
        }
    };
    way.compare(cx, manifest.digest());
    match head {
        Some(head) => head_check::compare(cx, session, *head, manifest).await,
        None => Ok(manifest),
    }
}
