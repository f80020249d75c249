//! JSON as Go's `encoding/json` decodes it into a struct: a field of the wrong type fails the whole
//! document, the case of a name does not matter, of two fields with the same name the last one
//! counts, and null changes nothing.
//!
//! A [`Shape`] stands for the Go type. [`decode`] returns the document with the names of the shape
//! and without what the type does not have, so that the result can be read in any way.

use std::{borrow::Cow, fmt};

use base64::{Engine, prelude::BASE64_STANDARD};
use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, SeqAccess, Visitor},
};
use serde_json::{Map, Number, Value};

/// A Go type that JSON is decoded into.
#[derive(Clone, Copy, Debug)]
pub enum Shape {
    /// `string`
    Text,
    /// `int` and `int64`
    Int,
    /// `bool`
    Flag,
    /// `time.Time`: RFC 3339
    Time,
    /// `[]byte`: base64
    Bytes,
    /// A slice.
    List(&'static Shape),
    /// A map with strings as keys.
    Map(&'static Shape),
    /// A struct with these fields.
    Struct(&'static [(&'static str, Shape)]),
}

/// Why Go does not decode a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DecodeError {
    /// It is not JSON.
    NotJson,
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

impl fmt::Display for DecodeError {
    /// Writes what Go says.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DecodeError::NotJson => f.write_str("not JSON"),
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
    let text = String::from_utf8_lossy(bytes);
    let value: Json = serde_json::from_str(&text).map_err(|_| DecodeError::NotJson)?;
    whole(&value, shape)
}

/// Decodes the first value of a stream and ignores the rest (`json.NewDecoder(…).Decode`).
///
/// # Errors
/// Returns what Go would say.
pub fn decode_first(bytes: &[u8], shape: &Shape) -> Result<Value, DecodeError> {
    let text: Cow<'_, str> = String::from_utf8_lossy(bytes);
    let mut values = serde_json::Deserializer::from_str(&text).into_iter::<Json>();
    let Some(Ok(value)) = values.next() else { return Err(DecodeError::NotJson) };
    whole(&value, shape)
}

fn whole(value: &Json, shape: &Shape) -> Result<Value, DecodeError> {
    let mut into = Value::Object(Map::new());
    set(&mut into, value, shape, "")?;
    Ok(into)
}

/// JSON with its fields in their order, and with numbers apart that Go takes for integers.
enum Json {
    Null,
    Flag(bool),
    Int(i64),
    OtherNumber,
    Text(String),
    List(Vec<Json>),
    Object(Vec<(String, Json)>),
}

impl Json {
    /// Returns the kind of the value, in Go's words.
    fn kind(&self) -> &'static str {
        match self {
            Json::Null => "null",
            Json::Flag(_) => "bool",
            Json::Int(_) | Json::OtherNumber => "number",
            Json::Text(_) => "string",
            Json::List(_) => "array",
            Json::Object(_) => "object",
        }
    }
}

impl Shape {
    fn name(&self) -> &'static str {
        match self {
            Shape::Text => "string",
            Shape::Int => "int",
            Shape::Flag => "bool",
            Shape::Time => "time.Time",
            Shape::Bytes => "[]byte",
            Shape::List(_) => "slice",
            Shape::Map(_) => "map",
            Shape::Struct(_) => "struct",
        }
    }
}

