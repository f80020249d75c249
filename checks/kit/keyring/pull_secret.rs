//! A pull secret's file: the credentials for one image, as the kubelet finds them (kubernetes,
//! pkg/credentialprovider).
//!
//! The kubelet reads all entries first: a malformed one spoils the whole secret, and with it the
//! pull. It tries each entry whose key matches the image, in the reverse order of the keys.

use std::path::Path;

use serde_json::Value;

use super::{
    Reader, Stored,
    entry::password,
    secret_manifest::{Payload, open, payload},
    shown,
};
use crate::kit::rules::{
    Fields, Malformed, Pattern, Unusable, docker_hub,
    go_json::{self, Shape},
};

/// The type of a `.dockerconfigjson` (kubernetes, `DockerConfigJSON`), but for its entries.
const CONFIG: Shape =
    Shape::Struct(&[("auths", Shape::Map(&Shape::Raw)), ("HttpHeaders", Shape::Map(&Shape::Text))]);

/// The type of an entry (kubernetes, `dockerConfigEntryWithAuth`). A token in it is not read.
const ENTRY: Shape = Shape::Struct(&[
    ("username", Shape::Text),
    ("password", Shape::Text),
    ("email", Shape::Text),
    ("auth", Shape::Text),
]);

/// What a pull secret's file holds.
pub enum PullSecret {
    /// Entries, each with its key.
    Entries(Entries),
    /// Nothing: the file is empty, or the Secret has no data. The kubelet ignores it.
    Empty,
    /// No `auths`, below which the entries belong.
    WithoutAuths {
        /// The keys of entries that stand alone instead.
        keys: Option<Vec<String>>,
    },
    /// A Secret of a type that the kubelet ignores.
    WrongType {
        /// That type.
        kind: String,
    },
}

/// The entries of a pull secret.
pub struct Entries(Vec<Entry>);

/// One entry.
pub struct Entry {
    /// Its key, as the file has it: [`shown`] makes it fit to print.
    pub key: String,
    /// What it holds, if anything.
    pub stored: Option<Stored>,
    /// A field with a token, which the kubelet does not read.
    pub unread_token: Option<&'static str>,
}

/// Why the kubelet refuses a pull secret as a whole.
pub struct BrokenPullSecret {
    /// What is wrong.
    pub said: Unusable,
    /// The key of the malformed entry, if it is one.
    pub key: Option<String>,
}

impl<E: Into<Unusable>> From<E> for BrokenPullSecret {
    fn from(said: E) -> Self {
        Self { said: said.into(), key: None }
    }
}

impl PullSecret {
    /// Reads a file: the payload, or the Secret around it in JSON or YAML.
    pub fn read(bytes: &[u8], file: &Path) -> Result<Self, BrokenPullSecret> {
        Self::of(&open(bytes, file)?)
    }

    /// Reads a Secret as the API server gives it.
    pub fn of_object(secret: &Value) -> Result<Self, BrokenPullSecret> {
        Self::of(&payload(secret)?)
    }

    fn of(payload: &Payload) -> Result<Self, BrokenPullSecret> {
        let auths = match payload {
            // Go decodes null into anything, and changes nothing.
            Payload::Empty | Payload::Config(Value::Null) | Payload::Legacy(Value::Null) => {
                return Ok(PullSecret::Empty);
            }
            Payload::WrongType { kind } => {
                return Ok(PullSecret::WrongType { kind: kind.clone() });
            }
            Payload::Config(config) => {
                let fields = Fields::of(config).ok_or(Malformed::NotAnObject)?;
                decoded(config, &CONFIG).ok_or(Malformed::EntryNotTexts)?;
                let auths = fields.map("auths")?;
                if fields.get("auths").is_none() {
                    return Ok(PullSecret::WithoutAuths { keys: lone_keys(&fields) });
                }
                auths
            }
            Payload::Legacy(auths) => Fields::of(auths).ok_or(Malformed::NotAnObject)?.all(),
        };
        let entries = auths.into_iter().map(|(key, entry)| Entry::read(key, entry));
        entries.collect::<Result<_, _>>().map(|entries| PullSecret::Entries(Entries(entries)))
    }
}

impl Entry {
    fn read(key: &str, entry: &Value) -> Result<Self, BrokenPullSecret> {
        let malformed =
            |said: Malformed| BrokenPullSecret { said: said.into(), key: Some(shown(key)) };
        if !(entry.is_object() || entry.is_null()) {
            return Err(malformed(Malformed::EntryNotAnObject));
        }
        let read = decoded(entry, &ENTRY).ok_or_else(|| malformed(Malformed::EntryNotTexts))?;
        let password = password(&read, Reader::Kubelet).map_err(malformed)?;
        let has = |name: &&str| Fields::of(entry).is_some_and(|fields| fields.get(name).is_some());
        Ok(Self {
            key: key.to_owned(),
            stored: password.map(|(user, password)| Stored::Password { user, password }),
            unread_token: ["identitytoken", "registrytoken"].into_iter().find(has),
        })
    }
}

