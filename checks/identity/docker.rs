//! Docker's `config.json`: the credentials for one registry, as docker finds them.
//!
//! What docker cannot read it warns of and goes on without: a file that was not named is no reason for
//! a pull to fail, but it may be why the pull is anonymous (docker/cli, cli/config).

use std::path::Path;

use serde_json::Value;

use super::{
    credential::Credential,
    credential_file::{Found, read},
    entry::password,
    helper,
    near_miss::{Near, Reader, near, shown},
    problem::Problem,
};
use crate::{
    image::ImageTarget,
    kit::{
        Cx, RegistryOrImage, Secret,
        rules::{Fields, Malformed},
    },
};

/// What docker asks for when it means Docker Hub.
const HUB: &str = "https://index.docker.io/v1/";

/// The file, read. Public, so that it can be fuzzed.
pub struct Config(Value);

impl Config {
    /// Reads the first value of the file, whatever follows it; an empty file is an empty config. Else says
    /// where it does not parse.
    pub fn read(bytes: &[u8]) -> Result<Self, String> {
        match serde_json::Deserializer::from_slice(bytes).into_iter::<Value>().next() {
            None => Ok(Self(Value::Null)),
            Some(Ok(value @ (Value::Object(_) | Value::Null))) => Ok(Self(value)),
            Some(Ok(_)) => Err("not-an-object".to_owned()),
            // The position says enough; the text around it may be a password.
            Some(Err(error)) => Err(format!("line {}, column {}", error.line(), error.column())),
        }
    }

    /// What the file itself holds for that registry; else says, as a word, what is wrong with it.
    pub fn credential(&self, asked: &RegistryOrImage) -> Result<Option<Credential>, Malformed> {
        self.entry(due(asked)).map_or(Ok(None), |(_, entry)| held(entry))
    }

    /// The program that keeps the credentials for that key, if one does.
    fn helper(&self, due: &str) -> Option<&str> {
        let fields = Fields::of(&self.0)?;
        let helpers = fields.map("credHelpers").unwrap_or_default();
        let own =
            helpers.iter().find(|(key, _)| *key == due).and_then(|(_, helper)| helper.as_str());
        own.or(fields.text("credsStore").unwrap_or_default())
    }

    fn entries(&self) -> Vec<(&str, &Value)> {
        Fields::of(&self.0).and_then(|fields| fields.map("auths").ok()).unwrap_or_default()
    }

    /// The entry with that key, else the first whose key is a URL of that host.
    fn entry(&self, due: &str) -> Option<(&str, &Value)> {
        let entries = self.entries();
        let exact = entries.iter().find(|(key, _)| *key == due);
        exact.or_else(|| entries.iter().find(|(key, _)| hostname(key) == due)).copied()
    }
}

/// What the file holds for that registry. `named` is whether somebody pointed at that file.
pub(super) async fn find(
    cx: &Cx,
    file: &Path,
    named: bool,
    image_target: &ImageTarget,
) -> Result<Vec<Found>, Problem> {
    let name = file.display().to_string();
    let unusable = |said: String, key: Option<String>| {
        cx.add_finding(Problem::DockerConfigUnusable { file: name.clone(), said, key });
        Ok(vec![])
    };
    let bytes = match read(cx, file).await {
        Ok(bytes) => bytes,
        Err(Problem::AuthFileUnreadable { said, .. }) if !named => return unusable(said, None),
        Err(problem) => return Err(problem),
    };
    let config = match Config::read(&bytes) {
        Ok(config) => config,
        Err(said) => return unusable(said, None),
    };
    let due = due(&image_target.asked);
    if let Some(helper) = config.helper(due) {
        // Its word is final: docker does not look into the file besides.
        let credential = helper::ask(helper, due).await.map_err(|said| Problem::HelperFailed {
            file: name.clone(),
            helper: format!("docker-credential-{helper}"),
            said,
        })?;
        return Ok(found(credential, None));
    }
    let Some((key, entry)) = config.entry(due) else {
        tell_what_is_near(cx, &config, &name, image_target);
        return Ok(vec![]);
    };
    let credential = match held(entry) {
        Ok(credential) => credential,
        Err(said) => return unusable(said.to_owned(), Some(shown(key))),
    };
    // docker reads the entries in no order, and none after the first bad one.
    let entries = config.entries();
    let bad = entries.iter().find_map(|(key, entry)| Some((shown(key), held(entry).err()?)));
    if let (Some((key, said)), Some(_)) = (bad, &credential) {
        cx.add_finding(Problem::DockerConfigUnusable {
            file: name,
            said: said.to_owned(),
            key: Some(key),
        });
    }
    Ok(found(credential, Some(shown(key))))
}

