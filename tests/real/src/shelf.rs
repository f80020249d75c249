//! A read-only registry of this program over docker-registry's folder: one whose clock is wrong,
//! some with an invalid certificate, and some that refuse in the middle or redirect again and
//! again.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use hyper::Method;
use hyper::header::{CONTENT_TYPE, DATE, HeaderValue};
use serde_json::Value;

use crate::Fallible;
use crate::image::stored_at;
use crate::pki::{Leaf, Leaves};
use crate::places::{
    CHAINED, DETOUR, FAST, HEADLESS, HUB, LOCKED, MISLABELLED, MUTUAL, NAMELESS, RATIONED,
    ROUNDABOUT, SLOW, UNBORN, UNCHAINED, UNDIGESTED,
};
use crate::serve::{Answer, Asked, answer, json, serve};

const FOUR_MINUTES: Duration = Duration::from_secs(240);

const NO_MANIFEST: &str =
    r#"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}"#;
const NO_BLOB: &str =
    r#"{"errors":[{"code":"BLOB_UNKNOWN","message":"blob unknown to registry"}]}"#;
/// The code and the message are recorded, the status is not: 405 is the protocol's own status for a
/// method that is not allowed.
const DISALLOWED: &str = r#"{"errors":[{"code":"REGISTRY_DISALLOWED_OPERATION","message":"The operation is disallowed on this registry, repository or image. View troubleshooting steps at https://aka.ms/acr/faq/#why-does-my-pull-or-push-request-fail-with-disallowed-operation-"}]}"#;
const UNSUPPORTED: &str =
    r#"{"errors":[{"code":"UNSUPPORTED","message":"The operation is unsupported."}]}"#;
const SLOWER: &str = r#"{"errors":[{"code":"TOOMANYREQUESTS","message":"Too many requests."}]}"#;
const HUB_LIMIT: &str = r#"{"errors":[{"code":"TOOMANYREQUESTS","message":"You have reached your unauthenticated pull rate limit. https://www.docker.com/increase-rate-limit"}]}"#;

pub async fn start(root: &Path, leaves: &Leaves) -> Fallible<()> {
    let good = &leaves.good;
    let shelf = Shelf { root: root.to_owned() };
    shelf.serve(SLOW, good, |shelf, asked| dated(shelf.take(asked), now() - FOUR_MINUTES)).await?;
    shelf.serve(FAST, good, |shelf, asked| dated(shelf.take(asked), now() + FOUR_MINUTES)).await?;
    shelf
        .serve(LOCKED, good, |_, asked| match asked.path.as_str() {
            "/v2/" => json(200, "{}"),
            _ => json(405, DISALLOWED),
        })
        .await?;
    shelf
        .serve(HEADLESS, good, |shelf, asked| match asked.method {
            Method::HEAD => json(405, UNSUPPORTED),
            _ => shelf.take(asked),
        })
        .await?;
    shelf
        .serve(RATIONED, good, |shelf, asked| match asked.path.contains("/blobs/") {
            true => json(429, SLOWER),
            false => shelf.take(asked),
        })
        .await?;
    shelf
        .serve(HUB, good, |shelf, asked| match asked.path.starts_with("/v2/team/") {
            true => json(429, HUB_LIMIT),
            false => shelf.take(asked),
        })
        .await?;
    shelf
        .serve(UNDIGESTED, good, |shelf, asked| {
            let mut answer = shelf.take(asked);
            answer.headers_mut().remove("docker-content-digest");
            answer
        })
        .await?;
    shelf
        .serve(MISLABELLED, good, |shelf, asked| {
            let mut answer = shelf.take(asked);
            answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/html"));
            answer
        })
        .await?;
    // A layer that is redirected twice and then served by fabrikam; and one that is redirected
    // forever.
    shelf
        .serve(DETOUR, good, |shelf, asked| match asked.path.split_once("/blobs/") {
            Some((repository, digest)) => match repository.strip_prefix("/elsewhere") {
                Some(path) => {
                    sent_to(&format!("https://fabrikam.registry.test{path}/blobs/{digest}"))
                }
                None => sent_to(&format!("https://detour.registry.test/elsewhere{}", asked.path)),
            },
            None => shelf.take(asked),
        })
        .await?;
    shelf
        .serve(ROUNDABOUT, good, |shelf, asked| match asked.path.contains("/blobs/") {
            true => sent_to(&asked.path),
            false => shelf.take(asked),
        })
        .await?;
    let shown = [
        (CHAINED, &leaves.chained),
        (UNCHAINED, &leaves.unchained),
        (UNBORN, &leaves.unborn),
        (NAMELESS, &leaves.nameless),
        (MUTUAL, &leaves.mutual),
    ];
    for (address, leaf) in shown {
        shelf.serve(address, leaf, Shelf::take).await?;
    }
    Ok(())
}

#[derive(Clone)]
struct Shelf {
    root: PathBuf,
}

impl Shelf {
    async fn serve(
        &self,
        address: &str,
        leaf: &Leaf,
        answer: fn(&Shelf, &Asked) -> Answer,
    ) -> Fallible<()> {
        let shelf = self.clone();
        serve(address, leaf.tls.clone(), move |asked| answer(&shelf, &asked)).await
    }

    /// Serves `/v2/REPOSITORY/manifests/REF` and `/v2/REPOSITORY/blobs/DIGEST` to anonymous
    /// clients.
    fn take(&self, asked: &Asked) -> Answer {
        let path = asked.path.trim_start_matches("/v2/");
        if path.is_empty() {
            return json(200, "{}");
        }
        if let Some((repository, reference)) = path.split_once("/manifests/") {
            let Some((digest, bytes)) = self.manifest(repository, reference) else {
                return json(404, NO_MANIFEST);
            };
            let kind = serde_json::from_slice::<Value>(&bytes).unwrap_or_default();
            let kind = kind["mediaType"].as_str().unwrap_or("application/json");
            let headers = [("content-type", kind), ("docker-content-digest", &digest)];
            return answer(200, &headers, bytes);
        }
        match path.split_once("/blobs/").and_then(|(_, digest)| self.blob(digest)) {
            Some(bytes) => answer(200, &[("content-type", "application/octet-stream")], bytes),
            None => json(404, NO_BLOB),
        }
    }

    fn manifest(&self, repository: &str, reference: &str) -> Option<(String, Vec<u8>)> {
        let digest = if reference.starts_with("sha256:") {
            reference.to_owned()
        } else {
            let tag = format!("{repository}/_manifests/tags/{reference}/current/link");
            let repositories = self.root.join("docker/registry/v2/repositories");
            std::fs::read_to_string(repositories.join(tag)).ok()?
        };
        let bytes = self.blob(&digest)?;
        Some((digest, bytes))
    }

    fn blob(&self, digest: &str) -> Option<Vec<u8>> {
        let hex = digest.strip_prefix("sha256:")?;
        let plain = hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_hexdigit());
        plain.then(|| std::fs::read(stored_at(&self.root, digest)).ok())?
    }
}

fn now() -> SystemTime {
    SystemTime::now()
}

fn sent_to(place: &str) -> Answer {
    answer(307, &[("location", place)], "")
}

/// Returns the response of a server whose clock shows this time.
fn dated(mut answer: Answer, now: SystemTime) -> Answer {
    if let Ok(date) = HeaderValue::from_str(&httpdate::fmt_http_date(now)) {
        answer.headers_mut().insert(DATE, date);
    }
    answer
}
