//! A registry of our own over docker-registry's folder, read only: one whose clock is wrong, and some that refuse in the middle.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use hyper::header::{DATE, HeaderValue};
use serde_json::Value;

use crate::Fallible;
use crate::image::stored_at;
use crate::pki::Leaf;
use crate::places::{FAST, HUB, LOCKED, RATIONED, SLOW};
use crate::serve::{Answer, Asked, answer, json, serve};

const FOUR_MINUTES: Duration = Duration::from_secs(240);

const NO_MANIFEST: &str =
    r#"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}"#;
const NO_BLOB: &str =
    r#"{"errors":[{"code":"BLOB_UNKNOWN","message":"blob unknown to registry"}]}"#;
/// The code and the words are recorded, the status is not: 405 is the protocol's own for what is not allowed.
const DISALLOWED: &str = r#"{"errors":[{"code":"REGISTRY_DISALLOWED_OPERATION","message":"The operation is disallowed on this registry, repository or image. View troubleshooting steps at https://aka.ms/acr/faq/#why-does-my-pull-or-push-request-fail-with-disallowed-operation-"}]}"#;
const SLOWER: &str = r#"{"errors":[{"code":"TOOMANYREQUESTS","message":"Too many requests."}]}"#;
const HUB_LIMIT: &str = r#"{"errors":[{"code":"TOOMANYREQUESTS","message":"You have reached your unauthenticated pull rate limit. https://www.docker.com/increase-rate-limit"}]}"#;

pub async fn start(root: PathBuf, good: &Leaf) -> Fallible<()> {
    let root = Arc::new(root);
    let shelf = root.clone();
    let late = move |asked| dated(take(&shelf, &asked), SystemTime::now() - FOUR_MINUTES);
    serve(SLOW, good.tls.clone(), late).await?;
    let shelf = root.clone();
    let early = move |asked| dated(take(&shelf, &asked), SystemTime::now() + FOUR_MINUTES);
    serve(FAST, good.tls.clone(), early).await?;
    // Locked for reading: everything about it may be asked, but for the content.
    let locked = move |asked: Asked| {
        if asked.path == "/v2/" { json(200, "{}") } else { json(405, DISALLOWED) }
    };
    serve(LOCKED, good.tls.clone(), locked).await?;
    let shelf = root.clone();
    let rationed = move |asked: Asked| {
        let layer = asked.path.contains("/blobs/");
        if layer { json(429, SLOWER) } else { take(&shelf, &asked) }
    };
    serve(RATIONED, good.tls.clone(), rationed).await?;
    let hub = move |asked: Asked| {
        let spent = asked.path.starts_with("/v2/team/");
        if spent { json(429, HUB_LIMIT) } else { take(&root, &asked) }
    };
    serve(HUB, good.tls.clone(), hub).await
}

/// `/v2/REPOSITORY/manifests/REF` and `/v2/REPOSITORY/blobs/DIGEST`, for anybody.
fn take(root: &Path, asked: &Asked) -> Answer {
    let path = asked.path.trim_start_matches("/v2/");
    if path.is_empty() {
        return json(200, "{}");
    }
    if let Some((repository, reference)) = path.split_once("/manifests/") {
        let Some((digest, bytes)) = manifest(root, repository, reference) else {
            return json(404, NO_MANIFEST);
        };
        let kind = serde_json::from_slice::<Value>(&bytes).unwrap_or_default();
        let kind = kind["mediaType"].as_str().unwrap_or("application/json");
        return answer(200, &[("content-type", kind), ("docker-content-digest", &digest)], bytes);
    }
    let bytes = path.split_once("/blobs/").and_then(|(_, digest)| blob(root, digest));
    match bytes {
        Some(bytes) => answer(200, &[("content-type", "application/octet-stream")], bytes),
        None => json(404, NO_BLOB),
    }
}

fn manifest(root: &Path, repository: &str, reference: &str) -> Option<(String, Vec<u8>)> {
    let digest = if reference.starts_with("sha256:") {
        reference.to_owned()
    } else {
        let tag = format!("{repository}/_manifests/tags/{reference}/current/link");
        std::fs::read_to_string(root.join("docker/registry/v2/repositories").join(tag)).ok()?
    };
    let bytes = blob(root, &digest)?;
    Some((digest, bytes))
}

fn blob(root: &Path, digest: &str) -> Option<Vec<u8>> {
    let hex = digest.strip_prefix("sha256:")?;
    let plain = hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_hexdigit());
    plain.then(|| std::fs::read(stored_at(root, digest)).ok())?
}

/// The answer of a server that takes this to be the time.
fn dated(mut answer: Answer, now: SystemTime) -> Answer {
    if let Ok(date) = HeaderValue::from_str(&httpdate::fmt_http_date(now)) {
        answer.headers_mut().insert(DATE, date);
    }
    answer
}
