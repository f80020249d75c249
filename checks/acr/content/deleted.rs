//! Deleted manifests that the registry keeps for a while: soft delete.

use std::time::Duration;

use hyper::Method;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use tokio::time::timeout;

use super::{Deleted, Search, symptom::Symptom};
use crate::{
    acr::{Problem, asked_registry::AskedRegistry},
    kit::{StepResult, azure::resource::text, net::Request},
    token::Session,
};

/// The longest page of deleted manifests that is read, and how many pages are.
const MAX_PAGE_BYTES: usize = 1024 * 1024;
const MAX_PAGES: usize = 10;
/// How long the whole list may take.
const LIST_WAIT: Duration = Duration::from_secs(30);

/// What the list of deleted tags or manifests says.
enum Listed {
    /// It was deleted.
    Found { digest: String, at: Option<Timestamp> },
    /// It is not in the list.
    Absent,
    /// The list cannot be read with this sign-in, or not to its end.
    Unread,
}

impl Search<'_> {
    /// Looks whether what is missing was deleted, and may be restored.
    pub(super) async fn deleted(&self) -> StepResult<()> {
        let policy = "properties.policies.softDeletePolicy";
        let resource = &self.registry.resource;
        if !self.symptom.is_missing() || !resource.is(&format!("{policy}.status"), "enabled") {
            return Ok(());
        }
        let days = resource.get(&format!("{policy}.retentionDays")).and_then(Value::as_i64);
        // The list is the registry's own, and its scope is `deleted_read` (azure-cli, acr/manifest.py).
        let (list, wanted) = match self.symptom {
            Symptom::DigestMissing(digest) => ("_manifests", digest),
            _ => ("_tags", self.image.reference.as_str()),
        };
        let listed = match &*self.pull.session {
            Ok(session) => {
                let listed = timeout(LIST_WAIT, self.listed(session, list, wanted)).await;
                listed.unwrap_or(Listed::Unread)
            }
            Err(_) => Listed::Unread,
        };
        let asked = AskedRegistry::of(self.cx, self.registry);
        let tag = (list == "_tags").then(|| wanted.to_owned());
        let gone = tag.is_none().then(|| wanted.to_owned());
        let repository = self.image.repository.clone();
        match listed {
            Listed::Found { digest, at } => {
                let kept = days.map(|days| SignedDuration::from_hours(24 * days.clamp(0, 3650)));
                let until = at.zip(kept).and_then(|(at, kept)| at.checked_add(kept).ok());
                let digest = Some(digest);
                self.explain(Problem::SoftDeleted(Deleted {
                    asked,
                    repository,
                    tag,
                    gone,
                    digest,
                    days,
                    at,
                    until,
                }));
            }
            Listed::Absent => {}
            Listed::Unread => self.cx.add_finding(Problem::MayBeSoftDeleted(Deleted {
                asked,
                repository,
                tag,
                gone,
                digest: None,
                days,
                at: None,
                until: None,
            })),
        }
        Ok(())
    }

    /// Looks for a deleted tag or manifest in the registry's own list.
    async fn listed(&self, session: &Session, list: &str, wanted: &str) -> Listed {
        let start = format!("/acr/v1/_deleted/{}/{list}", self.image.repository);
        let mut target = start.clone();
        let (mut found, mut is_whole) = (None, false);
        for _ in 0..MAX_PAGES {
            let request = Request::new(Method::GET, target.clone());
            let Ok(reply) = session.ask_beyond(self.cx, request).await else {
                return Listed::Unread;
            };
            if reply.status != 200 {
                return Listed::Unread;
            }
            let next = reply.header("link").and_then(|link| next_page(link, &start));
            let body = reply.read(MAX_PAGE_BYTES).await.unwrap_or_default();
            let Some(page) = entries(&body, list) else { return Listed::Unread };
            // The last one was deleted last, as azure-cli takes it.
            found = last_of(&page, list, wanted).or(found);
            match next {
                Some(next) => target = next,
                None => {
                    is_whole = true;
                    break;
                }
            }
        }
        match found {
            Some((digest, at)) => Listed::Found { digest, at },
            None if is_whole => Listed::Absent,
            None => Listed::Unread,
        }
    }
}

/// Returns the entries of a page.
pub fn entries(body: &[u8], list: &str) -> Option<Vec<Value>> {
    let page: Value = serde_json::from_slice(body).ok()?;
    // A repository without deleted tags has `null` or an empty list.
    match page.get(list.trim_start_matches('_'))? {
        Value::Null => Some(vec![]),
        Value::Array(entries) => Some(entries.clone()),
        _ => None,
    }
}

/// Returns the digest of the last entry for a tag or a digest, and when it was deleted.
fn last_of(page: &[Value], list: &str, wanted: &str) -> Option<(String, Option<Timestamp>)> {
    let key = if list == "_tags" { "tag" } else { "digest" };
    let found = page.iter().rev().find(|entry| text(entry, key) == Some(wanted))?;
    let at = text(found, "deletedAt").and_then(|at| at.parse().ok());
    Some((text(found, "digest")?.to_owned(), at))
}

/// Returns the path of the next page; `None` if there is none or it is no page of this list.
pub fn next_page(link: &str, start: &str) -> Option<String> {
    let (_, rest) = link.split_once('<')?;
    let (target, rest) = rest.split_once('>')?;
    let is_next = rest.contains("rel=\"next\"");
    (is_next && target.starts_with(&format!("{start}?"))).then(|| target.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_list_says() {
        let body = br#"{"registry":"contoso.azurecr.io","imageName":"team/app","tags":[
            {"tag":"v1","digest":"sha256:aa","deletedAt":"2026-05-01T00:00:00Z"},
            {"tag":"v2","digest":"sha256:bb","deletedAt":"soon"},
            {"tag":"v1","digest":"sha256:cc","deletedAt":"2026-05-02T00:00:00Z"}]}"#;
        let page = entries(body, "_tags").unwrap();
        let (digest, at) = last_of(&page, "_tags", "v1").unwrap();
        assert_eq!(digest, "sha256:cc");
        assert_eq!(at.unwrap().to_string(), "2026-05-02T00:00:00Z");
        assert_eq!(last_of(&page, "_tags", "v2"), Some(("sha256:bb".to_owned(), None)));
        assert_eq!(last_of(&page, "_tags", "v3"), None);
        assert_eq!(entries(br#"{"tags":null}"#, "_tags"), Some(vec![]));
        for bad in [&b""[..], b"[]", b"{}", br#"{"tags":3}"#, br#"{"manifests":[]}"#] {
            assert_eq!(entries(bad, "_tags"), None);
        }
    }

    #[test]
    fn the_next_page_is_one_of_the_same_list() {
        let start = "/acr/v1/_deleted/team/app/_tags";
        let link = |target: &str| next_page(&format!("<{target}>; rel=\"next\""), start);
        assert!(link("/acr/v1/_deleted/team/app/_tags?last=v1&n=100").is_some());
        for bad in ["https://fabrikam.example/", "/v2/", "/acr/v1/_deleted/team/app/_tags"] {
            assert_eq!(link(bad), None, "{bad}");
        }
        assert_eq!(next_page("", start), None);
    }
}
