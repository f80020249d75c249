//! Who may do what: access reviews, and the same answer for the requests themselves.

use serde_json::{Value, json};

use super::settings::Kubernetes;

/// A permission: its verb, and its resource with the group.
pub(super) fn permission(verb: &str, resource: &str, part: &str, group: &str) -> String {
    let part = if part.is_empty() { String::new() } else { format!("/{part}") };
    let group = if group.is_empty() { String::new() } else { format!(".{group}") };
    format!("{verb} {resource}{part}{group}")
}

/// Answers an access review.
pub(super) fn review(settings: &Kubernetes, mut asked: Value) -> Value {
    let attributes = &asked["spec"]["resourceAttributes"];
    let text = |name: &str| attributes[name].as_str().unwrap_or_default();
    let wanted = permission(text("verb"), text("resource"), text("subresource"), text("group"));
    let allowed = !settings.denied.contains(&wanted);
    asked["status"] = json!({ "allowed": allowed });
    asked
}
