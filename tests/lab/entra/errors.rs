//! The errors of Entra ID: the status, error code and message that go with each number.

use hyper::StatusCode;
use jiff::Timestamp;
use serde_json::{Value, json};

/// The values in the messages.
#[derive(Debug, Clone, Default)]
pub(crate) struct Facts {
    pub(crate) tenant: String,
    pub(crate) client: String,
    pub(crate) resource: String,
    /// The claims of the token that was presented instead of a secret.
    pub(crate) assertion: Value,
}

/// An error response.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) status: StatusCode,
    pub(crate) body: Value,
}

/// Returns the error with that number. The id makes its trace id unique.
pub(crate) fn refused(number: u32, facts: &Facts, id: &str) -> Refused {
    let (status, error) = word(number);
    // The trace id differs from the correlation id, as in Entra's responses.
    let trace = id.replacen("8d35f0c2", "c41d8e07", 1);
    let time = Timestamp::now().strftime("%Y-%m-%d %H:%M:%SZ").to_string();
    let description = format!(
        "AADSTS{number}: {} Trace ID: {trace} Correlation ID: {id} Timestamp: {time}",
        sentence(number, facts)
    );
    let body = json!({
        "error": error, "error_description": description, "error_codes": [number],
        "timestamp": time, "trace_id": trace, "correlation_id": id,
        "error_uri": format!("https://login.microsoftonline.com/error?code={number}"),
    });
    Refused { status, body }
}

fn word(number: u32) -> (StatusCode, &'static str) {
    let unauthorized = StatusCode::UNAUTHORIZED;
    let bad = StatusCode::BAD_REQUEST;
    match number {
        7_000_215 | 7_000_218 | 7_000_222 | 70_025 => (unauthorized, "invalid_client"),
        700_016 => (bad, "unauthorized_client"),
        90_002 => (bad, "invalid_tenant"),
        53_003 => (bad, "interaction_required"),
        500_011 | 50_001 => (bad, "invalid_resource"),
        1_002_012 => (bad, "invalid_scope"),
        70_003 => (bad, "unsupported_grant_type"),
        _ => (bad, "invalid_request"),
    }
}

fn sentence(number: u32, facts: &Facts) -> String {
    let Facts { tenant, client, resource, assertion } = facts;
    let claim = |key: &str| match assertion.get(key) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(many)) => {
            many.first().and_then(Value::as_str).unwrap_or_default().to_owned()
        }
        _ => String::new(),
    };
    match number {
        90_002 => format!(
            "Tenant '{tenant}' not found. Check to make sure you have the correct tenant ID and are signing into the \
             correct cloud. Check with your subscription administrator, this may happen if there are no active \
             subscriptions for the tenant."
        ),
        700_016 => format!(
            "Application with identifier '{client}' was not found in the directory 'Contoso'. This can happen if the \
             application has not been installed by the administrator of the tenant or consented to by any user in the \
             tenant. You may have sent your authentication request to the wrong tenant."
        ),
        7_000_215 => format!(
            "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, \
             not the client secret ID, for a secret added to app '{client}'."
        ),
        7_000_218 => "The request body must contain the following parameter: 'client_assertion' or 'client_secret'."
            .to_owned(),
        7_000_222 => format!(
            "The provided client secret keys for app '{client}' are expired. Visit the Azure portal to create new keys \
             for your app: https://aka.ms/NewClientSecret, or consider using certificate credentials for added \
             security: https://aka.ms/certCreds."
        ),
        70_021 => format!(
            "No matching federated identity record found for presented assertion. Assertion Issuer: '{}'. Assertion \
             Subject: '{}'. Assertion Audience: '{}'.",
            claim("iss"),
            claim("sub"),
            claim("aud"),
        ),
        700_213 => format!(
            "No matching federated identity record found for presented assertion subject '{}'.",
            claim("sub")
        ),
        700_024 => "Client assertion is not within its valid time range.".to_owned(),
        70_025 => "Client application has no configured federated identity credentials.".to_owned(),
        90_061 => "Request to External OIDC endpoint failed.".to_owned(),
        53_003 => "Access has been blocked by Conditional Access policies. The access policy does not allow token \
                   issuance."
            .to_owned(),
        500_011 => format!(
            "The resource principal named {resource} was not found in the tenant named Contoso. This can happen if the \
             application has not been installed by the administrator of the tenant or consented to by any user in the \
             tenant. You might have sent your authentication request to the wrong tenant."
        ),
        50_001 => format!(
            "The resource is disabled or does not exist. Check your app's code to ensure that you have specified the \
             exact resource URL for the resource you're trying to access. Requested resource: '{resource}'."
        ),
        1_002_012 => format!(
            "The provided value for scope {resource} is not valid. Client credential flows must have a scope value \
             with /.default suffixed to the resource identifier (application ID URI)."
        ),
        70_003 => "The app requested an unsupported grant type.".to_owned(),
        // The messages of the other errors are unknown.
        _ => "The request was refused.".to_owned(),
    }
}
