//! Is the image there, and is there one for this platform?

mod content;
mod head_check;
mod index;
mod kind;
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

/// The longest manifest that a registry takes, and that is read.
const MAX_MANIFEST_BYTES: usize = 4 * 1024 * 1024;

/// How long the look for the nearest tags may take.
const NEAREST_WAIT: Duration = Duration::from_secs(3);

/// What can be wrong with a manifest.
#[derive(Serialize, strum::VariantNames)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Problem {
    /// Only a login server was named.
    NoImageAsked {},
    /// The registry serves the blobs itself: there is no other host to look at.
    ServedByRegistry {},
    /// The repository has no such tag.
    ImageTagNotFound {
        /// The repository.
        repository: String,
        /// The tag.
        tag: String,
        /// The registry's own words.
        #[serde(skip_serializing_if = "Option::is_none")]
        said: Option<String>,
        /// The tags that are most like it, when listing is allowed.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        nearest: Vec<String>,
        /// The most like it, as a whole reference.
        #[serde(skip_serializing_if = "Option::is_none")]
        repaired: Option<String>,
    },
    /// The registry has no such repository.
    RepositoryNotFound {
        /// The repository.
        repository: String,
        /// The registry's own words.
        said: String,
    },
    /// The repository has no such digest.
    ImageDigestGone {
        /// The repository.
        repository: String,
        /// The digest.
        digest: String,
    },
    /// The manifest names a blob that the registry does not have.
    BlobUnknown {
        /// The blob.
        digest: String,
        /// The registry's own words.
        #[serde(skip_serializing_if = "Option::is_none")]
        said: Option<String>,
    },
    /// Every layer is another server's to serve: could not tell.
    ForeignLayers {},
    /// The index is there, and this platform's manifest in it is not.
    ChildManifestGone {
        /// The repository.
        repository: String,
        /// The digest.
        digest: String,
        /// Whose manifest it is.
        platform: String,
        /// All platforms of the index, as one argument.
        together: String,
    },
    /// The index has nothing for this platform.
    PlatformNoMatch {
        /// What was needed.
        wanted: String,
        /// What there is.
        offered: Vec<String>,
        /// Both, as one argument.
        together: String,
    },
    /// What was sent is not what the digest names.
    DigestMismatch {
        /// The digest that was due.
        wanted: String,
        /// The digest of what came.
        got: String,
    },
    /// The index has this platform's processor and system, for other builds of Windows.
    PlatformWindowsBuild {
        /// What was needed.
        wanted: String,
        /// The builds that there are.
        builds: Vec<String>,
    },
    /// There are builds for Windows, and nobody said which one is needed.
    WindowsBuildNotAsked {
        /// The builds that there are.
        builds: Vec<String>,
        /// The one that was looked at, as `--platform` takes it.
        chosen: String,
    },
    /// There is none for this very platform, but one that some versions of containerd take.
    LesserPlatform {
        /// What was needed.
        wanted: String,
        /// What they take.
        chosen: String,
        /// Both, as one argument.
        together: String,
    },
    /// What was sent is broken: no manifest, or one that contradicts itself.
    NotAManifest {
        /// What it is called.
        media_type: String,
        /// What is wrong with it.
        said: String,
    },
    /// It is a sound manifest of something that is no image.
    NotAnImage {
        /// What it is, as a word.
        what: &'static str,
        /// What gave it away.
        media_type: String,
    },
    /// What an index has for this platform is an index again: could not tell.
    IndexInIndex {
        /// Whose it is.
        platform: String,
    },
    /// It is in a format that only older runtimes read.
    #[serde(rename = "manifest-schema1")]
    #[strum(serialize = "manifest-schema1")]
    ManifestSchema1 {
        /// What it is called.
        media_type: String,
        /// Whether its digest proves it, as a word.
        verified: &'static str,
    },
    /// The same without the signature that those runtimes want.
    #[serde(rename = "manifest-schema1-unsigned")]
    #[strum(serialize = "manifest-schema1-unsigned")]
    ManifestSchema1Unsigned {
        /// What it is called.
        media_type: String,
    },
    /// The registry says another thing to HEAD than to GET.
    HeadDiffers {
        /// What was asked.
        request: String,
        /// In what they differ, as a word.
        what: &'static str,
        /// What it says to HEAD.
        head: String,
        /// What it sends to GET.
        get: String,
    },
    /// The answer broke off.
    Unreadable {
        /// What was asked.
        request: String,
        /// How.
        fault: Fault,
    },
}

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
