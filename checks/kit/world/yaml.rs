//! YAML, and so JSON, as the programs on a node read it.

use serde_json::Value;

use super::lined::Lined;
use crate::kit::rules::{Malformed, Unusable};

/// What a YAML file says (and so a JSON file); else where it does not parse, without quoting it.
pub fn yaml(bytes: &[u8]) -> Result<Value, Unusable> {
    let text = std::str::from_utf8(bytes).map_err(|_| Malformed::NotText)?;
    let read = serde_saphyr::from_str::<Lined>(text);
    read.map(|read| read.value()).map_err(|error| place(&error))
}

/// Where a text does not parse: what stands there may be a password.
fn place(error: &serde_saphyr::Error) -> Unusable {
    match error.location() {
        Some(place) => Unusable::At { line: place.line(), column: place.column() },
        None => Malformed::NotYaml.into(),
    }
}

/// The same as Azure's programs read it: of a key that stands twice the last counts, and of several
/// documents the first.
pub fn yaml_loosely(bytes: &[u8]) -> Result<Value, Unusable> {
    let text = std::str::from_utf8(bytes).map_err(|_| Malformed::NotText)?;
    let options = serde_saphyr::options! {
        duplicate_keys: serde_saphyr::options::DuplicateKeyPolicy::LastWins,
    };
    let first = serde_saphyr::from_multiple_with_options::<Lined>(text, options);
    first
        .map(|documents| documents.first().map(Lined::value).unwrap_or_default())
        .map_err(|error| place(&error))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn yaml_and_json_alike() {
        let wanted = json!({ "a": [1, "x"], "b": { "c": true, "d": null } });
        assert_eq!(yaml(b"a: [1, x]\nb:\n  c: true\n  d:\n").as_ref(), Ok(&wanted));
        assert_eq!(yaml(wanted.to_string().as_bytes()), Ok(wanted));
        assert_eq!(yaml(b""), Ok(Value::Null));
    }

    #[test]
    fn loosely_the_last_of_two_and_the_first_document_count() {
        assert_eq!(yaml_loosely(b"a: 1\na: 2\n---\nb: 3\n"), Ok(json!({ "a": 2 })));
        assert_eq!(yaml_loosely(b"{\"a\": 1, \"a\": 2}"), Ok(json!({ "a": 2 })));
        assert_eq!(yaml_loosely(b""), Ok(Value::Null));
        assert!(yaml(b"a: 1\na: 2\n").is_err());
    }

    #[test]
    fn yaml_that_grows_without_end_is_refused() {
        let line = |i: usize| format!("a{}: &a{} [*a{i}, *a{i}, *a{i}]\n", i + 1, i + 1);
        let laughs = (0..30).map(line).collect::<Vec<_>>().concat();
        assert!(yaml(format!("a0: &a0 ha\n{laughs}").as_bytes()).is_err());
        assert!(yaml("[".repeat(100_000).as_bytes()).is_err());
        assert!(yaml("{a: ".repeat(100_000).as_bytes()).is_err());
    }

    #[test]
    fn what_does_not_parse_is_not_quoted() {
        for bad in ["{\"a\": \"hunter2", "a: hunter2: b", "a: &x [*x, *x]\nb: *y", "a: [1"] {
            let said = yaml(bad.as_bytes()).expect_err(bad).to_string();
            assert!(said.starts_with("line ") || said == "not-yaml", "{said}");
        }
        assert_eq!(yaml(b"\xff\xfe"), Err(Malformed::NotText.into()));
    }
}
