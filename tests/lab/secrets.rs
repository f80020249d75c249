//! Credentials of the lab. All are recognizable, so that a leak can be found in any output.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::identity::{Entra, IdentityKind};
use crate::images::digest;
use crate::jwt::{Issuer, beginning, sign};
use crate::scenario::Scenario;

/// The text that every secret of the lab contains, except signed tokens. (A base64 form contains it
/// once decoded.) No output may contain it.
pub const CANARY: &str = "CanaryDoNotPrint";

/// The user of the password: a repository-scoped token of the registry.
pub(crate) const USER: &str = "pull-token";
/// Another repository-scoped token, which was disabled.
pub(crate) const OLD_USER: &str = "old-token";
/// The user that the proxies accept.
pub(crate) const PROXY_USER: &str = "corp-user";
/// The user name that goes with a refresh token.
pub(crate) const TOKEN_USER: &str = "00000000-0000-0000-0000-000000000000";
/// A service principal that the tenant does not have.
pub(crate) const UNKNOWN_APPLICATION: &str = "e2a7c6b1-04d9-4f38-95be-7c1d60f3a8e4";
/// The registry's own id.
pub(crate) const REGISTRY_ID: &str = "5b0e7c1d2f3a4968b7c6d5e4f3a2b1c0";
/// The service account of the assertion, and its audience.
pub(crate) const SUBJECT: &str = "system:serviceaccount:shop:app";
pub(crate) const EXCHANGE_AUDIENCE: &str = "api://AzureADTokenExchange";
/// The lifetimes in seconds of an access token, a refresh token and a service account token.
const ACCESS_LIFE: i64 = 4_500;
const REFRESH_LIFE: i64 = 11_700;
const ASSERTION_LIFE: i64 = 3_600;

/// The secrets of one world.
#[derive(Debug)]
pub(crate) struct Secrets {
    pub(crate) password: String,
    pub(crate) wrong_password: String,
    pub(crate) admin_password: String,
    pub(crate) identity_token: String,
    pub(crate) stale_identity_token: String,
    pub(crate) proxy_password: String,
    /// The valid secret of every service principal, and its previous one.
    pub(crate) client_secret: String,
    pub(crate) old_client_secret: String,
    /// A service account token.
    pub(crate) assertion: String,
    /// The beginnings of tokens that are yet to be issued, part by part, and user:password pairs.
    marks: Vec<String>,
}

impl Secrets {
    pub(crate) fn new(scenario: &Scenario) -> Self {
        let now = Timestamp::now().as_second();
        let login_server = &scenario.registry.login_server;
        let refresh = |issued| {
            let who = Holder {
                application: "3a9b8c7d-6e5f-4a3b-8c2d-1e0f9a8b7c6d",
                object: "7d3f9c52-1e84-4b6a-8f05-c2a1b0d9e8f7",
            };
            refresh_token("0c6e1f5a-2b7d-4e3c-9a80-5d4c3b2a1908", login_server, &who, issued)
        };
        let mut secrets = Self {
            password: password_of(USER),
            wrong_password: password_of(OLD_USER),
            admin_password: admin_password(),
            identity_token: refresh(now - 60),
            stale_identity_token: refresh(now - 30 * 86_400),
            proxy_password: format!("{CANARY}-proxy-password"),
            client_secret: format!("{CANARY}-client-secret"),
            old_client_secret: format!("{CANARY}-last-years-client-secret"),
            assertion: assertion(&scenario.entra, now),
            marks: Vec::new(),
        };
        secrets.marks = secrets.marks(&scenario.entra, login_server);
        secrets
    }

    /// Returns a text with its placeholders replaced by credentials.
    pub(crate) fn fill(&self, text: &str, login_server: &str) -> String {
        let [auth, line, twice, wrong] = self.auths();
        let entry = json!({ "auths": { login_server: { "auth": auth } } });
        text.replace("$AUTH", &auth)
            .replace("$LINE", &line)
            .replace("$TWICE", &twice)
            .replace("$WRONG", &wrong)
            .replace("$TOKEN", &self.identity_token)
            .replace("$STALE_TOKEN", &self.stale_identity_token)
            .replace("$CLIENT_SECRET", &self.client_secret)
            .replace("$OLD_CLIENT_SECRET", &self.old_client_secret)
            .replace("$ASSERTION", &self.assertion)
            .replace("$CONFIG", &STANDARD.encode(entry.to_string()))
    }

    /// Returns the replacements: the right password in base64, with a line ending, and encoded
    /// twice; and the wrong one.
    fn auths(&self) -> [String; 4] {
        let right = format!("{USER}:{}", self.password);
        let auth = STANDARD.encode(&right);
        let twice = STANDARD.encode(&auth);
        let wrong = STANDARD.encode(format!("{USER}:{}", self.wrong_password));
        [auth, STANDARD.encode(format!("{right}\n")), twice, wrong]
    }

