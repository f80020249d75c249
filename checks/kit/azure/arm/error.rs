//! Why Azure Resource Manager gives no answer, read from what it says in place of one.

use std::time::Duration;

use serde::{Serialize, Serializer};
use serde_json::Value;
use strum::VariantNames;

use crate::kit::{
    net::{ConnectError, Fault},
    redact::sanitize_text,
    rules::is_guid,
};

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq)]
pub enum ArmError {
    /// The caller lacks the permission for an action (403).
    NotPermitted {
        /// The action, such as `Microsoft.ContainerRegistry/registries/read`; `None` where the
        /// message does not name it.
        action: Option<String>,
        /// The scope that it is missing at; the requested one where the message names none.
        scope: String,
        /// Whether a deny assignment takes it away, which no role gives back.
        is_denied: bool,
        /// The message.
        said: String,
    },
    /// There is no such resource, group or subscription (404).
    NotFound {
        /// The code: `ResourceNotFound`, `ResourceGroupNotFound`, `SubscriptionNotFound` …
        code: String,
        /// The message.
        said: String,
    },
    /// Too many requests (429), and no retry was let through.
    Throttled {
        /// How long to wait, if the response said so.
        retry_after: Option<Duration>,
    },
    /// No connection.
    Unreachable(ConnectError),
    /// The token is not accepted (401).
    TokenRefused {
        /// The code: `ExpiredAuthenticationToken`, `InvalidAuthenticationTokenTenant` …
        code: String,
        /// The message.
        said: String,
        /// The tenants whose tokens are accepted there, where it names them.
        tenants: Vec<String>,
    },
    /// Another refusal, or one that does not come from Azure Resource Manager.
    Unexpected {
        /// The status code.
        status: u16,
        /// The code; empty where there is none.
        code: String,
        /// The message; empty where there is none.
        said: String,
    },
    /// A response began, but it cannot be read, or not completely.
    Unreadable(Unreadable),
    /// The id is no path; nothing was sent.
    NotAnId(String),
}

/// Why a response cannot be read, or not completely.
#[derive(Clone, Debug, PartialEq, VariantNames)]
#[strum(serialize_all = "kebab-case")]
pub enum Unreadable {
    /// It is not JSON, or not what was requested.
    NotAPage,
    /// The link to the next page leads to another host.
    NextPageElsewhere,
    /// The link to the next page leads back.
    NextPageSeen,
    /// There are more pages, or longer ones, than are read.
    TooManyPages,
    /// The service cut the result and offers no next page.
    Truncated,
    /// The connection failed.
    #[strum(disabled)]
    Broken(Fault),
}

impl Unreadable {
    /// The words of evidence among its texts.
    pub const WORDS: &[&str] =
        &["not-a-page", "next-page-elsewhere", "next-page-seen", "too-many-pages", "truncated"];

    /// Returns the word of evidence, or the text from elsewhere.
    pub fn word(&self) -> &str {
        match self {
            Unreadable::NotAPage => "not-a-page",
            Unreadable::NextPageElsewhere => "next-page-elsewhere",
            Unreadable::NextPageSeen => "next-page-seen",
            Unreadable::TooManyPages => "too-many-pages",
            Unreadable::Truncated => "truncated",
            Unreadable::Broken(fault) => fault.word(),
        }
    }
}

impl Serialize for Unreadable {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.word())
    }
}

