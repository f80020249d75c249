//! Label and field selectors, as far as clients use them: `key=value`, `key==value`, `key!=value`,
//! `key`, separated by commas.

use serde_json::Value;

/// Returns whether the labels of an object match.
pub(super) fn labels_match(object: &Value, selector: &str) -> bool {
    let labels = &object["metadata"]["labels"];
    terms(selector).all(|term| match term {
        Term::Is(key, value) => labels[key] == value,
        Term::IsNot(key, value) => labels[key] != value,
        Term::Has(key) => labels.get(key).is_some(),
    })
}

/// Returns whether the fields of an object match: `metadata.name=x`, `type=Warning`.
pub(super) fn fields_match(object: &Value, selector: &str) -> bool {
    let field = |path: &str| path.split('.').fold(object, |of, name| &of[name]);
    terms(selector).all(|term| match term {
        Term::Is(key, value) => *field(key) == value,
        Term::IsNot(key, value) => *field(key) != value,
        Term::Has(key) => !field(key).is_null(),
    })
}

enum Term<'a> {
    Is(&'a str, &'a str),
    IsNot(&'a str, &'a str),
    Has(&'a str),
}

fn terms(selector: &str) -> impl Iterator<Item = Term<'_>> {
    selector.split(',').map(str::trim).filter(|term| !term.is_empty()).map(|term| {
        if let Some((key, value)) = term.split_once("!=") {
            Term::IsNot(key.trim(), value.trim())
        } else if let Some((key, value)) = term.split_once("==").or_else(|| term.split_once('=')) {
            Term::Is(key.trim(), value.trim())
        } else {
            Term::Has(term)
        }
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn labels_and_fields() {
        let object =
            json!({ "metadata": { "name": "a", "labels": { "x/y": "1" } }, "type": "Warning" });
        for good in ["x/y=1", "x/y==1", "x/y", "x/y!=2,x/y", ""] {
            assert!(labels_match(&object, good), "{good}");
        }
        assert!(!labels_match(&object, "x/y=2") && !labels_match(&object, "z"));
        assert!(fields_match(&object, "metadata.name=a,type=Warning"));
        assert!(!fields_match(&object, "metadata.name=b"));
    }
}