impl Entries {
    /// Returns the keys.
    pub fn keys(&self) -> Vec<&str> {
        self.0.iter().map(|entry| entry.key.as_str()).collect()
    }

    /// Returns the entries that match an image, in the order in which the kubelet tries them.
    pub fn matching(&self, image: &Pattern) -> Vec<&Entry> {
        let entry = |key: &str| self.0.iter().find(|entry| entry.key == key);
        matching(&self.keys(), image).into_iter().filter_map(entry).collect()
    }
}

/// Returns a value as the kubelet decodes it; `None` where it refuses to.
fn decoded(value: &Value, shape: &Shape) -> Option<Value> {
    go_json::decode(value.to_string().as_bytes(), shape).ok()
}

fn matching<'a>(keys: &[&'a str], image: &Pattern) -> Vec<&'a str> {
    let patterns = keys.iter().filter_map(|key| Some((Pattern::of_key(key)?, *key)));
    let mut patterns: Vec<_> =
        patterns.map(|(pattern, key)| (pattern.to_string(), key, pattern)).collect();
    patterns.sort_unstable_by(|one, other| (&other.0, other.1).cmp(&(&one.0, one.1)));
    let keys = |wanted: &dyn Fn(&Pattern) -> bool| -> Vec<&'a str> {
        patterns.iter().filter(|(.., pattern)| wanted(pattern)).map(|(_, key, _)| *key).collect()
    };
    let found = keys(&|pattern| pattern.matches(image));
    // The kubelet knows Docker Hub by another name, too.
    if found.is_empty() && image.host() == docker_hub::NAME {
        return keys(&|pattern| pattern.to_string() == docker_hub::INDEX);
    }
    found
}

/// Returns the keys of entries that stand alone, as in the old form of the file.
fn lone_keys(fields: &Fields<'_>) -> Option<Vec<String>> {
    let is_entry = |value| {
        Fields::of(value).is_some_and(|entry| entry.get("auth").or(entry.get("password")).is_some())
    };
    let entries = fields.all().into_iter().filter(|(_, value)| is_entry(value));
    let keys: Vec<String> = entries.map(|(key, _)| shown(key)).collect();
    (!keys.is_empty()).then_some(keys)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_that_the_kubelet_decodes_must_be_of_its_type() {
        for (text, wanted) in [
            (r#"{"auths":{"a":{"auth":"dTpw","email":"e","identitytoken":5}}}"#, None),
            (r#"{"auths":{"a":null},"HttpHeaders":{"a":"b"},"psFormat":5}"#, None),
            (r#"{"auths":{"a":{"auth":"dTpw","email":5}}}"#, Some("entry-not-texts a")),
            (r#"{"auths":{"a":{"auth":"dTpw","EMAIL":{}}}}"#, Some("entry-not-texts a")),
            (r#"{"auths":{"a":{"username":[],"auth":"dTpw"}}}"#, Some("entry-not-texts a")),
            (r#"{"auths":{"a":[]}}"#, Some("entry-not-an-object a")),
            (r#"{"auths":{},"HttpHeaders":{"a":5}}"#, Some("entry-not-texts ")),
            (r#"{"auths":{},"httpheaders":[]}"#, Some("entry-not-texts ")),
            (r#"{"auths":5}"#, Some("entry-not-texts ")),
        ] {
            let said = PullSecret::read(text.as_bytes(), Path::new("config.json")).err();
            let said = said.map(|it| format!("{} {}", it.said, it.key.unwrap_or_default()));
            assert_eq!(said.as_deref(), wanted, "{text}");
        }
    }

    #[test]
    fn every_match_counts_the_longest_key_first() {
        let image = Pattern::read("contoso.azurecr.io/team/app").unwrap();
        let keys = [
            "*.azurecr.io",
            "contoso.azurecr.io",
            "contoso.azurecr.io/team",
            "https://contoso.azurecr.io/v2/",
            "fabrikam.azurecr.io",
        ];
        assert_eq!(
            matching(&keys, &image),
            [
                "contoso.azurecr.io/team",
                "https://contoso.azurecr.io/v2/",
                "contoso.azurecr.io",
                "*.azurecr.io"
            ]
        );
    }

    #[test]
    fn docker_hub_by_either_name() {
        let image = Pattern::read("docker.io/library/nginx").unwrap();
        assert_eq!(
            matching(&["https://index.docker.io/v1/"], &image),
            ["https://index.docker.io/v1/"]
        );
        assert_eq!(matching(&["index.docker.io", "docker.io"], &image), ["docker.io"]);
        assert!(matching(&["registry-1.docker.io"], &image).is_empty());
    }
}
