//! Explains why a blob was refused, by the server that refused it and by its error code.

use jiff::Timestamp;

use super::problem::{Problem, Refused, Unsigned};
use crate::{
    kit::{
        Cx, NoFact,
        net::{ErrorBody, Reply, reply},
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
    let (code, body) = (refusal.body.code.clone(), refusal.body.clone());
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
        // What S3, Google Cloud Storage and those that speak like them say of a signed URL.
        (400 | 403, code) if target.is_some() => match (code, body.message.as_str()) {
            ("AccessDenied", said)
                if said.contains("expired") || said.contains("not valid yet") =>
            {
                Problem::SignedUrlExpired(dated(cx, refused, &body, there))
            }
            (
                "RequestTimeTooSkewed" | "RequestExpired" | "AuthorizationQueryParametersError",
                _,
            ) => Problem::SignedUrlExpired(dated(cx, refused, &body, there)),
            ("ExpiredToken", said) if said.contains("signature expired") => {
                Problem::SignedUrlExpired(dated(cx, refused, &body, there))
            }
            ("SignatureDoesNotMatch", _) => Problem::SignatureMismatch(refused),
            (
                "AccessDenied"
                | "InvalidAccessKeyId"
                | "ExpiredToken"
                | "InvalidToken"
                | "TokenRefreshRequired"
                | "AllAccessDisabled"
                | "AccountProblem",
                _,
            ) => Problem::SignerRejected(refused),
            _ => Problem::BlobRefused(refused),
        },
        _ => Problem::BlobRefused(refused),
    }
    .into()
}

/// Returns the times that say why a signed URL is not valid now.
fn dated(cx: &Cx, refused: Refused, body: &ErrorBody, there: Option<Timestamp>) -> Unsigned {
    let there = body.server_time.or(there);
    let skew = there.and_then(|there| cx.skew(there));
    Unsigned { refused, expired: body.expires, there, skew }
}

/// Returns the words of a refusal.
pub(super) async fn words(reply: Reply) -> Option<String> {
    Refusal::read(reply).await.body.words()
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
