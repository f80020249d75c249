//! Docker's `config.json`: the credentials for one registry, as docker finds them.

use std::{collections::BTreeMap, path::Path, process::Stdio, time::Duration};

use base64::{Engine, prelude::BASE64_STANDARD};
use serde::Deserialize;
use tokio::{
    fs::File,
    io::{AsyncReadExt, AsyncWriteExt},
    process::Command,
    time::timeout,
};

use super::{Credential, Trouble};
use crate::kit::{Asked, Cx, Secret, World};

/// The longest file, and the longest answer of a helper, that is read.
const LONGEST: u64 = 1024 * 1024;
/// How long a file may take: it may be a pipe.
const FILE_WAIT: Duration = Duration::from_secs(3);
/// How long a helper may take: it may ask a server of its own, or wait for a person.
const HELPER_WAIT: Duration = Duration::from_secs(8);

/// The file, read. Public, so that it can be fuzzed.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Config {
    #[serde(default)]
    auths: BTreeMap<String, Entry>,
    #[serde(default)]
    cred_helpers: BTreeMap<String, String>,
    creds_store: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Entry {
    auth: Option<String>,
    username: Option<String>,
    password: Option<String>,
    identitytoken: Option<String>,
    registrytoken: Option<String>,
}

/// What a helper prints.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Helped {
    username: String,
    secret: String,
}

impl Config {
    /// Reads the file; else says where it does not parse.
    pub fn read(bytes: &[u8]) -> Result<Self, String> {
        // The position says enough; the text around it may be a password.
        serde_json::from_slice(bytes)
            .map_err(|error| format!("line {}, column {}", error.line(), error.column()))
    }

    /// What the file itself holds for that registry; else says, as a word, what is wrong with it.
    pub fn credential(&self, asked: &Asked) -> Result<Option<Credential>, &'static str> {
        let entry = keys(asked).iter().find_map(|key| by_key(&self.auths, key));
        entry.map_or(Ok(None), credential)
    }
}

/// The credentials for that registry; `None` when the file has none.
pub(super) async fn find(cx: &Cx, file: &Path, asked: &Asked) -> Result<Option<Credential>, Trouble> {
    let name = file.display().to_string();
    let unreadable = |said: String| Trouble::AuthFileUnreadable { file: name.clone(), said };
    let malformed = |said: String| Trouble::PullsecretMalformed { file: name.clone(), said };
    let bytes = timeout(FILE_WAIT, read(&cx.world, file)).await;
    let bytes = bytes.map_err(|_| unreadable("no-answer".into()))?.map_err(unreadable)?;
    let config = Config::read(&bytes).map_err(malformed)?;
    let keys = keys(asked);
    let helper = keys.iter().find_map(|key| by_key(&config.cred_helpers, key));
    if let Some(helper) = helper.or(config.creds_store.as_ref()) {
        let failed = |said| Trouble::HelperFailed {
            file: name.clone(),
            helper: format!("docker-credential-{helper}"),
            said,
        };
        let asking = async {
            for key in &keys {
                if let Some(credential) = ask_helper(helper, key).await? {
                    return Ok(Some(credential));
                }
            }
            Ok(None)
        };
        let helped = timeout(HELPER_WAIT, asking).await;
        if let Some(credential) = helped.unwrap_or(Err("no-answer".to_owned())).map_err(failed)? {
            return Ok(Some(credential));
        }
    }
    config.credential(asked).map_err(|said| malformed(said.to_owned()))
}

async fn read(world: &World, file: &Path) -> Result<Vec<u8>, String> {
    if let Some(text) = world.files.get(file) {
        return Ok(text.expose().as_bytes().to_vec());
    }
    let said = |error: std::io::Error| error.to_string();
    let mut bytes = vec![];
    let file = File::open(file).await.map_err(said)?;
    file.take(LONGEST + 1).read_to_end(&mut bytes).await.map_err(said)?;
    if bytes.len() as u64 > LONGEST {
        return Err("too-long".to_owned());
    }
    Ok(bytes)
}

/// The names under which docker may have written a registry, the most exact first.
fn keys(asked: &Asked) -> Vec<String> {
    if asked.registry == "docker.io" {
        let all = ["https://index.docker.io/v1/", "index.docker.io", "docker.io", "registry-1.docker.io"];
        return all.map(str::to_owned).to_vec();
    }
    vec![asked.registry.clone()]
}

/// Looks a registry up, whatever scheme and path its key was written with.
fn by_key<'a, T>(map: &'a BTreeMap<String, T>, wanted: &str) -> Option<&'a T> {
    let bare = |key: &str| {
        let host = key.split_once("://").map_or(key, |(_, rest)| rest);
        let host = host.split('/').next().unwrap_or_default().to_lowercase();
        host.strip_suffix(":443").map(str::to_owned).unwrap_or(host)
    };
    let wanted_host = bare(wanted);
    map.get(wanted).or_else(|| map.iter().find(|(key, _)| bare(key) == wanted_host).map(|(_, v)| v))
}

