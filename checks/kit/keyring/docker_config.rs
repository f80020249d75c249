//! Docker's `config.json`: the credentials for one registry, as docker finds them (docker/cli,
//! cli/config).

use serde_json::Value;

use super::{Reader, Stored, entry::password, shown};
use crate::kit::{
    redact::Secret,
    rules::{Fields, Malformed, Unusable, docker_hub},
    target::RegistryOrImage,
};

/// A docker config.
pub struct DockerConfig(Value);

impl DockerConfig {
    /// Reads the first value of the file, whatever follows it. An empty file is an empty config.
    pub fn read(bytes: &[u8]) -> Result<Self, Unusable> {
        match serde_json::Deserializer::from_slice(bytes).into_iter::<Value>().next() {
            None => Ok(Self(Value::Null)),
            Some(Ok(value @ (Value::Object(_) | Value::Null))) => Ok(Self(value)),
            Some(Ok(_)) => Err(Malformed::NotAnObject.into()),
            Some(Err(error)) => Err(Unusable::from(&error)),
        }
    }

    /// Returns the key that docker looks up for a registry.
    pub fn key_of(asked: &RegistryOrImage) -> &str {
        if asked.registry == docker_hub::NAME { docker_hub::CONFIG_KEY } else { &asked.registry }
    }

    /// Returns the program that keeps the credentials for that key, if one does. Its answer is
    /// final: docker does not look into the file besides.
    pub fn helper(&self, key: &str) -> Option<&str> {
        let fields = Fields::of(&self.0)?;
        let helpers = fields.map("credHelpers").unwrap_or_default();
        let own =
            helpers.iter().find(|(known, _)| *known == key).and_then(|(_, helper)| helper.as_str());
        own.or(fields.text("credsStore").unwrap_or_default())
    }

    /// Returns the keys of all entries.
    pub fn keys(&self) -> Vec<&str> {
        self.entries().into_iter().map(|(key, _)| key).collect()
    }

    /// Returns the key of the entry for a registry, and what the entry holds: the entry with that
    /// very key, else the first whose key is a URL of that host.
    pub fn find(&self, key: &str) -> Option<(&str, Result<Option<Stored>, Malformed>)> {
        let entries = self.entries();
        let exact = entries.iter().find(|(known, _)| *known == key);
        let found = exact.or_else(|| entries.iter().find(|(known, _)| hostname(known) == key));
        found.map(|(key, entry)| (*key, stored(entry)))
    }

    /// Returns the first malformed entry, by key. docker reads the entries in no order, and none
    /// after the first malformed one.
    pub fn first_malformed(&self) -> Option<(String, Malformed)> {
        let mut entries = self.entries().into_iter();
        entries.find_map(|(key, entry)| Some((shown(key), stored(entry).err()?)))
    }

    fn entries(&self) -> Vec<(&str, &Value)> {
        Fields::of(&self.0).and_then(|fields| fields.map("auths").ok()).unwrap_or_default()
    }
}

/// Returns the host in a key, which older versions of docker wrote as a URL.
fn hostname(key: &str) -> &str {
    let bare = key.split_once("://").map_or(key, |(_, rest)| rest);
    let bare = bare.split('/').next().unwrap_or_default();
    bare.rsplit('@').next().unwrap_or_default()
}

/// Reads an entry. docker leaves an empty one behind beside a helper.
fn stored(entry: &Value) -> Result<Option<Stored>, Malformed> {
    let fields = Fields::of(entry).ok_or(Malformed::EntryNotAnObject)?;
    let token = |name| fields.text(name).map(|text| text.map(Secret::new));
    let (registry, identity) = (token("registrytoken")?, token("identitytoken")?);
    // Older versions of docker padded what they encoded with NULs.
    let password = password(entry, Reader::Docker)?.map(|(user, password)| Stored::Password {
        user,
        password: Secret::new(password.expose().trim_matches('\0')),
    });
    Ok(registry.map(Stored::Access).or(identity.map(Stored::Refresh)).or(password))
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
        let of = |entry: &Value| match stored(entry) {
            Ok(Some(Stored::Password { user, password })) => {
                format!("{user}|{}", password.expose())
            }
            Ok(Some(Stored::Refresh(token))) => format!("refresh|{}", token.expose()),
            Ok(Some(Stored::Access(token))) => format!("access|{}", token.expose()),
            Ok(None) => String::new(),
            Err(said) => said.to_string(),
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
            assert!(DockerConfig::read(good.as_bytes()).is_ok(), "{good}");
        }
        for bad in ["[]", "{", "1", "<html>"] {
            assert!(DockerConfig::read(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
