//! Gets one manifest, and holds it to the digest by which it was asked for.

use hyper::Method;

use super::{
    document::{self, Manifest},
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
    token::{RegistryAnswer, Session},
};

/// The longest manifest that a registry takes, and that is read.
const MAX_MANIFEST_BYTES: usize = 4 * 1024 * 1024;

/// What came of asking for a manifest.
pub(super) enum Fetched {
    /// It is there.
    Manifest(Manifest),
    /// It is not: the answer says what the registry lacks.
    Missing(Reply),
}

/// Gets a manifest.
pub(super) async fn get(
    cx: &Cx,
    session: &Session,
    image: &Image,
    reference: &str,
    called: Option<&str>,
) -> StepResult<Fetched> {
    let request = Request::manifest(Method::GET, &image.repository, reference);
    let asked = format!("GET {}", request.target);
    let reply = match session.get(cx, &asked, request).await? {
        RegistryAnswer::Found(reply) => reply,
        RegistryAnswer::NotFound(reply) => return Ok(Fetched::Missing(reply)),
    };
    // What an index calls its entry counts, else what the registry calls it.
    let media_type = called.or(reply.header("content-type")).unwrap_or_default().to_owned();
    let claimed = reply.header("docker-content-digest").map(str::to_owned);
    let bytes = reply.read(MAX_MANIFEST_BYTES).await.map_err(|fault| match fault {
        Fault::TimedOut => RegistryClient::unfinished(&session.client().host, &asked),
        fault => Problem::Unreadable { request: asked, fault }.into(),
    })?;
    let wanted = if reference.contains(':') { Some(reference.to_owned()) } else { claimed };
    if let Some(old) = schema1::read(cx, &media_type, &bytes, wanted.as_deref())? {
        return Ok(Fetched::Manifest(old));
    }
    let got = digest(wanted.as_deref().unwrap_or("sha256:"), &bytes);
    if let Some(wanted) = wanted.filter(|wanted| *wanted != got) {
        return Err(Problem::DigestMismatch { wanted, got }.into());
    }
    document::read(got, media_type, &bytes).map(Fetched::Manifest)
}