/// Decodes a value into what is there already.
fn set(into: &mut Value, value: &Json, shape: &Shape, path: &str) -> Result<(), DecodeError> {
    let mismatch =
        || DecodeError::Mismatch { field: path.to_owned(), got: value.kind(), want: shape.name() };
    match (shape, value) {
        (_, Json::Null) => {}
        (Shape::Text, Json::Text(text)) => *into = text.as_str().into(),
        (Shape::Int, Json::Int(number)) => *into = Number::from(*number).into(),
        (Shape::Flag, Json::Flag(flag)) => *into = (*flag).into(),
        (Shape::Time, Json::Text(text)) if is_rfc3339(text) => *into = text.as_str().into(),
        (Shape::Bytes, Json::Text(text)) if BASE64_STANDARD.decode(unbroken(text)).is_ok() => {
            *into = text.as_str().into();
        }
        (Shape::List(of), Json::List(items)) => {
            let mut list = Vec::with_capacity(items.len());
            for item in items {
                let mut one = zero(of);
                set(&mut one, item, of, path)?;
                list.push(one);
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
        (Shape::Struct(known), Json::Object(fields)) => {
            if !into.is_object() {
                *into = Value::Object(Map::new());
            }
            let Value::Object(into) = into else { return Ok(()) };
            for (name, value) in fields {
                // A name that is written exactly so is preferred to one in other letters.
                let exact = known.iter().find(|(known, _)| known == name);
                let field =
                    exact.or_else(|| known.iter().find(|(k, _)| k.eq_ignore_ascii_case(name)));
                let Some((name, shape)) = field else { continue };
                if matches!(value, Json::Null) {
                    // Null empties a slice or a map, and changes no other value.
                    if matches!(shape, Shape::List(_) | Shape::Map(_)) {
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

/// Go ignores line ends in base64.
fn unbroken(text: &str) -> String {
    text.replace(['\r', '\n'], "")
}

/// Returns whether Go's `time.Time` accepts a text: `2026-11-28T08:49:51.5Z`, strictly.
fn is_rfc3339(text: &str) -> bool {
    let Some((whole, zone)) = text.split_at_checked(19) else { return false };
    let pattern = "dddd-dd-ddTdd:dd:dd";
    let fits = whole.chars().zip(pattern.chars()).all(|(c, p)| match p {
        'd' => c.is_ascii_digit(),
        other => c == other,
    });
    let zone = match zone.strip_prefix('.') {
        Some(fraction) => {
            let rest = fraction.trim_start_matches(|c: char| c.is_ascii_digit());
            if rest.len() == fraction.len() {
                return false;
            }
            rest
        }
        None => zone,
    };
    let is_offset = |zone: &str| {
        let digits: Vec<char> = zone.chars().collect();
        matches!(digits[..], ['+' | '-', a, b, ':', c, d] if [a, b, c, d].iter().all(char::is_ascii_digit))
    };
    // The numbers themselves, such as the month, are jiff's to judge.
    fits && (zone == "Z" || is_offset(zone)) && text.parse::<jiff::Timestamp>().is_ok()
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(JsonVisitor)
    }
}

struct JsonVisitor;

impl<'de> Visitor<'de> for JsonVisitor {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Json, E> {
        Ok(Json::Flag(flag))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Json, E> {
        Ok(Json::Int(number))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Json, E> {
        Ok(i64::try_from(number).map_or(Json::OtherNumber, Json::Int))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Json, E> {
        Ok(Json::OtherNumber)
    }

    fn visit_str<E>(self, text: &str) -> Result<Json, E> {
        Ok(Json::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Json, A::Error> {
        let mut list = vec![];
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Json::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Json, A::Error> {
        let mut object = vec![];
        while let Some(field) = fields.next_entry()? {
            object.push(field);
        }
        Ok(Json::Object(object))
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
    ]);

    fn decoded(text: &str) -> Result<Value, String> {
        decode_first(text.as_bytes(), &TOKEN).map_err(|error| error.to_string())
    }

    #[test]
    fn names_in_any_case_and_the_last_counts() {
        assert_eq!(decoded(r#"{"Token":"a","TOKEN":"b","x":{}}"#).unwrap(), json!({"token": "b"}));
        assert_eq!(decoded(r#"{"token":"a","token":null} rest"#).unwrap(), json!({"token": "a"}));
        assert_eq!(decoded("null").unwrap(), json!({}));
        let labels = decoded(r#"{"labels":{"a":"1"},"Labels":{"b":null}}"#).unwrap();
        assert_eq!(labels, json!({"labels": {"a": "1", "b": ""}}));
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
        assert!(decode(b"{} x", &TOKEN).is_err());
    }
}
