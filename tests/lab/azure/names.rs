//! Whether a registry's name is free, in whatever tenant.

use hyper::Method;
use serde_json::{Value, json};

use super::ControlPlane;
use super::arm::{Asked, forbidden};
use super::reply::Reply;
use super::resources::no_route;

const ACTION: &str = "Microsoft.ContainerRegistry/checkNameAvailability/read";

impl ControlPlane {
    /// Answers `checkNameAvailability` (RegistryCheckNameAvailable.json and
    /// RegistryCheckNameNotAvailable.json of Azure/azure-rest-api-specs,
    /// Microsoft.ContainerRegistry). A name that resolves belongs to somebody.
    pub(super) fn check_name(&self, asked: &Asked, scope: &str) -> Reply {
        if asked.method != Method::POST {
            return no_route(asked);
        }
        if !self.permits(asked, ACTION, scope) {
            return forbidden(asked, ACTION, scope);
        }
        let name = asked.body.get("name").and_then(Value::as_str).unwrap_or_default();
        if self.taken.iter().any(|taken| taken.eq_ignore_ascii_case(name)) {
            let message = format!("The registry {name} is already in use.");
            return Reply::ok(json!({
                "nameAvailable": false, "reason": "AlreadyExists", "message": message,
            }));
        }
        Reply::ok(json!({ "nameAvailable": true }))
    }
}
