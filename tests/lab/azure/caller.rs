//! Who sends a request to Azure Resource Manager: the checks of its token.

use hyper::StatusCode;
use jiff::Timestamp;
use serde_json::Value;

use super::reply::Reply;
use crate::jwt::{Issuer, verify};
use crate::secrets::authority;

/// The audiences that Azure Resource Manager and Microsoft Graph accept in all clouds.
const OWN: [&str; 6] = [
    "https://management.azure.com",
    "https://management.core.windows.net",
    "https://management.chinacloudapi.cn",
    "https://management.core.chinacloudapi.cn",
    "https://management.usgovcloudapi.net",
    "https://management.core.usgovcloudapi.net",
];
const GRAPH: [&str; 3] = [
    "https://graph.microsoft.com",
    "https://microsoftgraph.chinacloudapi.cn",
    "https://graph.microsoft.us",
];

/// A principal whose token is valid.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    pub(crate) object: String,
    pub(crate) tenant: String,
}

/// Returns the caller, or the refusal. The codes and messages are those of public reports and of
/// Microsoft's pages "Troubleshoot common Azure deployment errors" and "How to: use the REST API";
/// no recording of one is at hand.
pub(crate) fn caller(authorization: Option<&str>, graph: bool) -> Result<Caller, Reply> {
    let Some(token) = authorization.and_then(|value| value.strip_prefix("Bearer ")) else {
        let message = "Authentication failed. The 'Authorization' header is missing.";
        return Err(refusal("AuthenticationFailed", message));
    };
    let Some(claims) = verify(Issuer::Entra, token.trim()) else { return Err(invalid()) };
    let claim = |key: &str| claims.get(key).and_then(Value::as_str).unwrap_or_default();
    let audience = claim("aud").trim_end_matches('/');
    let accepted = if graph { GRAPH.contains(&audience) } else { OWN.contains(&audience) };
    if !accepted {
        let message = format!(
            "The access token has been obtained for wrong audience or resource '{}'. It should exactly match with one \
             of the allowed audiences 'https://management.core.windows.net/','https://management.core.windows.net',\
             'https://management.azure.com/','https://management.azure.com'.",
            claim("aud")
        );
        return Err(refusal("InvalidAuthenticationTokenAudience", &message));
    }
    let end = claims.get("exp").and_then(Value::as_i64).unwrap_or_default();
    if end < Timestamp::now().as_second() {
        return Err(expired(end));
    }
    Ok(Caller { object: claim("oid").to_owned(), tenant: claim("tid").to_owned() })
}

/// Returns the refusal of a token that has expired.
pub(crate) fn expired(end: i64) -> Reply {
    let time = |second| {
        let time = Timestamp::from_second(second).unwrap_or_default();
        // Azure does not pad its numbers. Padded, a page breaks its lines alike at every hour.
        time.strftime("%m/%d/%Y %I:%M:%S %p").to_string()
    };
    let now = time(Timestamp::now().as_second());
    let message = format!(
        "The access token expiry UTC time '{}' is earlier than current UTC time '{now}'.",
        time(end)
    );
    refusal("ExpiredAuthenticationToken", &message)
}

/// Returns the refusal of a token that nobody issued.
pub(crate) fn invalid() -> Reply {
    refusal("InvalidAuthenticationToken", "The access token is invalid.")
}

/// Returns the refusal of a token of another tenant than the subscription's.
pub(crate) fn other_tenant(own: &str, tenant: &str) -> Reply {
    let message = format!(
        "The access token is from the wrong issuer '{}'. It must match the tenant '{}' associated with this \
         subscription. Please use the authority (URL) 'https://login.windows.net/{tenant}' to get the token. Note, if \
         the subscription is transferred to another tenant there is no impact to the services, but information about \
         new tenant could take time to propagate (up to an hour). If you just transferred your subscription and see \
         this error message, please try back later.",
        authority(own),
        authority(tenant)
    );
    refusal("InvalidAuthenticationTokenTenant", &message)
}

fn refusal(code: &'static str, message: &str) -> Reply {
    let challenge = format!(
        "Bearer authorization_uri=\"https://login.windows.net/\", error=\"invalid_token\", error_description=\"{message}\""
    );
    let mut reply = Reply::error(StatusCode::UNAUTHORIZED, code, message);
    reply.headers.push(("www-authenticate", challenge));
    reply
}
