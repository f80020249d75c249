//! Changes: what PUT, PATCH, DELETE and POST do to the resources.

use super::ControlPlane;
use super::arm::Asked;
use super::reply::Reply;
use super::resources::no_route;

impl ControlPlane {
    pub(super) fn write(&self, asked: &Asked, _namespace: &str, _parts: &[&str]) -> Reply {
        no_route(asked)
    }

    pub(super) fn write_assignment(&self, asked: &Asked, _scope: &str, _name: &str) -> Reply {
        no_route(asked)
    }
}
