//! A registry in Azure, as commands name it.

use serde::Serialize;

use super::Registry;

/// A registry in Azure, as commands name it.
#[derive(Clone, Debug, Serialize)]
pub struct Place {
    host: String,
    subscription: String,
}

impl Place {
    pub(super) fn of(registry: &Registry) -> Self {
        Self {
            host: registry.login_server().to_owned(),
            subscription: registry.id().subscription().to_owned(),
        }
    }
}
