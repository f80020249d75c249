//! Soft-deleted tags and manifests, for clients that may list them.

use hyper::header::CONTENT_TYPE;
use hyper::{Response, StatusCode};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::answers::finish;
use super::{Asked, World};
use crate::body::Body;
use crate::images::images;

impl World {
    /// Returns what was deleted from a repository. The paths and the fields are those that azure-cli
    /// reads (acr/manifest.py, `acr_manifest_deleted_list` and `acr_manifest_deleted_tags_list`); no
    /// response was ever recorded.
    pub(super) fn deleted(&self, asked: &Asked<'_>, name: &str, list: &str) -> Response<Body> {
        let at = Timestamp::now() - SignedDuration::from_hours(24);
        let kept = self.azure.deleted().iter().filter(|_| self.azure.keeps_deleted());
        let entries = kept.filter_map(|(image, kind)| {
            let tag = image.strip_prefix(name)?.strip_prefix(':')?;
            let digest = images().digest(*kind)?;
            let mut entry = json!({ "digest": digest, "deletedAt": at.to_string() });
            if list == "tags" {
                entry["tag"] = json!(tag);
            }
            Some(entry)
        });
        let entries: Vec<Value> = entries.collect();
        let builder = self
            .backend(asked, StatusCode::OK)
            .header(CONTENT_TYPE, "application/json; charset=utf-8");
        let registry = &self.registry.login_server;
        let body = json!({ "registry": registry, "imageName": name, list: entries });
        finish(builder, Body::whole(format!("{body}\n")))
    }
}
