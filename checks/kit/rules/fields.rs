//! The fields of a JSON object, looked up as Go does: the case does not matter, and null counts as
//! missing.

use serde_json::{Map, Value};

use super::malformed::Malformed;

/// The fields of a JSON object.
pub struct Fields<'a>(&'a Map<String, Value>);

impl<'a> Fields<'a> {
    /// Returns the fields of an object; `None` when the value is not an object.
    pub fn of(value: &'a Value) -> Option<Self> {
        value.as_object().map(Self)
    }

    /// Returns a field; `None` when it is missing or null.
    pub fn get(&self, name: &str) -> Option<&'a Value> {
        let exact = self.0.get(name);
        let field = exact.or_else(|| {
            self.0.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, v)| v)
        });
        field.filter(|value| !value.is_null())
    }

    /// Returns a string; `None` when it is missing or empty.
    pub fn text(&self, name: &str) -> Result<Option<&'a str>, Malformed> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.as_str()).filter(|text| !text.is_empty())),
            Some(_) => Err(Malformed::EntryNotTexts),
        }
    }

    /// Returns a string, or a number or a boolean as a string: in YAML neither needs quotes.
    pub fn scalar(&self, name: &str) -> Result<Option<String>, Malformed> {
        match self.get(name) {
            Some(scalar @ (Value::Number(_) | Value::Bool(_))) => Ok(Some(scalar.to_string())),
            _ => Ok(self.text(name)?.map(str::to_owned)),
        }
    }

    /// Returns a list of strings.
    pub fn texts(&self, name: &str) -> Result<Vec<String>, Malformed> {
        let listed = match self.get(name) {
            None => return Ok(vec![]),
            Some(Value::Array(listed)) => listed,
            Some(_) => return Err(Malformed::EntryNotAList),
        };
        let text =
            |value: &Value| value.as_str().map(str::to_owned).ok_or(Malformed::EntryNotTexts);
        listed.iter().map(text).collect()
    }

    /// Returns a boolean.
    pub fn flag(&self, name: &str) -> Result<Option<bool>, Malformed> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(*flag)),
            Some(_) => Err(Malformed::EntryNotAFlag),
        }
    }

    /// Returns a map as pairs, sorted by key.
    pub fn map(&self, name: &str) -> Result<Vec<(&'a str, &'a Value)>, Malformed> {
        match self.get(name) {
            None => Ok(vec![]),
            Some(Value::Object(map)) => Ok(sorted(map)),
            Some(_) => Err(Malformed::EntryNotTexts),
        }
    }

    /// Returns all fields, sorted by name.
    pub fn all(&self) -> Vec<(&'a str, &'a Value)> {
        sorted(self.0)
    }
}

fn sorted(map: &Map<String, Value>) -> Vec<(&str, &Value)> {
    let mut all: Vec<_> = map.iter().map(|(key, value)| (key.as_str(), value)).collect();
    all.sort_by_key(|(key, _)| *key);
    all
}
