//! A resource as Azure Resource Manager returns it: its properties by their paths.

use serde_json::Value;

use crate::kit::target::ResourceId;

/// A resource: its id, and its properties. A property that is missing, null or of another type
/// reads as absent: the caller decides what that means.
#[derive(Clone, Debug)]
pub struct ArmResource {
    /// The resource id.
    pub id: ResourceId,
    json: Value,
}

impl ArmResource {
    /// Reads a resource; `None` when the JSON has no valid id.
    pub fn read(json: Value) -> Option<Self> {
        let id = json.get("id")?.as_str()?.parse().ok()?;
        Some(Self { id, json })
    }

    /// Returns a property by its path, such as `properties.sku.name`; `None` when it is null.
    pub fn get(&self, path: &str) -> Option<&Value> {
        property(&self.json, path)
    }

    /// Returns a text; `None` when it is empty.
    pub fn text(&self, path: &str) -> Option<&str> {
        text(&self.json, path)
    }

    /// Returns whether a property is this word, in whatever case.
    pub fn is(&self, path: &str, word: &str) -> bool {
        self.text(path).is_some_and(|text| text.eq_ignore_ascii_case(word))
    }

    /// Returns a boolean.
    pub fn flag(&self, path: &str) -> Option<bool> {
        self.get(path)?.as_bool()
    }

    /// Returns a list; it is empty when the property is absent.
    pub fn list(&self, path: &str) -> &[Value] {
        self.get(path).and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }
}

/// Returns a property of a value by its path; `None` when it is null.
pub fn property<'v>(value: &'v Value, path: &str) -> Option<&'v Value> {
    let found = path.split('.').try_fold(value, |value, name| value.get(name));
    found.filter(|value| !value.is_null())
}

/// Returns a text in a value by its path; `None` when it is empty.
pub fn text<'v>(value: &'v Value, path: &str) -> Option<&'v str> {
    property(value, path)?.as_str().filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn properties_by_their_paths() {
        let id = "/subscriptions/s/resourceGroups/g/providers/Microsoft.X/y/z";
        let read = ArmResource::read(json!({
            "id": id,
            "sku": { "name": "Premium" },
            "properties": { "on": true, "none": null, "blank": "", "rules": [1, 2] },
        }));
        let resource = read.unwrap();
        assert!(resource.is("sku.name", "premium"));
        assert_eq!(resource.flag("properties.on"), Some(true));
        assert_eq!(resource.list("properties.rules").len(), 2);
        for absent in ["properties.none", "properties.blank", "properties.on.x", "", "sku.name.x"] {
            assert_eq!(resource.text(absent), None, "{absent}");
        }
        for bad in [json!(null), json!({}), json!({ "id": 3 }), json!({ "id": "x" })] {
            assert!(ArmResource::read(bad).is_none());
        }
    }
}
