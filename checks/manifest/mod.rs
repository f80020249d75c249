//! Is the image there, and is there one for this platform?

mod content;
mod head_check;
mod index;
mod kind;
mod problem;
mod schema1;
mod tags;

use std::time::Duration;

use futures::future::join;
use hyper::Method;
use serde::Serialize;
use tokio::time::timeout;

use crate::{
    kit::{
        Cx, Image, NoFact, StepResult,
        net::{Fault, Reply, Request},
        rules::digest,
    },
    registry::{Refusal, RegistryClient},
    token::Session,
};
pub use content::{Blob, ManifestContents, PlatformImage, choose, data_host, named};
pub use index::{Entry, entry};
pub use kind::read;
pub use problem::Problem;

/// The longest manifest that a registry takes, and that is read.
const MAX_MANIFEST_BYTES: usize = 4 * 1024 * 1024;

/// How long the look for the nearest tags may take.
const NEAREST_WAIT: Duration = Duration::from_secs(3);

/// A manifest, or an index of them.
#[derive(Serialize)]
pub struct Manifest {
    digest: String,
    media_type: String,
    #[serde(skip)]
    bytes: Vec<u8>,
    /// As a word.
    kind: &'static str,
}

/// Fetches what the image's name stands for.
pub async fn fetch(cx: &Cx, session: &Session) -> StepResult<Manifest> {
    let Some(image) = session.image() else {
        return Err(NoFact::skipped(Problem::NoImageAsked {}));
    };
    let head = Request::manifest(Method::HEAD, &image.repository, &image.reference);
    let asked = format!("HEAD {}", head.target);
    let (head, got) = (session.ask(cx, head), get(cx, session, image, &image.reference, None));
    let (head, got) =
        if session.client().is_http2() { join(head, got).await } else { (head.await, got.await) };
    // A refusal to GET has words; containerd goes by HEAD all the same.
    match got? {
        Ok(manifest) => head_check::compare(cx, session, &asked, head?, manifest).await,
        Err(reply) => Err(missing(cx, session, image, reply).await),
    }
}

/// Gets a manifest; the inner error is a 404, which the callers read differently.
async fn get(
    cx: &Cx,
    session: &Session,
    image: &Image,
    reference: &str,
    called: Option<&str>,
) -> StepResult<Result<Manifest, Reply>> {
    let request = Request::manifest(Method::GET, &image.repository, reference);
    let asked = format!("GET {}", request.target);
    let reply = session.ask(cx, request).await?;
    match reply.status {
        200 => {}
        401 => return Err(session.refused(cx, &asked, reply).await),
        404 => return Ok(Err(reply)),
        _ => return Err(session.client().refuse(&asked, reply).await),
    }
    // What an index calls its entry counts, else what the registry calls it.
    let media_type = called.or(reply.header("content-type")).unwrap_or_default().to_owned();
    let claimed = reply.header("docker-content-digest").map(str::to_owned);
    let bytes = reply.read(MAX_MANIFEST_BYTES).await.map_err(|fault| match fault {
        Fault::TimedOut => RegistryClient::unfinished(&session.client().host, &asked),
        fault => Problem::Unreadable { request: asked, fault }.into(),
    })?;
    let wanted = if reference.contains(':') { Some(reference.to_owned()) } else { claimed };
    if let Some(old) = schema1::read(cx, &media_type, &bytes, wanted.as_deref())? {
        return Ok(Ok(old));
    }
    let got = digest(wanted.as_deref().unwrap_or("sha256:"), &bytes);
    if let Some(wanted) = wanted.filter(|wanted| *wanted != got) {
        return Err(Problem::DigestMismatch { wanted, got }.into());
    }
    kind::read(got, media_type, bytes).map(Ok)
}

/// Says what is not there: the tag, the digest or the repository.
async fn missing(cx: &Cx, session: &Session, image: &Image, reply: Reply) -> NoFact {
    let Image { repository, reference } = image.clone();
    let registrys = reply.is_registrys();
    let not_a_registry = RegistryClient::not_a_registry("GET manifest", &reply);
    let refusal = Refusal::read(reply).await;
    if let Some(problem) = refusal.by_error_body("GET manifest") {
        return problem.into();
    }
    let body = refusal.body;
    if body.code.is_empty() && !registrys {
        return not_a_registry;
    }
    let said = body.words();
    if let (true, Some(said)) = (body.code == "NAME_UNKNOWN", said.clone()) {
        return Problem::RepositoryNotFound { repository, said }.into();
    }
    if image.is_digest() {
        return Problem::ImageDigestGone { repository, digest: reference }.into();
    }
    let nearest = tags::nearest(cx, session, image);
    // Helpful, and no more than that: what is certain already does not wait for it.
    let nearest = timeout(NEAREST_WAIT, nearest).await.unwrap_or_default();
    let repaired = nearest.first().and_then(|tag| {
        let asked = cx.target.asked.as_ref().ok()?;
        Some(format!("{}/{repository}:{tag}", asked.registry))
    });
    Problem::ImageTagNotFound { repository, tag: reference, said, nearest, repaired }.into()
}
