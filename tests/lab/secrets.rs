//! Credentials of the lab. Each one carries a mark, so that a leak can be found in any output.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::images::digest;
use crate::settings::Registry;

/// Is in every secret of the lab (in base64 forms: in what they encode). No output may contain it.
pub const CANARY: &str = "CanaryDoNotPrint";

/// The user of the password: a repository-scoped token of the registry.
pub(crate) const USER: &str = "pull-token";
/// The user whom the proxies know.
pub(crate) const PROXY_USER: &str = "corp-user";
/// The user name that goes with a refresh token.
pub(crate) const NOBODY: &str = "00000000-0000-0000-0000-000000000000";
/// The key that the registry says it signs with.
const KEY: &str = "LAB2:CDEF:GHIJ:KLMN:OPQR:STUV:WXYZ:2345:67AB:CDEF:GHIJ:KLMN";
/// The registry's own id.
pub(crate) const REGISTRY_ID: &str = "5b0e7c1d2f3a4968b7c6d5e4f3a2b1c0";
/// Seconds that an access token and a refresh token live.
const ACCESS_LIFE: i64 = 4_500;
const REFRESH_LIFE: i64 = 11_700;
/// Characters of a 2048-bit signature in base64.
const SIGNATURE: usize = 342;

/// The secrets of one world.
#[derive(Debug)]
pub(crate) struct Secrets {
    pub(crate) password: String,
    pub(crate) wrong_password: String,
    pub(crate) identity_token: String,
    pub(crate) stale_identity_token: String,
    pub(crate) proxy_password: String,
}

impl Secrets {
    pub(crate) fn new(registry: &Registry) -> Self {
        let now = Timestamp::now().as_second();
        let refresh = |issued: i64| {
            jwt(&json!({
                "jti": "0c6e1f5a-2b7d-4e3c-9a80-5d4c3b2a1908",
                "sub": "7d3f9c52-1e84-4b6a-8f05-c2a1b0d9e8f7",
                "nbf": issued, "exp": issued + REFRESH_LIFE, "iat": issued,
                "iss": "Azure Container Registry", "aud": registry.login_server,
                "version": "1.0", "rid": REGISTRY_ID, "grant_type": "refresh_token",
                "appid": "3a9b8c7d-6e5f-4a3b-8c2d-1e0f9a8b7c6d",
                "permissions": { "Actions": ["read"], "NotActions": null }, "roles": [],
            }))
        };
        Self {
            password: format!("{CANARY}-password"),
            wrong_password: format!("{CANARY}-last-years-password"),
            identity_token: refresh(now - 60),
            stale_identity_token: refresh(now - 30 * 86_400),
            proxy_password: format!("{CANARY}-proxy-password"),
        }
    }

    /// A text with the sign-in written into it.
    pub(crate) fn fill(&self, text: &str, login_server: &str) -> String {
        let [auth, line, twice, wrong] = self.auths();
        let entry = json!({ "auths": { login_server: { "auth": auth } } });
        text.replace("$AUTH", &auth)
            .replace("$LINE", &line)
            .replace("$TWICE", &twice)
            .replace("$WRONG", &wrong)
            .replace("$TOKEN", &self.identity_token)
            .replace("$CONFIG", &STANDARD.encode(entry.to_string()))
    }

    /// The right password in base64, with a line's end, and twice; and the wrong one.
    fn auths(&self) -> [String; 4] {
        let right = format!("{USER}:{}", self.password);
        let auth = STANDARD.encode(&right);
        let twice = STANDARD.encode(&auth);
        let wrong = STANDARD.encode(format!("{USER}:{}", self.wrong_password));
        [auth, STANDARD.encode(format!("{right}\n")), twice, wrong]
    }

    /// Everything that no output may contain.
    pub(crate) fn all(&self) -> Vec<String> {
        let mut all = vec![
            CANARY.to_owned(),
            self.password.clone(),
            self.wrong_password.clone(),
            self.identity_token.clone(),
            self.stale_identity_token.clone(),
            self.proxy_password.clone(),
            STANDARD.encode(format!("{PROXY_USER}:{}", self.proxy_password)),
            head(),
        ];
        all.extend(self.auths());
        all
    }
}

/// A `user:password` pair from an Authorization header of the Basic kind.
pub(crate) fn basic(header: &str) -> Option<(String, String)> {
    let decoded = STANDARD.decode(header.strip_prefix("Basic ")?.trim()).ok()?;
    let text = String::from_utf8(decoded).ok()?;
    let (user, password) = text.split_once(':')?;
    Some((user.to_owned(), password.to_owned()))
}

/// An access token; the id makes it different from all others.
pub(crate) fn access_token(id: &str, audience: &str, access: &Value) -> String {
    let now = Timestamp::now().as_second();
    jwt(&json!({
        "jti": id, "sub": USER,
        "nbf": now, "exp": now + ACCESS_LIFE, "iat": now,
        "iss": "Azure Container Registry", "aud": audience,
        "version": "2.0", "rid": REGISTRY_ID,
        "access": access, "roles": [], "grant_type": "access_token",
    }))
}

/// What makes the address of a blob on the data host valid.
pub(crate) fn signature(repository: &str, blob: &str) -> String {
    let signed = digest(format!("{CANARY} {repository} {blob}").as_bytes());
    format!("{CANARY}{}", signed.trim_start_matches("sha256:"))
}

/// The first part of every token: also what a cut-off token begins with.
fn head() -> String {
    let header = json!({ "alg": "RS256", "typ": "JWT", "kid": KEY });
    URL_SAFE_NO_PAD.encode(header.to_string())
}

/// A token of the right shape. Nobody verifies its signature: the lab remembers what it issued.
fn jwt(claims: &Value) -> String {
    let claims = URL_SAFE_NO_PAD.encode(claims.to_string());
    let signature: String = CANARY.chars().cycle().take(SIGNATURE).collect();
    format!("{}.{claims}.{signature}", head())
}
