//! What is in a file that was given as a pull secret's: its payload, or the Secret around it.

use std::path::Path;

use serde_json::Value;

use super::entry::decode;
use crate::kit::rules::Fields;

/// What a pull secret holds.
pub(super) enum Held {
    /// `.dockerconfigjson`: entries below `auths`.
    Config(Value),
    /// `.dockercfg`: the entries alone.
    Legacy(Value),
    /// Nothing at all: the kubelet passes over it.
    Nothing,
    /// A Secret of a type that the kubelet passes over.
    WrongType {
        /// That type.
        kind: String,
    },
}

/// Opens it; otherwise says why it is neither, without quoting it.
pub(super) fn open(bytes: &[u8], file: &Path) -> Result<Held, String> {
    if bytes.is_empty() {
        return Ok(Held::Nothing);
    }
    let text = std::str::from_utf8(bytes).map_err(|_| "not-text")?;
    if let Some(manifest) = Manifest::read(text) {
        return manifest.open();
    }
    let value = parse(text)?;
    // The payload alone does not say of which type its Secret is; its name may.
    Ok(if file.to_string_lossy().ends_with("dockercfg") {
        Held::Legacy(value)
    } else {
        Held::Config(value)
    })
}

fn parse(text: &str) -> Result<Value, String> {
    serde_json::from_str(text).map_err(|error| {
        let inner = decode(text.trim()).ok().filter(|inner| inner.trim_start().starts_with('{'));
        // The position says enough; the text around it may be a password.
        let place = format!("line {}, column {}", error.line(), error.column());
        inner.map_or(place, |_| "file-is-base64".to_owned())
    })
}

/// A Secret, in JSON or in the YAML that kubectl writes.
#[derive(Default)]
struct Manifest {
    kind: String,
    config: Option<String>,
    legacy: Option<String>,
    /// Whether the texts stand as they are (`stringData`), not in base64.
    plain: bool,
}

impl Manifest {
    fn read(text: &str) -> Option<Self> {
        match serde_json::from_str::<Value>(text) {
            Ok(value) => Self::of_json(&value),
            Err(_) => Self::of_yaml(text),
        }
    }

    fn of_json(value: &Value) -> Option<Self> {
        if value["kind"] != "Secret" {
            return None;
        }
        let plain = value["data"].is_null();
        let data = Fields::of(&value[if plain { "stringData" } else { "data" }]);
        let text = |name| data.as_ref().and_then(|data| data.text(name).ok()?).map(str::to_owned);
        let kind = value["type"].as_str().unwrap_or("Opaque").to_owned();
        Some(Self { kind, config: text(".dockerconfigjson"), legacy: text(".dockercfg"), plain })
    }

    /// As much of YAML as is needed: a key and a plain value on one line.
    fn of_yaml(text: &str) -> Option<Self> {
        let mut found = Self { kind: "Opaque".into(), ..Self::default() };
        let mut is_secret = false;
        for line in text.lines() {
            let Some((key, value)) = line.split_once(':') else { continue };
            let value = value.trim().trim_matches(['"', '\'']);
            match (line.starts_with(' '), key.trim().trim_matches(['"', '\''])) {
                (false, "kind") => is_secret = value == "Secret",
                (false, "type") => value.clone_into(&mut found.kind),
                (false, "stringData") => found.plain = true,
                (true, ".dockerconfigjson") => found.config = Some(value.to_owned()),
                (true, ".dockercfg") => found.legacy = Some(value.to_owned()),
                _ => {}
            }
        }
        is_secret.then_some(found)
    }

    /// The type decides which of the two counts; of any other type none does.
    fn open(self) -> Result<Held, String> {
        let text = match self.kind.as_str() {
            "kubernetes.io/dockerconfigjson" => self.config,
            "kubernetes.io/dockercfg" => self.legacy,
            _ => return Ok(Held::WrongType { kind: self.kind }),
        };
        let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(Held::Nothing) };
        let text = if self.plain { text } else { decode(&text).map_err(|_| "data-not-base64")? };
        let value = parse(&text)?;
        Ok(if self.kind.ends_with("json") { Held::Config(value) } else { Held::Legacy(value) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(text: &str, file: &str) -> Result<String, String> {
        open(text.as_bytes(), Path::new(file)).map(|held| match held {
            Held::Config(value) => format!("config {value}"),
            Held::Legacy(value) => format!("legacy {value}"),
            Held::Nothing => "nothing".into(),
            Held::WrongType { kind } => format!("type {kind}"),
        })
    }

    #[test]
    fn the_payload_and_the_secret_around_it() {
        let json = |kind: &str, key: &str, value: &str| {
            format!(r#"{{"kind":"Secret","type":"{kind}","data":{{"{key}":"{value}"}}}}"#)
        };
        let right = "kubernetes.io/dockerconfigjson";
        for (text, file, wanted) in [
            (r#"{"auths":{}}"#.to_owned(), "config.json", Ok(r#"config {"auths":{}}"#)),
            ("{}".into(), ".dockercfg", Ok("legacy {}")),
            (String::new(), "config.json", Ok("nothing")),
            (json(right, ".dockerconfigjson", "e30="), "s.json", Ok("config {}")),
            (json("kubernetes.io/dockercfg", ".dockercfg", "e30="), "s.json", Ok("legacy {}")),
            (json("Opaque", ".dockerconfigjson", "e30="), "s.json", Ok("type Opaque")),
            (json(right, "config.json", "e30="), "s.json", Ok("nothing")),
            (json(right, ".dockerconfigjson", "e30"), "s.json", Err("data-not-base64")),
            (json(right, ".dockerconfigjson", "ZTMwPQ=="), "s.json", Err("file-is-base64")),
            (
                format!(
                    "apiVersion: v1\nkind: Secret\ntype: {right}\ndata:\n  .dockerconfigjson: e30=\n"
                ),
                "s.yaml",
                Ok("config {}"),
            ),
            (
                format!("kind: Secret\ntype: {right}\nstringData:\n  .dockerconfigjson: '{{}}'\n"),
                "s.yaml",
                Ok("config {}"),
            ),
            (
                "kind: Secret\ndata:\n  .dockerconfigjson: e30=\n".into(),
                "s.yaml",
                Ok("type Opaque"),
            ),
            ("eyJhdXRocyI6e319\n".into(), "config.json", Err("file-is-base64")),
            ("<html>".into(), "config.json", Err("line 1, column 1")),
        ] {
            assert_eq!(
                held(&text, file),
                wanted.map(str::to_owned).map_err(str::to_owned),
                "{text}"
            );
        }
    }
}