impl ArmError {
    /// Returns what a response without an answer means. `challenge` is its `WWW-Authenticate`.
    pub fn read(
        status: u16,
        body: &[u8],
        challenge: Option<&str>,
        retry_after: Option<Duration>,
        path: &str,
    ) -> Self {
        let found = ErrorBody::read(body);
        let ErrorBody { code, message } = found.clone().unwrap_or_default();
        let said = sanitize_text(&message);
        // The codes are those that the gateway answers with for every resource provider.
        match (status, found.is_some()) {
            (429, _) => ArmError::Throttled { retry_after },
            (401, true) => {
                let tenants = match code.as_str() {
                    "InvalidAuthenticationTokenTenant" => right_tenants(&message, challenge),
                    _ => vec![],
                };
                ArmError::TokenRefused { code: sanitize_text(&code), said, tenants }
            }
            (403, true) if code.ends_with("AuthorizationFailed") => {
                let action = quoted(&message, &["perform action '"]).filter(|text| is_action(text));
                let scope = quoted(&message, &["over scope '", "on scope '"]);
                let scope = scope.filter(|text| text.starts_with('/'));
                let scope = sanitize_text(scope.unwrap_or(path));
                let is_denied = code.starts_with("DenyAssignment");
                let action = action.map(sanitize_text);
                ArmError::NotPermitted { action, scope, is_denied, said }
            }
            (404, true) => ArmError::NotFound { code: sanitize_text(&code), said },
            _ => ArmError::Unexpected { status, code: sanitize_text(&code), said },
        }
    }
}

/// The error in a body.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ErrorBody {
    /// The code.
    pub code: String,
    /// The message, followed by that of the first detail: Resource Graph says there what is wrong.
    pub message: String,
}

impl ErrorBody {
    /// Parses a body, `{"error": {"code", "message", "details"}}`; some resource providers leave out
    /// the outer object. `None` when it has no code.
    pub fn read(body: &[u8]) -> Option<Self> {
        let body: Value = serde_json::from_slice(body).ok()?;
        let error = body.get("error").unwrap_or(&body);
        let text = |of: &Value, name: &str| Some(of.get(name)?.as_str()?.to_owned());
        let code = text(error, "code").filter(|code| !code.is_empty())?;
        let message = text(error, "message").unwrap_or_default();
        let detail = error.get("details").and_then(|details| text(details.get(0)?, "message"));
        let detail = detail.filter(|detail| !detail.is_empty() && *detail != message);
        let message = [Some(message), detail].into_iter().flatten();
        let message: Vec<String> = message.filter(|text| !text.is_empty()).collect();
        Some(Self { code, message: message.join(" ") })
    }
}

/// Returns the text in quotes behind the first of these beginnings that occurs.
fn quoted<'a>(message: &'a str, after: &[&str]) -> Option<&'a str> {
    let rest = after.iter().find_map(|after| message.split_once(after))?.1;
    Some(rest.split_once('\'')?.0)
}

fn is_action(text: &str) -> bool {
    let is_usual = |c: char| c.is_ascii_alphanumeric() || "./-_*".contains(c);
    !text.is_empty() && text.len() <= 300 && text.chars().all(is_usual)
}

/// Returns the tenants that a subscription belongs to. The message names them by their issuers
/// ("It must match the tenant `https://sts.windows.net/ID/` associated with this subscription"), the
/// challenge in its `authorization_uri`.
fn right_tenants(message: &str, challenge: Option<&str>) -> Vec<String> {
    let named = message.split_once("must match").map_or("", |(_, rest)| rest);
    // What comes after names the same tenant again.
    let named = named.split("associated with").next().unwrap_or_default();
    let uri =
        challenge.and_then(|text| text.split_once("authorization_uri=\"")?.1.split('"').next());
    let words = [named, uri.unwrap_or_default()].into_iter().flat_map(|text| {
        text.split(|c: char| !c.is_ascii_hexdigit() && c != '-').filter(|word| is_guid(word))
    });
    let mut tenants: Vec<String> = vec![];
    for tenant in words.map(str::to_lowercase).take(MAX_TENANTS) {
        if !tenants.contains(&tenant) {
            tenants.push(tenant);
        }
    }
    tenants
}

