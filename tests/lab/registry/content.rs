//! Manifests, blobs and tags, for authorized clients.

use hyper::header::{CONTENT_TYPE, ETAG, LINK, LOCATION};
use hyper::{Method, Response, StatusCode};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::answers::finish;
use super::{Asked, World, is_digest};
use crate::body::Body;
use crate::form::{pairs, value};
use crate::images::{Blob, digest, images};
use crate::secrets::{REGISTRY_ID, signature};
use crate::settings::{Answer, DataFault, Kind};

/// The number of tags that are listed by default.
const PAGE: usize = 100;
/// The thumbprint of the key in signed blob URLs.
const THUMBPRINT: &str = "7D0E52C81B6F4A93E1C0A5B4D3F2918E7C6B5A40";

impl World {
    pub(super) fn manifest(
        &self,
        asked: &Asked<'_>,
        answer: Answer,
        name: &str,
        reference: &str,
    ) -> Response<Body> {
        let Some(repository) = self.registry.images.get(name) else {
            return self.name_unknown(asked, name);
        };
        if !self.azure.is_readable() {
            return self.inactive(asked);
        }
        let by_digest = is_digest(reference);
        let hidden = repository.tags.iter().any(|(tag, kind)| {
            (tag == reference || images().digest(*kind) == Some(reference))
                && self.azure.hides(asked.authority, &format!("{name}:{tag}"))
        });
        // What is in quarantine is not found by its tag, and disallowed by its digest (Azure/acr,
        // docs/preview/quarantine).
        let held = by_digest
            && repository.tags.iter().any(|(tag, kind)| {
                images().digest(*kind) == Some(reference)
                    && self.azure.quarantines(&format!("{name}:{tag}"))
            });
        if let Some(refusal) = held.then(|| self.canned(asked, Answer::Disallowed)).flatten() {
            return refusal;
        }
        let deleted = self.azure.deleted().iter().any(|(image, kind)| {
            images().digest(*kind) == Some(reference) && image.starts_with(&format!("{name}:"))
        });
        let wanted = if by_digest {
            Some(reference).filter(|_| answer != Answer::ByTagOnly && !deleted)
        } else {
            repository.tags.get(reference).and_then(|kind| images().digest(*kind))
        };
        let Some((wanted, found)) = wanted
            .filter(|_| !hidden)
            .and_then(|wanted| Some((wanted, images().manifests.get(wanted)?)))
        else {
            // By tag as recorded; the message for a digest was never recorded.
            let (message, detail) = if by_digest {
                let detail = json!({ "Name": name, "Revision": reference });
                (format!("manifest {reference} is not found"), detail)
            } else {
                let detail = json!({ "Tag": reference });
                (format!("manifest tagged by \"{reference}\" is not found"), detail)
            };
            let body = json!({ "errors": [{
                "code": "MANIFEST_UNKNOWN", "message": message, "detail": detail,
            }] });
            return self.unknown(asked, &body);
        };
        if !found.suits(&asked.accept) {
            let noun = found.noun();
            let message =
                format!("OCI {noun} found, but accept header does not support OCI {noun}s");
            let body = json!({ "errors": [{ "code": "MANIFEST_UNKNOWN", "message": message }] });
            return self.unknown(asked, &body);
        }
        let mut bytes = found.bytes.clone();
        let mut said = wanted.to_owned();
        match answer {
            Answer::NotJson => {
                bytes = "no manifest at all".into();
                said = digest(&bytes);
            }
            // One extra space: the same JSON, but a different digest from the claimed one.
            Answer::WrongDigest => bytes = [&bytes, &b" "[..]].concat().into(),
            // A cache with another version of the tag, or a filter that blocks HEAD.
            Answer::OtherHead if asked.method == Method::HEAD => said = digest(b"another"),
            Answer::HeadForbidden if asked.method == Method::HEAD => {
                return finish(self.bare(asked, StatusCode::FORBIDDEN), Body::whole(""));
            }
            _ => {}
        }
        let builder = self
            .backend(asked, StatusCode::OK)
            .header(CONTENT_TYPE, found.media_type)
            .header("docker-content-digest", &said)
            .header(ETAG, format!("\"{said}\""));
        finish(builder, Body::whole(bytes))
    }