    fn marks(&self, entra: &Entra, login_server: &str) -> Vec<String> {
        let mut marks: Vec<_> =
            [Issuer::Registry, Issuer::Entra, Issuer::Cluster].map(Issuer::head).into();
        marks.push(beginning(BY_REGISTRY));
        marks.push(beginning(&format!("{{\"aud\":[\"{EXCHANGE_AUDIENCE}\"],\"iss\":\"https://")));
        for audience in &entra.audiences {
            let bare = audience.trim_end_matches('/');
            for audience in [bare, &format!("{bare}/")] {
                marks.extend(
                    entra.tenants().into_iter().map(authority).map(|iss| {
                        beginning(&format!("{{\"aud\":\"{audience}\",\"iss\":\"{iss}\""))
                    }),
                );
            }
        }
        let mut pairs = vec![
            (PROXY_USER, &self.proxy_password),
            (TOKEN_USER, &self.identity_token),
            (TOKEN_USER, &self.stale_identity_token),
            (admin(login_server), &self.admin_password),
            (OLD_USER, &self.wrong_password),
            (UNKNOWN_APPLICATION, &self.client_secret),
        ];
        let applications =
            entra.identities.values().filter(|one| one.kind == IdentityKind::Application);
        for application in applications {
            pairs.push((&application.client_id, &self.client_secret));
            pairs.push((&application.client_id, &self.old_client_secret));
        }
        marks.extend(pairs.iter().map(|(user, word)| STANDARD.encode(format!("{user}:{word}"))));
        marks
    }

    /// Returns everything that no output may contain.
    pub(crate) fn all(&self) -> Vec<String> {
        let mut all = vec![
            CANARY.to_owned(),
            self.password.clone(),
            self.wrong_password.clone(),
            self.admin_password.clone(),
            self.identity_token.clone(),
            self.stale_identity_token.clone(),
            self.proxy_password.clone(),
            self.client_secret.clone(),
            self.old_client_secret.clone(),
            self.assertion.clone(),
            crate::kubernetes::TOKEN.to_owned(),
        ];
        all.extend(self.auths());
        all.extend(self.marks.clone());
        all
    }
}

/// Returns the password of a repository-scoped token: that of the other one is the wrong one.
pub(crate) fn password_of(token: &str) -> String {
    match token {
        OLD_USER => format!("{CANARY}-last-years-password"),
        _ => format!("{CANARY}-password"),
    }
}

/// Returns the password of the admin user.
pub(crate) fn admin_password() -> String {
    format!("{CANARY}-admin-password")
}

/// Returns the name of the admin user, which is that of the registry.
pub(crate) fn admin(login_server: &str) -> &str {
    login_server.split('.').next().unwrap_or_default()
}

/// Returns the `user:password` pair of a Basic Authorization header.
pub(crate) fn basic(header: &str) -> Option<(String, String)> {
    let decoded = STANDARD.decode(header.strip_prefix("Basic ")?.trim()).ok()?;
    let text = String::from_utf8(decoded).ok()?;
    let (user, password) = text.split_once(':')?;
    Some((user.to_owned(), password.to_owned()))
}

/// The beginning of the claims of every registry token.
const BY_REGISTRY: &str = "{\"iss\":\"Azure Container Registry\",\"aud\":\"";

/// The identity that a refresh token is issued to.
pub(crate) struct Holder<'a> {
    pub(crate) application: &'a str,
    pub(crate) object: &'a str,
}

/// Returns a refresh token; the id makes it unique.
pub(crate) fn refresh_token(id: &str, audience: &str, who: &Holder<'_>, issued: i64) -> String {
    let claims = json!({
        "iss": "Azure Container Registry", "aud": audience,
        "jti": id, "sub": who.object,
        "nbf": issued, "exp": issued + REFRESH_LIFE, "iat": issued,
        "version": "1.0", "rid": REGISTRY_ID, "grant_type": "refresh_token",
        "appid": who.application,
        "permissions": { "Actions": ["read"], "NotActions": null }, "roles": [],
    });
    sign(Issuer::Registry, &claims)
}

/// Returns an access token; the id makes it unique.
pub(crate) fn access_token(id: &str, audience: &str, access: &Value) -> String {
    let now = Timestamp::now().as_second();
    let claims = json!({
        "iss": "Azure Container Registry", "aud": audience,
        "jti": id, "sub": USER,
        "nbf": now, "exp": now + ACCESS_LIFE, "iat": now,
        "version": "2.0", "rid": REGISTRY_ID,
        "access": access, "roles": [], "grant_type": "access_token",
    });
    sign(Issuer::Registry, &claims)
}

/// Returns the issuer claim of a tenant's tokens.
pub(crate) fn authority(tenant: &str) -> String {
    format!("https://sts.windows.net/{tenant}/")
}

/// Returns a service account token, as a cluster projects it into a pod.
fn assertion(entra: &Entra, now: i64) -> String {
    let cluster = "a70d5e2c-8f14-4b93-b6c1-29e4d7f83a05";
    let claims = json!({
        "aud": [EXCHANGE_AUDIENCE],
        "iss": format!("https://eastus.oic.prod-aks.azure.com/{}/{cluster}/", entra.tenant),
        "exp": now + ASSERTION_LIFE, "iat": now, "nbf": now,
        "jti": CANARY,
        "kubernetes.io": {
            "namespace": "shop",
            "serviceaccount": { "name": "app", "uid": "0d82f5c7-3e6b-4a19-8c70-f4b1d92e6a53" },
        },
        "sub": SUBJECT,
    });
    sign(Issuer::Cluster, &claims)
}

/// Returns the signature that makes the URL of a blob on the data host valid.
pub(crate) fn signature(repository: &str, blob: &str) -> String {
    let signed = digest(format!("{CANARY} {repository} {blob}").as_bytes());
    format!("{CANARY}{}", signed.trim_start_matches("sha256:"))
}