/// The most tenants that are read from a message.
const MAX_TENANTS: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee";
    const B: &str = "bbbbbbbb-bbbb-cccc-dddd-eeeeeeeeeeee";

    fn body(code: &str, message: &str) -> Vec<u8> {
        serde_json::json!({ "error": { "code": code, "message": message } })
            .to_string()
            .into_bytes()
    }

    fn read(status: u16, body: &[u8]) -> ArmError {
        ArmError::read(status, body, None, None, "/subscriptions/asked")
    }

    /// The messages are Azure's own, as public recordings have them.
    #[test]
    fn a_missing_permission_names_action_and_scope() {
        let said = format!(
            "The client '{A}' with object id '{A}' does not have authorization to perform action \
             'Microsoft.ContainerRegistry/registries/read' over scope '/subscriptions/s/resourceGroups/g' \
             or the scope is invalid. If access was recently granted, please refresh your credentials."
        );
        let ArmError::NotPermitted { action, scope, .. } =
            read(403, &body("AuthorizationFailed", &said))
        else {
            panic!()
        };
        assert_eq!(action.as_deref(), Some("Microsoft.ContainerRegistry/registries/read"));
        assert_eq!(scope, "/subscriptions/s/resourceGroups/g");
        let denied = "has permission to perform action 'A/read' on scope '/s'; however, the access is denied";
        let error = read(403, &body("DenyAssignmentAuthorizationFailed", denied));
        let ArmError::NotPermitted { action, scope, is_denied: true, .. } = error else { panic!() };
        assert_eq!((action.as_deref(), scope.as_str()), (Some("A/read"), "/s"));
        for said in ["no", "to perform action 'no such; action' over scope 'x'", "perform action '"]
        {
            let error = read(403, &body("AuthorizationFailed", said));
            let ArmError::NotPermitted { action, scope, .. } = error else { panic!("{said}") };
            assert_eq!((action, scope.as_str()), (None, "/subscriptions/asked"), "{said}");
        }
    }

    #[test]
    fn a_token_of_another_tenant_names_the_right_one() {
        let said = format!(
            "The access token is from the wrong issuer 'https://sts.windows.net/{A}/'. It must match the \
             tenant 'https://sts.windows.net/{B}/' associated with this subscription. Please use the \
             authority (URL) 'https://login.windows.net/{B}' to get the token."
        );
        let body = body("InvalidAuthenticationTokenTenant", &said);
        let challenge =
            format!("Bearer authorization_uri=\"https://login.windows.net/{B}\", error=\"x\"");
        for challenge in [None, Some(challenge.as_str())] {
            let error = ArmError::read(401, &body, challenge, None, "/");
            let ArmError::TokenRefused { tenants, .. } = error else { panic!() };
            assert_eq!(tenants, [B]);
        }
    }

    #[test]
    fn what_does_not_come_from_azure_is_not_taken_for_its_words() {
        for bytes in [&b"<html>no</html>"[..], b"", b"{}", b"[]", b"{\"error\":\"denied\"}"] {
            for status in [401, 403, 404, 500, 302] {
                let wanted =
                    ArmError::Unexpected { status, code: String::new(), said: String::new() };
                assert_eq!(read(status, bytes), wanted);
            }
        }
        let missing =
            read(404, &body("ResourceGroupNotFound", "Resource group 'g' could not be found."));
        assert!(
            matches!(missing, ArmError::NotFound { code, .. } if code == "ResourceGroupNotFound")
        );
        let policy = read(403, &body("RequestDisallowedByPolicy", "no"));
        assert!(matches!(policy, ArmError::Unexpected { status: 403, .. }));
    }

    #[test]
    fn a_detail_says_what_is_wrong() {
        let body = br#"{"error":{"code":"BadRequest","message":"Please provide below info","details":[{"code":"InvalidQuery","message":"Query is invalid."}]}}"#;
        let message = "Please provide below info Query is invalid.";
        assert_eq!(ErrorBody::read(body).unwrap().message, message);
        let bare = ErrorBody::read(br#"{"code":"Conflict","message":"no"}"#).unwrap();
        assert_eq!((bare.code.as_str(), bare.message.as_str()), ("Conflict", "no"));
    }

    #[test]
    fn the_words_are_those_of_the_variants() {
        assert_eq!(Unreadable::VARIANTS[..Unreadable::WORDS.len()], *Unreadable::WORDS);
    }
}
