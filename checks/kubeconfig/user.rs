//! Who asks the cluster: the credentials of a user of a kubeconfig, as kubectl uses them.

use base64::{Engine, prelude::BASE64_STANDARD};
use jiff::Timestamp;

use super::{
    credentials::{Credentials, certificate},
    file::Entry,
    problem::{EntryFault, Problem},
    program,
};
use crate::kit::{Cx, Secret, redact::claims};

/// Returns the credentials of a user. kubectl takes a client certificate together with the first of
/// a token, a password and a program.
pub(super) async fn credentials(cx: &Cx, user: &Entry) -> Result<Credentials, Problem> {
    if let Some(provider) = user.fields.get("auth-provider") {
        let provider = super::file::text_of(provider, "name").unwrap_or_default();
        return Err(Problem::ProviderRemoved { provider });
    }
    let mut found = Credentials::default();
    let chain = bytes(cx, user, "client-certificate").await?;
    let key = bytes(cx, user, "client-key").await?;
    if let (Some(chain), Some(key)) = (chain, key) {
        let key = Secret::new(String::from_utf8_lossy(&key));
        found.certificate = Some(certificate(cx, &user.name, &chain, &key)?);
    }
    let token = match user.text("token") {
        Some(token) => Some(Secret::new(token)),
        None => match user.path("tokenFile") {
            Some(path) => {
                let bytes = read(cx, user, "tokenFile", &path).await?;
                Some(Secret::new(String::from_utf8_lossy(&bytes)))
            }
            None => None,
        },
    };
    if let Some(token) = token {
        let token = Secret::new(token.expose().trim());
        if let Some(expired) = expired(cx, &token) {
            return Err(Problem::TokenExpired { user: user.name.clone(), expired });
        }
        found.authorization = Some(token.bearer());
    } else if let (Some(name), Some(password)) = (user.text("username"), user.text("password")) {
        found.authorization = Some(Secret::new(password).basic(&name));
    } else if let Some(exec) = user.fields.get("exec") {
        program::sign_in(cx, user, exec, &mut found).await?;
    }
    Ok(found)
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