fn found(credential: Option<Credential>, key: Option<String>) -> Vec<Found> {
    credential.map(|credential| Found { credential, key }).into_iter().collect()
}

/// The key that docker asks for.
fn due(asked: &RegistryOrImage) -> &str {
    if asked.registry == "docker.io" { HUB } else { &asked.registry }
}

fn tell_what_is_near(cx: &Cx, config: &Config, file: &str, image_target: &ImageTarget) {
    let keys: Vec<&str> = config.entries().iter().map(|(key, _)| *key).collect();
    let (file, due) = (file.to_owned(), due(&image_target.asked).to_owned());
    match near(&keys, &image_target.asked, Reader::Docker) {
        Some(Near::Hash { login_server }) => {
            image_target.tell_hash_missing(cx, &login_server, &file);
        }
        Some(Near::Key { key, differs }) => {
            cx.add_finding(Problem::DockerServerMismatch { file, key, due, differs });
        }
        None => {}
    }
}

/// The host in a key, which old dockers wrote as a URL.
fn hostname(key: &str) -> &str {
    let bare = key.split_once("://").map_or(key, |(_, rest)| rest);
    let bare = bare.split('/').next().unwrap_or_default();
    bare.rsplit('@').next().unwrap_or_default()
}

/// What an entry holds. An empty one is what docker leaves behind beside a helper.
fn held(entry: &Value) -> Result<Option<Credential>, Malformed> {
    let fields = Fields::of(entry).ok_or("entry-not-an-object")?;
    let token = |name| fields.text(name).map(|text| text.map(Secret::new));
    let (registry, identity) = (token("registrytoken")?, token("identitytoken")?);
    let password = password(entry)?;
    Ok(registry.map(Credential::Access).or(identity.map(Credential::Refresh)).or(password.map(
        |credential| match credential {
            // Old dockers padded what they encoded with NULs.
            Credential::Password { user, password } => {
                let password = Secret::new(password.expose().trim_matches('\0'));
                Credential::Password { user, password }
            }
            other => other,
        },
    )))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_form_of_key() {
        for key in [
            "contoso.azurecr.io",
            "https://contoso.azurecr.io",
            "https://contoso.azurecr.io/v1/",
            "http://contoso.azurecr.io/v2/",
            "contoso.azurecr.io/team",
        ] {
            assert_eq!(hostname(key), "contoso.azurecr.io", "{key}");
        }
        for key in
            ["Contoso.azurecr.io", "contoso.azurecr.io:443", "contoso.azurecr.io.evil.example"]
        {
            assert_ne!(hostname(key), "contoso.azurecr.io", "{key}");
        }
    }

    #[test]
    fn every_form_of_entry() {
        let of = |entry: &Value| match held(entry) {
            Ok(Some(Credential::Password { user, password })) => {
                format!("{user}|{}", password.expose())
            }
            Ok(Some(Credential::Refresh(token))) => format!("refresh|{}", token.expose()),
            Ok(Some(Credential::Access(token))) => format!("access|{}", token.expose()),
            Ok(_) => String::new(),
            Err(said) => said.to_owned(),
        };
        for (entry, wanted) in [
            (json!({ "username": "u", "password": "p" }), "u|p"),
            (json!({ "auth": "dTpwAAA=" }), "u|p"),
            (json!({ "auth": "MDA6", "identitytoken": "t" }), "refresh|t"),
            (json!({ "registrytoken": "t" }), "access|t"),
            (json!({}), ""),
            (json!([]), "entry-not-an-object"),
        ] {
            assert_eq!(of(&entry), wanted, "{entry}");
        }
    }

    #[test]
    fn what_follows_the_config_does_not_matter() {
        for good in ["{} and more", "", "null", "{}"] {
            assert!(Config::read(good.as_bytes()).is_ok(), "{good}");
        }
        for bad in ["[]", "{", "1", "<html>"] {
            assert!(Config::read(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