    pub(super) fn blob(
        &self,
        asked: &Asked<'_>,
        answer: Answer,
        name: &str,
        wanted: &str,
    ) -> Response<Body> {
        if !self.registry.images.contains_key(name) {
            return self.name_unknown(asked, name);
        }
        if !self.azure.is_readable() {
            return self.inactive(asked);
        }
        let is_there = |blob: &&Blob| match answer {
            Answer::Missing => false,
            Answer::LargeMissing => !blob.is_large(),
            _ => true,
        };
        let found = images().blobs.get(wanted).filter(is_there);
        let Some(found) = found else {
            let body = json!({ "errors": [{
                "code": "BLOB_UNKNOWN", "message": "blob unknown to registry",
                "detail": { "digest": wanted },
            }] });
            return self.unknown(asked, &body);
        };
        // Only GET is redirected: HEAD never reaches the data host.
        if asked.method == Method::GET && self.registry.redirect {
            let location = self.signed(asked, name, wanted);
            let link = location.replace('&', "&amp;");
            let builder = self
                .front(asked, StatusCode::TEMPORARY_REDIRECT)
                .header(CONTENT_TYPE, "text/html; charset=utf-8")
                .header("docker-content-digest", wanted)
                .header(LOCATION, location);
            let body = format!("<a href=\"{link}\">Temporary Redirect</a>.\n\n");
            return finish(builder, Body::whole(body));
        }
        let builder = self
            .backend(asked, StatusCode::OK)
            .header(CONTENT_TYPE, "application/octet-stream")
            .header("docker-content-digest", wanted);
        if asked.method == Method::HEAD {
            return finish(builder, Body::whole(found.bytes.clone()));
        }
        self.hand_out(builder, found, 0)
    }

    /// Returns the URL of a blob on the data host: a pointer on a registry's own endpoint, a path
    /// on a storage account.
    fn signed(&self, asked: &Asked<'_>, name: &str, blob: &str) -> String {
        if !self.data_url.contains(".blob.core.") {
            return format!(
                "{}?t={THUMBPRINT}&h={}&c={}&r={name}&d={blob}&p=bGFiLXBvaW50ZXI&s={}",
                self.data_url,
                asked.authority,
                asked.correlation,
                signature(name, blob),
            );
        }
        let life = if self.data.fault == DataFault::SasExpired { -3_600 } else { 1_200 };
        let until = Timestamp::now() + SignedDuration::from_secs(life);
        let until = until.strftime("%Y-%m-%dT%H%%3A%M%%3A%SZ");
        let start = blob.trim_start_matches("sha256:").get(..2).unwrap_or_default();
        format!(
            "{}/{REGISTRY_ID}-lab//docker/registry/v2/blobs/sha256/{start}/{blob}/data\
             ?se={until}&sig={}&sp=r&spr=https&sr=b&sv=2018-03-28&regid={REGISTRY_ID}",
            self.data_url,
            signature("", blob),
        )
    }

    pub(super) fn tags(&self, asked: &Asked<'_>, name: &str) -> Response<Body> {
        let Some(repository) = self.registry.images.get(name) else {
            return self.name_unknown(asked, name);
        };
        let query = pairs(asked.query);
        let count = value(&query, "n").and_then(|n| n.parse().ok()).unwrap_or(PAGE);
        let after = value(&query, "last").unwrap_or("");
        let mut tags = repository
            .tags
            .iter()
            .filter(|(tag, kind)| **kind != Kind::Absent && tag.as_str() > after)
            .map(|(tag, _)| tag);
        let page: Vec<_> = tags.by_ref().take(count).collect();
        let mut builder = self
            .backend(asked, StatusCode::OK)
            .header(CONTENT_TYPE, "application/json; charset=utf-8");
        if let (Some(last), Some(_)) = (page.last(), tags.next()) {
            let next =
                format!("</v2/{name}/tags/list?last={last}&n={count}&orderby=>; rel=\"next\"");
            builder = builder.header(LINK, next);
        }
        let body = json!({ "name": name, "tags": page });
        finish(builder, Body::whole(format!("{body}\n")))
    }

    fn unknown(&self, asked: &Asked<'_>, body: &serde_json::Value) -> Response<Body> {
        let builder = self
            .backend(asked, StatusCode::NOT_FOUND)
            .header(CONTENT_TYPE, "application/json; charset=utf-8");
        finish(builder, Body::whole(format!("{body}\n")))
    }

    /// Returns the error for a repository that does not exist. It was recorded on `/acr/v1/` only.
    /// For `/v2/` it is documented and reported as `NAME_UNKNOWN` with this message and the name as
    /// detail.
    fn name_unknown(&self, asked: &Asked<'_>, name: &str) -> Response<Body> {
        let body = json!({ "errors": [{
            "code": "NAME_UNKNOWN", "message": "repository name not known to registry",
            "detail": { "name": name },
        }] });
        self.unknown(asked, &body)
    }
}
