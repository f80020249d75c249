//! Does the image exist, and does it exist for this platform?

mod blob;
mod config;
mod content;
mod descriptor;
mod document;
mod fetch;
mod head_check;
mod index;
mod kind;
mod parts;
mod problem;
mod schema1;
mod second;
mod shapes;
mod tags;
mod way;
mod words;

use std::time::Duration;

use futures::future::{Either, select};
use hyper::Method;
use tokio::time::timeout;

use crate::{
    kit::{
        Cx, Image, NoFact, StepResult,
        net::{Fault, PROBE_WAIT, Reply, Request},
    },
    registry::RegistryClient,
    token::{Answer, Session},
};
pub use blob::Blob;
pub use config::ImageConfig;
pub use content::{ManifestContents, PlatformImage, choose, data_host, named};
pub use document::{Manifest, read};
use fetch::{Known, get};
pub use index::{Entry, entry};
pub(crate) use kind::Kind;
pub use problem::{Build, Problem};
pub(crate) use second::Second;
pub use way::fetch_on_way;
pub use words::{ArtifactKind, DigestProof, Flaw, HeadField, Lone, NoType};

/// How long the search for the most similar tags may take.
const NEAREST_WAIT: Duration = Duration::from_secs(3);

/// Fetches the manifest that the image's tag or digest names.
pub async fn fetch(cx: &Cx, session: &Session) -> StepResult<Manifest> {
    let Some(image) = session.image() else {
        return Err(NoFact::skipped(Problem::NoImageAsked {}));
    };
    let (head, early) = head_and_get(cx, session, image).await;
    let mut described = head_check::described(&head, cx.containerd());
    if let (Ok(head), Some(size)) = (&head, described.as_ref().and_then(|head| head.known().size))
        && size > fetch::MAX_MANIFEST_BYTES
    {
        let request = head.request.clone();
        return Err(Problem::Unreadable { request, fault: Fault::TooLong }.into());
    }
    let mut known = Known::default();
    if image.is_digest() {
        // containerd reads as many bytes as HEAD says, however the connection ends behind them.
        let described = described.take().filter(|head| head.digest == image.reference);
        known.size = described.and_then(|head| head.known().size);
        // Without a length it goes by the response to GET.
        let has_length = |head: &Reply| head.header("content-length").is_some();
        known.is_typed = head.as_ref().is_ok_and(has_length);
    }
    let media_type = known.media_type.unwrap_or_default();
    let begin = async || {
        if !image.is_digest() {
            return Ok(true);
        }
        fetch::begin(cx, session, (&image.reference, media_type)).await
    };
    let is_asked = session.client().is_http2() || matches!(early, Early::Answered(_));
    let got = async {
        if !is_asked {
            begin().await?;
        }
        let got = match early {
            Early::Answered(answer) => answer,
            Early::Asked(asking) => asking.await,
        };
        // What a failure means is only known once it is known how content is asked for.
        let got = match got {
            Err(_) | Ok(Answer::Missing(_)) if is_asked && !begin().await? => {
                fetch::open(cx, session, image, (&image.reference, media_type)).await
            }
            got => got,
        };
        match got? {
            Answer::Found(reply) => {
                let manifest = fetch::read(cx, session, &image.reference, reply, known).await;
                manifest.map(Answer::Found)
            }
            Answer::Missing(reply) => Ok(Answer::Missing(reply)),
        }
    };
    let Some(described) = described else {
        // The refusal of GET carries a reason. containerd still goes by HEAD.
        return match got.await? {
            Answer::Found(manifest) => head_check::compare(cx, session, head?, manifest).await,
            Answer::Missing(reply) => Err(missing(cx, session, image, *reply).await),
        };
    };
    // From here on containerd asks by digest, and never for what the tag leads to.
    let mut got = Box::pin(got);
    let mut by_tag = async || match timeout(PROBE_WAIT, got.as_mut()).await {
        Ok(Ok(Answer::Found(manifest))) => Some(Ok(manifest)),
        Ok(Ok(Answer::Missing(_))) | Err(_) => None,
        Ok(Err(no_fact)) => Some(Err(no_fact)),
    };
    // Over HTTP/2 it was asked for all the same: that takes no time.
    let early = if is_asked { Some(by_tag().await) } else { None };
    let known = described.known();
    let manifest = match early {
        Some(Some(Ok(manifest))) if manifest.digest() == described.digest => manifest,
        early => {
            let media_type = known.media_type.unwrap_or_default();
            fetch::begin(cx, session, (&described.digest, media_type)).await?;
            match get(cx, session, image, &described.digest, known).await? {
                Answer::Found(manifest) => manifest,
                Answer::Missing(reply) => {
                    drop(reply);
                    let by_tag = match early {
                        Some(by_tag) => by_tag,
                        None => by_tag().await,
                    };
                    // What the tag leads to says more, if it is something else.
                    let is_same = |it: &Manifest| it.digest() == described.digest;
                    let other = by_tag.filter(|it| !it.as_ref().is_ok_and(is_same));
                    other.unwrap_or_else(|| Err(fetch::not_served(image, &described.digest)))?
                }
            }
        }
    };
    head_check::compare(cx, session, head?, manifest).await
}

