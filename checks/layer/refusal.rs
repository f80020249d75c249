//! What it means when a blob is refused: by which server, in which words.

use jiff::Timestamp;

use super::problem::{Problem, Refused, Unsigned};
use crate::{
    kit::{
        Cx, NoFact,
        net::{Reply, reply},
    },
    manifest::Blob,
    registry::Refusal,
};

/// Says why; `target` is what was asked of a host that the registry named.
pub(super) async fn grade(cx: &Cx, reply: Reply, blob: &Blob, target: Option<&str>) -> NoFact {
    let (host, status, there) = (reply.host.clone(), reply.status, reply::date(&reply));
    let refusal = Refusal::read(reply).await;
    if let Some(problem) = refusal.by_error_body("GET blob").filter(|_| target.is_none()) {
        return problem.into();
    }
    let code = refusal.body.code.clone();
    let refused = Refused {
        host: host.to_string(),
        digest: blob.digest.clone(),
        status,
        said: refusal.body.words(),
        correlation: refusal.correlation,
    };
    // A dedicated data endpoint is no storage account: what a subnet's policy is about.
    let is_storage = host.name.contains(".blob.core.") || host.name.contains(".blob.storage.");
    match (status, code.as_str()) {
        (404, "BlobNotFound" | "BLOB_UNKNOWN" | "NoSuchKey") => Problem::BlobMissing(refused),
        (429 | 500.., _) => Problem::BlobOutage(refused),
        (403, "AuthorizationFailure") if is_storage => Problem::BlobServiceEndpointPolicy(refused),
        (403, "AuthenticationFailed") => {
            let until = target.and_then(until);
            let expired = until.filter(|until| there.is_some_and(|now| *until < now));
            let skew = there.and_then(|there| cx.skew(there));
            Problem::BlobSasRejected(Unsigned { refused, expired, there, skew })
        }
        _ => Problem::BlobRefused(refused),
    }
    .into()
}

/// Until when a signed URL says that it holds: its `se`.
fn until(target: &str) -> Option<Timestamp> {
    let (_, query) = target.split_once('?')?;
    let mut pairs = url::form_urlencoded::parse(query.as_bytes());
    pairs.find(|(name, _)| name == "se")?.1.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::until;

    #[test]
    fn until_when_a_url_holds() {
        let of = |target| until(target).map(|time| time.to_string());
        let said = "/x?sig=a&se=2025-01-01T00%3A20%3A00Z&sp=r";
        assert_eq!(of(said).as_deref(), Some("2025-01-01T00:20:00Z"));
        assert_eq!(of("/x?se=soon"), None);
        assert_eq!(of("/x"), None);
    }
}
