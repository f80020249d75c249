//! Explains why a blob was refused, by the server that refused it and by its error code.

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

/// Returns why the blob was refused. `target` is the path and query that were requested from the
/// host that the registry redirected to; `None` if the registry itself answered.
pub(super) async fn grade(cx: &Cx, reply: Reply, blob: &Blob, target: Option<&str>) -> NoFact {
    let (host, status, there) = (reply.host.clone(), reply.status, reply::date(&reply));
    let refusal = Refusal::read(reply).await;
    if let Some(problem) = refusal.by_error_body().filter(|_| target.is_none()) {
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
    // A service endpoint policy of a subnet applies to storage accounts, and a dedicated data
    // endpoint is not one.
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

/// Returns the time until which a signed URL is valid, as its `se` parameter states it.
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
