//! JSON as Go's `encoding/json` decodes it into a struct: a field of the wrong type fails the whole
//! document, the case of a name does not matter, of two fields with the same name the last one
//! counts, or what it changes in an object or a list, and null changes nothing.
//!
//! A [`Shape`] stands for the Go type. [`decode`] returns the document with the names of the shape
//! and without what the type does not have, so that the result can be read in any way.

use std::fmt;

use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::{Map, Number, Value};

use super::{
    go_base64,
    go_parse::{self, Json, NoValue},
    go_time::is_time,
};

pub use super::go_shape::Shape;

/// Why Go does not decode a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DecodeError {
    /// It is not JSON.
    NotJson,
    /// It holds more than is read here. Go reads it.
    TooMuch,
    /// A value has another type than the field.
    Mismatch {
        /// The path of the field, such as `layers.size`; empty for the document itself.
        field: String,
        /// What the value is, in Go's words.
        got: &'static str,
        /// The type of the field.
        want: &'static str,
    },
}

impl From<NoValue> for DecodeError {
    fn from(why: NoValue) -> Self {
        match why {
            NoValue::NotJson => DecodeError::NotJson,
            NoValue::TooMuch => DecodeError::TooMuch,
        }
    }
}

impl fmt::Display for DecodeError {
    /// Writes what Go says.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DecodeError::NotJson => f.write_str("not JSON"),
            DecodeError::TooMuch => f.write_str("more values than are read"),
            DecodeError::Mismatch { field, got, want } => {
                write!(f, "json: cannot unmarshal {got} into field \"{field}\" of type {want}")
            }
        }
    }
}

/// Decodes a whole document (`json.Unmarshal`).
///
/// # Errors
/// Returns what Go would say.
pub fn decode(bytes: &[u8], shape: &Shape) -> Result<Value, DecodeError> {
    whole(&go_parse::whole(bytes, shape)?, shape)
}

/// Decodes the first value of a stream and ignores the rest (`json.NewDecoder(…).Decode`).
///
/// # Errors
/// Returns what Go would say.
pub fn decode_first(bytes: &[u8], shape: &Shape) -> Result<Value, DecodeError> {
    whole(&go_parse::first(bytes, shape)?, shape)
}

fn whole(value: &Json, shape: &Shape) -> Result<Value, DecodeError> {
    let mut into = Value::Object(Map::new());
    set(&mut into, value, shape, "")?;
    Ok(into)
}

/// Decodes a value into what is there already.
fn set(into: &mut Value, value: &Json, shape: &Shape, path: &str) -> Result<(), DecodeError> {
    let mismatch =
        || DecodeError::Mismatch { field: path.to_owned(), got: value.kind(), want: shape.name() };
    match (shape, value) {
        (Shape::Raw, _) => *into = true.into(),
        (_, Json::Null) => {}
        (Shape::Pointer(to), value) => set(into, value, to, path)?,
        (Shape::Text, Json::Text(text)) => *into = text.text.as_str().into(),
        (Shape::Int, Json::Int(number)) => *into = Number::from(*number).into(),
        (Shape::Flag, Json::Flag(flag)) => *into = (*flag).into(),
        // Go reads a time as the document spells it (time, `Time.UnmarshalJSON`).
        (Shape::Time, Json::Text(text)) if !text.is_escaped && is_time(&text.text) => {
            *into = text.text.as_str().into();
        }
        (Shape::Bytes, Json::Text(text)) if go_base64::padded(&text.text).is_some() => {
            *into = text.text.as_str().into();
        }
        (Shape::Bytes, Json::List(items)) => {
            let old = into.as_str().and_then(go_base64::padded).unwrap_or_default();
            let bytes = byte_list(items, &old).ok_or_else(mismatch)?;
            *into = BASE64_STANDARD.encode(bytes).into();
        }
        (Shape::List(of), Json::List(items)) => {
            // Of a list that is there already, each element is decoded into the old one.
            let mut list = match into.take() {
                Value::Array(list) => list,
                _ => vec![],
            };
            list.resize_with(items.len(), || zero(of));
            for (one, item) in list.iter_mut().zip(items) {
                set(one, item, of, path)?;
            }
            *into = list.into();
        }
        (Shape::Map(of), Json::Object(fields)) => {
            if !into.is_object() {
                *into = Value::Object(Map::new());
            }
            for (name, value) in fields {
                let mut one = zero(of);
                set(&mut one, value, of, path)?;
                into[name.as_str()] = one;
            }
        }
        (Shape::Struct(_), Json::Object(fields)) => {
            if !into.is_object() {
                *into = Value::Object(Map::new());
            }
            let Value::Object(into) = into else { return Ok(()) };
            for (name, value) in fields {
                let Some((name, shape)) = shape.field(name) else { continue };
                if matches!(value, Json::Null) && !matches!(shape, Shape::Raw) {
                    // Null empties a slice, a map or a pointer, and changes no other value.
                    let is_empty = matches!(shape, Shape::Bytes | Shape::List(_) | Shape::Map(_));
                    if is_empty || matches!(shape, Shape::Pointer(_)) {
                        into.remove(*name);
                    }
                    continue;
                }
                let path =
                    if path.is_empty() { (*name).to_owned() } else { format!("{path}.{name}") };
                let known = into.entry(*name).or_insert(Value::Null);
                set(known, value, shape, &path)?;
            }
        }
        _ => return Err(mismatch()),
    }
    Ok(())
}

