//! What the findings about tokens and the admin user show.

use jiff::Timestamp;
use serde::Serialize;

use super::super::{Registry, asked_registry::AskedRegistry};
use crate::kit::Cx;

/// A user of the registry's own: a token, or the admin user.
#[derive(Clone, Serialize)]
pub struct User {
    #[serde(flatten)]
    asked: AskedRegistry,
    user: String,
}

impl User {
    pub(super) fn of(cx: &Cx, registry: &Registry, user: &str) -> Self {
        Self { asked: AskedRegistry::of(cx, registry), user: user.to_owned() }
    }
}

/// A token, and a time that matters to it.
#[derive(Serialize)]
pub struct TokenState {
    /// The token.
    #[serde(flatten)]
    pub(super) user: User,
    /// When its last password expired, or its newest password was created.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) at: Option<Timestamp>,
}

/// A password or a certificate of a token that ends soon.
#[derive(Serialize)]
pub struct Ends {
    /// The token.
    #[serde(flatten)]
    pub(super) user: User,
    /// The name of the password or the certificate, such as `password1`.
    pub(super) name: String,
    /// When it expires.
    pub(super) expires: Timestamp,
}

/// A scope map that lacks what a pull of the repository needs.
#[derive(Serialize)]
pub struct ScopeMapActions {
    /// The token.
    #[serde(flatten)]
    pub(super) user: User,
    /// The name of the scope map.
    pub(super) scope_map: String,
    /// The same, if it may be changed: the registry defines others itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) own_scope_map: Option<String>,
    /// Its actions.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) actions: Vec<String>,
}