/// What an entry holds. An empty one is what docker leaves behind beside a helper.
fn credential(entry: &Entry) -> Result<Option<Credential>, &'static str> {
    let filled = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    if let Some(token) = filled(&entry.registrytoken) {
        return Ok(Some(Credential::Access(Secret::new(token))));
    }
    if let Some(token) = filled(&entry.identitytoken) {
        return Ok(Some(Credential::Refresh(Secret::new(token))));
    }
    if let Some(auth) = filled(&entry.auth) {
        let bytes = BASE64_STANDARD.decode(auth.trim()).map_err(|_| "auth-not-base64")?;
        let text = String::from_utf8(bytes).map_err(|_| "auth-not-text")?;
        // A password may hold colons; a user name may not.
        let (user, password) = text.split_once(':').ok_or("auth-without-colon")?;
        // Old dockers padded what they encoded with NULs.
        let password = Secret::new(password.trim_end_matches('\0'));
        return Ok(Some(Credential::Password { user: user.to_owned(), password }));
    }
    Ok(match (filled(&entry.username), filled(&entry.password)) {
        (Some(user), Some(password)) => {
            Some(Credential::Password { user, password: Secret::new(password) })
        }
        _ => None,
    })
}

/// Asks the program that keeps the credentials. `None` when it has none for that registry.
async fn ask_helper(helper: &str, registry: &str) -> Result<Option<Credential>, String> {
    if !helper.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c)) {
        return Err("not-a-helper-name".to_owned());
    }
    let said = |error: std::io::Error| error.to_string();
    let mut child = Command::new(format!("docker-credential-{helper}"))
        .arg("get")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .map_err(said)?;
    let talk = async {
        if let Some(mut stdin) = child.stdin.take() {
            // A helper that does not care for its input may have gone already.
            let _ = stdin.write_all(registry.as_bytes()).await;
        }
        let mut printed = vec![];
        if let Some(stdout) = child.stdout.take() {
            stdout.take(LONGEST + 1).read_to_end(&mut printed).await.map_err(said)?;
        }
        if printed.len() as u64 > LONGEST {
            return Err("too-long".to_owned());
        }
        let status = child.wait().await.map_err(said)?;
        if let Ok(helped) = serde_json::from_slice::<Helped>(&printed) {
            return Ok(Some(helped));
        }
        // The protocol's own words for "I have none for that registry".
        if String::from_utf8_lossy(&printed).contains("credentials not found") {
            return Ok(None);
        }
        Err(status.to_string())
    };
    let helped = talk.await?;
    Ok(helped.filter(|helped| !helped.secret.is_empty()).map(|Helped { username, secret }| {
        let secret = Secret::new(secret);
        match username.as_str() {
            "<token>" => Credential::Refresh(secret),
            _ => Credential::Password { user: username, password: secret },
        }
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kit::Cloud;

    fn found(config: &str, registry: &str) -> Option<String> {
        let asked = Asked::read(&format!("{registry}/a"), Cloud::Public, false).unwrap();
        match Config::read(config.as_bytes()).unwrap().credential(&asked).unwrap()? {
            Credential::Password { user, password } => Some(format!("{user}|{}", password.expose())),
            Credential::Refresh(token) => Some(format!("refresh|{}", token.expose())),
            Credential::Access(token) => Some(format!("access|{}", token.expose())),
            Credential::Nobody => None,
        }
    }

    #[test]
    fn every_form_of_key() {
        for key in [
            "contoso.azurecr.io",
            "https://contoso.azurecr.io",
            "https://contoso.azurecr.io/v1/",
            "https://contoso.azurecr.io/v2/",
            "http://Contoso.azurecr.io",
            "contoso.azurecr.io:443",
        ] {
            let config = format!(r#"{{"auths":{{"{key}":{{"auth":"dTpwOnE="}}}}}}"#);
            assert_eq!(found(&config, "contoso.azurecr.io").as_deref(), Some("u|p:q"), "{key}");
        }
    }

    #[test]
    fn every_form_of_entry() {
        let of = |entry: &str| found(&format!(r#"{{"auths":{{"r.example":{entry}}}}}"#), "r.example");
        assert_eq!(of(r#"{"username":"u","password":"p"}"#).as_deref(), Some("u|p"));
        assert_eq!(of(r#"{"auth":"MDA6","identitytoken":"t"}"#).as_deref(), Some("refresh|t"));
        assert_eq!(of(r#"{"registrytoken":"t"}"#).as_deref(), Some("access|t"));
        assert_eq!(of("{}"), None);
    }

    #[test]
    fn another_registrys_entry_is_not_ours() {
        let config = r#"{"auths":{"contoso.azurecr.io.evil.example":{"auth":"dTpw"}}}"#;
        assert_eq!(found(config, "contoso.azurecr.io"), None);
    }
}