/// Reads a list of bytes, which Go takes for `[]byte` as well. Null leaves the byte that was there, or zero
/// (encoding/json, `array`).
fn byte_list(items: &[Json], old: &[u8]) -> Option<Vec<u8>> {
    let byte = |(place, item): (usize, &Json)| match item {
        Json::Null => Some(old.get(place).copied().unwrap_or(0)),
        Json::Int(number) => u8::try_from(*number).ok(),
        _ => None,
    };
    items.iter().enumerate().map(byte).collect()
}

/// Returns the zero value of a type, as an element of a slice has it.
fn zero(shape: &Shape) -> Value {
    match shape {
        Shape::Text => "".into(),
        Shape::Int => 0.into(),
        Shape::Flag => false.into(),
        Shape::Struct(_) => Value::Object(Map::new()),
        _ => Value::Null,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const TOKEN: Shape = Shape::Struct(&[
        ("token", Shape::Text),
        ("expires_in", Shape::Int),
        ("issued_at", Shape::Time),
        ("list", Shape::List(&Shape::Struct(&[("size", Shape::Int), ("data", Shape::Bytes)]))),
        ("labels", Shape::Map(&Shape::Text)),
        ("pointer", Shape::Pointer(&Shape::Struct(&[("a", Shape::Int), ("b", Shape::Int)]))),
    ]);

    fn decoded(text: &str) -> Result<Value, String> {
        decode_first(text.as_bytes(), &TOKEN).map_err(|error| error.to_string())
    }

    #[test]
    fn names_in_any_case_and_the_last_counts() {
        assert_eq!(decoded(r#"{"Token":"a","TOKEN":"b","x":{}}"#).unwrap(), json!({"token": "b"}));
        assert_eq!(decoded(r#"{"token":"a","token":null} rest"#).unwrap(), json!({"token": "a"}));
        assert_eq!(decoded("null").unwrap(), json!({}));
        assert_eq!(decoded("{\"to\u{212a}en\":\"a\"}").unwrap(), json!({"token": "a"}));
        assert_eq!(decoded(r#"{"expires_in":-0,"token":"\ud800"}"#).unwrap()["token"], "\u{fffd}");
        let labels = decoded(r#"{"labels":{"a":"1"},"Labels":{"b":null}}"#).unwrap();
        assert_eq!(labels, json!({"labels": {"a": "1", "b": ""}}));
    }

    #[test]
    fn a_second_list_changes_the_elements_of_the_first() {
        for (second, list) in [
            ("[{},{}]", json!([{"size": 1, "data": "YQ=="}, {"size": 2}])),
            (r#"[{"size":3}]"#, json!([{"size": 3, "data": "YQ=="}])),
            (
                r#"[null,null,{"size":3}]"#,
                json!([{"size": 1, "data": "YQ=="}, {"size": 2}, {"size": 3}]),
            ),
            ("[]", json!([])),
            ("null", Value::Null),
            (r#"null,"list":[{}]"#, json!([{}])),
        ] {
            let first = r#""list":[{"size":1,"data":"YQ=="},{"size":2}]"#;
            let read = decoded(&format!(r#"{{{first},"LIST":{second}}}"#)).unwrap();
            assert_eq!(read["list"], list, "{second}");
        }
    }

    #[test]
    fn null_and_a_second_value_for_a_pointer() {
        for (second, pointer) in [
            (r#"{"b":2}"#, json!({"a": 1, "b": 2})),
            ("null", Value::Null),
            (r#"null,"pointer":{"b":2}"#, json!({"b": 2})),
        ] {
            let read = decoded(&format!(r#"{{"pointer":{{"a":1}},"pointer":{second}}}"#)).unwrap();
            assert_eq!(read["pointer"], pointer, "{second}");
        }
        assert!(decoded(r#"{"pointer":[]}"#).unwrap_err().contains("type struct"));
    }

    #[test]
    fn bytes_as_a_list() {
        for (data, read) in [
            ("[97,null,255]", json!("YQD/")),
            ("[]", json!("")),
            (r#""YWI=","data":[null,99,null]"#, json!("YWMA")),
            (r#""YWI=","data":null"#, Value::Null),
        ] {
            let read_as = decoded(&format!(r#"{{"list":[{{"data":{data}}}]}}"#)).unwrap();
            assert_eq!(read_as["list"][0]["data"], read, "{data}");
        }
        for data in ["[256]", "[-1]", "[1.0]", r#"["a"]"#] {
            let error = decoded(&format!(r#"{{"list":[{{"data":{data}}}]}}"#)).unwrap_err();
            assert!(error.contains("\"list.data\" of type []byte"), "{error}");
        }
    }

    #[test]
    fn a_wrong_type_fails_the_document() {
        for (text, said) in [
            (r#"{"token":"a","expires_in":"300"}"#, "string into field \"expires_in\" of type int"),
            (r#"{"expires_in":1e3}"#, "number into field \"expires_in\" of type int"),
            (r#"{"expires_in":300.0}"#, "number into field"),
            (r#"{"expires_in":99999999999999999999}"#, "number into field"),
            (r#"{"issued_at":"nonsense"}"#, "\"issued_at\" of type time.Time"),
            (r#"{"issued_at":"2026-11-28 08:00:00Z"}"#, "time.Time"),
            (r#"{"issued_at":"2026-13-28T08:00:00Z"}"#, "time.Time"),
            (r#"{"issued_at":"2026-02-29T08:00:00Z"}"#, "time.Time"),
            (r#"{"issued_at":"2026-11-28T08:00:00.Z"}"#, "time.Time"),
            (r#"{"issued_at":"2026-11-28T08:00:60Z"}"#, "time.Time"),
            (r#"{"issued_at":"2026-11-28T08:00:00+0900"}"#, "time.Time"),
            (r#"{"issued_at":"2026-11-28t08:00:00z"}"#, "time.Time"),
            (r#"{"issued_at":"2026-11-28T08:00:00\u002b09:00"}"#, "time.Time"),
            (r#"{"token":5}"#, "number into field \"token\" of type string"),
            (r#"{"list":{}}"#, "object into field \"list\" of type slice"),
            (r#"{"list":[{"size":"1"}]}"#, "\"list.size\""),
            (r#"{"list":[{"data":"!"}]}"#, "\"list.data\" of type []byte"),
            (r#"{"labels":[]}"#, "array into field \"labels\" of type map"),
            (r#"["token"]"#, "array into field \"\" of type struct"),
            ("{", "not JSON"),
        ] {
            let error = decoded(text).unwrap_err();
            assert!(error.contains(said), "{text}: {error}");
        }
        assert!(decoded(r#"{"issued_at":"2026-11-28T08:00:00.123456789+09:00"}"#).is_ok());
        for time in ["2024-02-29T8:00:00,5Z", "0000-01-01T00:00:00.1234567890123-23:60"] {
            assert!(decoded(&format!(r#"{{"issued_at":"{time}"}}"#)).is_ok(), "{time}");
        }
        assert!(decode(b"{} x", &TOKEN).is_err());
    }
}
