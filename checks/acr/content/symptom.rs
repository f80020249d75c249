//! What the data path saw, as far as the registry's content may be the reason.

use crate::kit::engine::Finding;

/// How the pull failed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Symptom<'a> {
    /// The repository or its tag is missing.
    TagMissing(&'a Finding),
    /// The manifest with this digest is missing.
    DigestMissing(&'a str),
    /// The registry disallows reading.
    ReadDisabled,
    /// The registry, or something before it, refuses without a reason.
    Forbidden,
    /// The registry says that the identity that opens its key is inactive.
    KeyInactive,
    /// The upstream of this cache rule limits the rate of requests.
    UpstreamThrottled(&'a str),
    /// The registry or its storage fails.
    Failing,
    /// Nothing failed.
    None,
    /// Something else, which the content does not explain.
    Other,
}

impl<'a> Symptom<'a> {
    /// Reads the finding with which the pull failed.
    pub(super) fn of(failure: Option<&'a Finding>) -> Self {
        let Some(found) = failure else { return Symptom::None };
        let text = |name: &str| found.evidence.get(name).and_then(|value| value.as_str());
        match found.code.as_str() {
            "manifest/image-tag-not-found" | "manifest/repository-not-found" => {
                Symptom::TagMissing(found)
            }
            "manifest/image-digest-gone" | "manifest/child-manifest-gone" => {
                text("digest").map_or(Symptom::Other, Symptom::DigestMissing)
            }
            "registry/image-read-disabled" => Symptom::ReadDisabled,
            "registry/forbidden" => Symptom::Forbidden,
            "registry/key-identity-inactive" => Symptom::KeyInactive,
            "registry/artifact-cache-upstream" => {
                text("rule").map_or(Symptom::Other, Symptom::UpstreamThrottled)
            }
            "registry/outage" | "layer/blob-outage" => Symptom::Failing,
            _ => Symptom::Other,
        }
    }

    /// Returns whether something is missing that may be elsewhere, or may have been there.
    pub(super) fn is_missing(&self) -> bool {
        matches!(self, Symptom::TagMissing(_) | Symptom::DigestMissing(_))
    }
}