/// A request that HEAD did not wait for.
enum Early<T, A> {
    /// It was answered first.
    Answered(T),
    /// It is under way, or not sent yet.
    Asked(A),
}

/// Asks with HEAD and with GET, at once where one connection carries both.
async fn head_and_get(
    cx: &Cx,
    session: &Session,
    image: &Image,
) -> (
    StepResult<Reply>,
    Early<StepResult<Answer<Reply>>, impl Future<Output = StepResult<Answer<Reply>>>>,
) {
    let head = Request::manifest(Method::HEAD, &image.repository, &image.reference);
    let head = session.ask(cx, head);
    let got = Box::pin(fetch::open(cx, session, image, (&image.reference, "")));
    let (mut head, early) = if session.client().is_http2() {
        match select(Box::pin(head), got).await {
            Either::Left((head, got)) => (head, Early::Asked(got)),
            Either::Right((got, head)) => (head.await, Early::Answered(got)),
        }
    } else {
        (head.await, Early::Asked(got))
    };
    // containerd repeats it with GET where a registry does not support HEAD, and goes by that response.
    let Ok(refused) = head.as_mut() else { return (head, early) };
    if refused.status != 405 {
        return (head, early);
    }
    let answer = match early {
        Early::Answered(answer) => answer,
        Early::Asked(asking) => asking.await,
    };
    if let Ok(Answer::Found(got)) = &answer {
        let before = session.before_head().and(refused);
        if let Some(exceeded) = before.exceeded(cx, got) {
            return (Err(exceeded), Early::Answered(answer));
        }
        refused.take_head_of(got);
    }
    (head, Early::Answered(answer))
}

/// Returns what is missing: the tag, the digest or the repository.
async fn missing(cx: &Cx, session: &Session, image: &Image, reply: Reply) -> NoFact {
    let Image { repository, reference } = image.clone();
    let body = match RegistryClient::missing(reply).await {
        Ok(body) => body,
        Err(other) => return other,
    };
    let said = body.words();
    let head = Request::manifest(Method::HEAD, &repository, &reference);
    if session.is_hidden(cx, head).await {
        let host = session.client().host.to_string();
        return Problem::HiddenWithoutSignIn { host, repository, reference }.into();
    }
    if let (true, Some(said)) = (body.code == "NAME_UNKNOWN", said.clone()) {
        return Problem::RepositoryNotFound { repository, said }.into();
    }
    if image.is_digest() {
        return Problem::ImageDigestGone { repository, digest: reference }.into();
    }
    let nearest = tags::nearest(cx, session, image);
    // The similar tags only help. The certain result does not wait for them.
    let nearest = timeout(NEAREST_WAIT, nearest).await.unwrap_or_default();
    let repaired = nearest.first().and_then(|tag| {
        let asked = cx.target.asked.as_ref().ok()?;
        Some(format!("{}/{repository}:{tag}", asked.registry))
    });
    Problem::ImageTagNotFound { repository, tag: reference, said, nearest, repaired }.into()
}
