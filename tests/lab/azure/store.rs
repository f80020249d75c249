//! The resources that exist, by id: the one state that all parts of the world decide by.

use std::collections::BTreeMap;

use serde_json::Value;

/// The resources, by id in lower case: ids are compared without regard to case.
#[derive(Debug, Clone, Default)]
pub(crate) struct Store(BTreeMap<String, Value>);

impl Store {
    /// Returns a resource.
    pub(crate) fn get(&self, id: &str) -> Option<&Value> {
        self.0.get(&id.to_ascii_lowercase())
    }

    /// Returns a resource to change.
    pub(crate) fn get_mut(&mut self, id: &str) -> Option<&mut Value> {
        self.0.get_mut(&id.to_ascii_lowercase())
    }

    /// Adds or replaces the resource with the id that it contains.
    pub(crate) fn put(&mut self, resource: Value) {
        self.0.insert(id_of(&resource).to_ascii_lowercase(), resource);
    }

    /// Lays properties over a resource, which is created if it does not exist.
    pub(crate) fn lay_over(&mut self, id: &str, above: &Value) {
        let key = id.to_ascii_lowercase();
        let below = self.0.entry(key).or_insert_with(|| blank(id));
        merge(below, above);
    }

    /// Removes a resource and everything below it.
    pub(crate) fn remove(&mut self, id: &str) -> Option<Value> {
        let key = id.to_ascii_lowercase();
        let below = format!("{key}/");
        self.0.retain(|other, _| !other.starts_with(&below));
        self.0.remove(&key)
    }

    /// Returns every resource of a type, in the order of ids.
    pub(crate) fn of_type<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Value> {
        self.0.values().filter(move |one| text(one, "/type").eq_ignore_ascii_case(kind))
    }

    /// Returns every resource.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Value> {
        self.0.values()
    }
}

/// Returns the id of a resource.
pub(crate) fn id_of(resource: &Value) -> &str {
    text(resource, "/id")
}

/// Returns the text at a JSON pointer, or an empty one.
pub(crate) fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// Returns the list at a JSON pointer, or an empty one.
pub(crate) fn list<'a>(value: &'a Value, pointer: &str) -> &'a [Value] {
    value.pointer(pointer).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// Lays one value over another: objects are merged, everything else is replaced.
pub(crate) fn merge(below: &mut Value, above: &Value) {
    match (below, above) {
        (Value::Object(below), Value::Object(above)) => {
            for (key, value) in above {
                merge(below.entry(key.clone()).or_insert(Value::Null), value);
            }
        }
        (below, above) => *below = above.clone(),
    }
}

/// Returns the parts of an id: the scope before the last `/providers/`, the namespace, and the
/// names of types and resources after it.
pub(crate) fn split(id: &str) -> Option<(&str, &str, Vec<&str>)> {
    let at = id.to_ascii_lowercase().rfind("/providers/")?;
    let mut rest = id[at + "/providers/".len()..].split('/').filter(|part| !part.is_empty());
    let namespace = rest.next()?;
    Some((&id[..at], namespace, rest.collect()))
}

/// Returns whether an id is at a scope or below it.
pub(crate) fn within(id: &str, scope: &str) -> bool {
    let (id, scope) = (id.to_ascii_lowercase(), scope.to_ascii_lowercase());
    let scope = scope.trim_end_matches('/');
    id.strip_prefix(scope).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Returns a resource that has only what its id says.
pub(crate) fn blank(id: &str) -> Value {
    let kind = split(id).map_or_else(String::new, |(_, namespace, parts)| {
        let types: Vec<_> = parts.iter().step_by(2).copied().collect();
        format!("{namespace}/{}", types.join("/"))
    });
    let name = id.rsplit('/').next().unwrap_or_default();
    serde_json::json!({ "id": id, "name": name, "type": kind, "properties": {} })
}
