//! What is in a pull secret's file: its payload, or the Secret around it as kubectl writes it.

use std::path::Path;

use serde_json::Value;

use super::entry::decode;
use crate::kit::{
    rules::{Fields, Malformed, Unusable},
    world::yaml,
};

/// The payload of a pull secret.
pub(super) enum Payload {
    /// `.dockerconfigjson`: entries below `auths`.
    Config(Value),
    /// `.dockercfg`: the entries alone.
    Legacy(Value),
    /// Nothing at all.
    Empty,
    /// A Secret of a type that the kubelet ignores.
    WrongType {
        /// That type.
        kind: String,
    },
}

/// Opens a file. An error does not quote it.
pub(super) fn open(bytes: &[u8], file: &Path) -> Result<Payload, Unusable> {
    if bytes.is_empty() {
        return Ok(Payload::Empty);
    }
    let text = std::str::from_utf8(bytes).map_err(|_| Malformed::NotText)?;
    let document = serde_json::from_str(text).ok().or_else(|| yaml(bytes).ok());
    if let Some(secret) = document.filter(|document| document["kind"] == "Secret") {
        return payload(&secret);
    }
    let value = parse(text)?;
    // The payload alone does not say of which type its Secret is; its name may.
    Ok(if file.to_string_lossy().ends_with("dockercfg") {
        Payload::Legacy(value)
    } else {
        Payload::Config(value)
    })
}

fn parse(text: &str) -> Result<Value, Unusable> {
    serde_json::from_str(text).map_err(|error| {
        let inner = decode(text.trim()).ok().filter(|inner| inner.trim_start().starts_with('{'));
        // The position says enough; the text around it may be a password.
        inner.map_or_else(|| Unusable::from(&error), |_| Malformed::FileIsBase64.into())
    })
}

/// Reads the payload of a Secret. Its type decides which key counts; of any other type none does.
pub(super) fn payload(secret: &Value) -> Result<Payload, Unusable> {
    let kind = secret["type"].as_str().unwrap_or("Opaque");
    let key = match kind {
        "kubernetes.io/dockerconfigjson" => ".dockerconfigjson",
        "kubernetes.io/dockercfg" => ".dockercfg",
        _ => return Ok(Payload::WrongType { kind: kind.to_owned() }),
    };
    let text = |fields: &str| {
        let fields = Fields::of(&secret[fields])?;
        fields.text(key).ok().flatten().map(str::to_owned)
    };
    // What stands in `stringData` as it is replaces the same key of `data`, which is base64.
    let text = match (text("stringData"), text("data")) {
        (Some(plain), _) => plain,
        (None, Some(encoded)) => decode(&encoded).map_err(|_| Malformed::DataNotBase64)?,
        (None, None) => return Ok(Payload::Empty),
    };
    let value = parse(&text)?;
    Ok(if key == ".dockercfg" { Payload::Legacy(value) } else { Payload::Config(value) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(text: &str, file: &str) -> Result<String, String> {
        let opened = open(text.as_bytes(), Path::new(file)).map(|payload| match payload {
            Payload::Config(value) => format!("config {value}"),
            Payload::Legacy(value) => format!("legacy {value}"),
            Payload::Empty => "nothing".into(),
            Payload::WrongType { kind } => format!("type {kind}"),
        });
        opened.map_err(|said| said.to_string())
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
                format!(
                    "kind: Secret\ntype: {right}\nstringData:\n  .dockerconfigjson: |\n    {{}}\n"
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
