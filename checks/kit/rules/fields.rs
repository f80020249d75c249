//! The fields of a JSON object, found as Go finds them: in whatever case, and one that is null is none.

use serde_json::{Map, Value};

/// Why an entry is of no use, as a word.
pub type Malformed = &'static str;

/// An object's fields.
pub struct Fields<'a>(&'a Map<String, Value>);

impl<'a> Fields<'a> {
    /// Those of an object; `None` where it is none.
    pub fn of(value: &'a Value) -> Option<Self> {
        value.as_object().map(Self)
    }

    /// A field; one that is null is as good as none.
    pub fn get(&self, name: &str) -> Option<&'a Value> {
        let exact = self.0.get(name);
        let field = exact.or_else(|| {
            self.0.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, v)| v)
        });
        field.filter(|value| !value.is_null())
    }

    /// A text that says something.
    pub fn text(&self, name: &str) -> Result<Option<&'a str>, Malformed> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.as_str()).filter(|text| !text.is_empty())),
            Some(_) => Err("entry-not-texts"),
        }
    }

    /// A text that says something, or a number or a flag that stands where a text is due: YAML has no quotes
    /// about either.
    pub fn scalar(&self, name: &str) -> Result<Option<String>, Malformed> {
        match self.get(name) {
            Some(scalar @ (Value::Number(_) | Value::Bool(_))) => Ok(Some(scalar.to_string())),
            _ => Ok(self.text(name)?.map(str::to_owned)),
        }
    }

    /// A list of texts.
    pub fn texts(&self, name: &str) -> Result<Vec<String>, Malformed> {
        let listed = match self.get(name) {
            None => return Ok(vec![]),
            Some(Value::Array(listed)) => listed,
            Some(_) => return Err("entry-not-a-list"),
        };
        let text = |value: &Value| value.as_str().map(str::to_owned).ok_or("entry-not-texts");
        listed.iter().map(text).collect()
    }

    /// A yes or a no.
    pub fn flag(&self, name: &str) -> Result<Option<bool>, Malformed> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(*flag)),
            Some(_) => Err("entry-not-a-flag"),
        }
    }

    /// A map, each value by its key, sorted by key.
    pub fn map(&self, name: &str) -> Result<Vec<(&'a str, &'a Value)>, Malformed> {
        match self.get(name) {
            None => Ok(vec![]),
            Some(Value::Object(map)) => Ok(sorted(map)),
            Some(_) => Err("entry-not-texts"),
        }
    }

    /// All fields, sorted.
    pub fn all(&self) -> Vec<(&'a str, &'a Value)> {
        sorted(self.0)
    }
}

fn sorted(map: &Map<String, Value>) -> Vec<(&str, &Value)> {
    let mut all: Vec<_> = map.iter().map(|(key, value)| (key.as_str(), value)).collect();
    all.sort_by_key(|(key, _)| *key);
    all
}
