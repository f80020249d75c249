//! Who asks the cluster: the credentials of a user of a kubeconfig, as kubectl uses them.

use base64::{Engine, prelude::BASE64_STANDARD};
use jiff::Timestamp;
use serde_json::Value;

use super::{
    credentials::{Credentials, certificate},
    file::Entry,
    problem::{EntryFault, Problem},
    program,
};
use crate::kit::{Cx, Secret, redact::claims};

/// Returns the credentials of a user. kubectl takes a client certificate together with the first of
/// a token, a password and a program.
///
/// `cluster` is what a program is told of the cluster where the user says so.
pub(super) async fn credentials(
    cx: &Cx,
    user: &Entry,
    cluster: &Value,
) -> Result<Credentials, Problem> {
    if let Some(provider) = user.fields.get("auth-provider") {
        let provider = super::file::text_of(provider, "name").unwrap_or_default();
        return Err(Problem::ProviderRemoved { provider });
    }
    let mut found = Credentials::default();
    let chain = bytes(cx, user, "client-certificate").await?;
    let key = bytes(cx, user, "client-key").await?;
    if chain.is_some() && key.is_none() {
        let (name, field, fault) = (user.name.clone(), "client-key", EntryFault::NoKey);
        return Err(Problem::EntryUnusable { name, field, fault });
    }
    if let (Some(chain), Some(key)) = (chain, key) {
        let key = Secret::new(String::from_utf8_lossy(&key));
        found.certificate = Some(certificate(cx, &user.name, &chain, &key)?);
    }
    if let Some(token) = token(cx, user).await? {
        if let Some(expired) = expired(cx, &token) {
            return Err(Problem::TokenExpired { user: user.name.clone(), expired });
        }
        found.authorization = Some(token.bearer());
    } else if let (Some(name), Some(password)) = (user.text("username"), user.text("password")) {
        found.authorization = Some(Secret::new(password).basic(&name));
    } else if let Some(exec) = user.fields.get("exec") {
        program::sign_in(cx, user, (exec, cluster), &mut found).await?;
    }
    Ok(found)
}

/// Returns the token of a user. The file counts, where it can be read and holds one, as it is renewed
/// (client-go, `transport/round_trippers.go`, `NewBearerAuthWithRefreshRoundTripper`).
async fn token(cx: &Cx, user: &Entry) -> Result<Option<Secret>, Problem> {
    let written = user.text("token").map(Secret::new);
    let Some(path) = user.path("tokenFile") else { return Ok(written) };
    let in_file = read(cx, user, "tokenFile", &path).await.and_then(|bytes| {
        let token = Secret::new(String::from_utf8_lossy(&bytes).trim());
        let (name, field, fault) = (user.name.clone(), "tokenFile", EntryFault::EmptyCredential);
        let is_empty = token.expose().is_empty();
        if is_empty { Err(Problem::EntryUnusable { name, field, fault }) } else { Ok(token) }
    });
    match (in_file, written) {
        (Ok(token), _) | (Err(_), Some(token)) => Ok(Some(token)),
        (Err(why), None) => Err(why),
    }
}

/// Returns when a token expired; `None` if it has not, or does not say.
fn expired(cx: &Cx, token: &Secret) -> Option<Timestamp> {
    let seconds = claims(token)?.get("exp")?.as_i64()?;
    let end = Timestamp::from_second(seconds).ok()?;
    (end < cx.now()).then_some(end)
}

/// Returns the content of a field that holds base64 (`NAME-data`), or of the file that another names
/// (`NAME`).
pub(super) async fn bytes(
    cx: &Cx,
    entry: &Entry,
    field: &'static str,
) -> Result<Option<Vec<u8>>, Problem> {
    if let Some(data) = entry.text(&format!("{field}-data")) {
        let unusable = || Problem::EntryUnusable {
            name: entry.name.clone(),
            field,
            fault: EntryFault::NotBase64,
        };
        return Ok(Some(BASE64_STANDARD.decode(data.trim()).map_err(|_| unusable())?));
    }
    match entry.path(field) {
        Some(path) => Ok(Some(read(cx, entry, field, &path).await?)),
        None => Ok(None),
    }
}

async fn read(
    cx: &Cx,
    entry: &Entry,
    field: &'static str,
    path: &std::path::Path,
) -> Result<Vec<u8>, Problem> {
    cx.world.read(path).await.map_err(|fault| Problem::EntryUnusable {
        name: entry.name.clone(),
        field,
        fault: EntryFault::File(fault),
    })
}
