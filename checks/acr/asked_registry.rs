//! A registry in Azure, as commands name it.

use serde::Serialize;

use super::Registry;
use crate::kit::Cx;

/// The host that was asked for, and the subscription of its registry.
#[derive(Clone, Debug, Serialize)]
pub(super) struct AskedRegistry {
    /// A finding explains only what was found at the same host, which may be a regional endpoint.
    host: String,
    subscription: String,
}

impl AskedRegistry {
    pub(super) fn of(cx: &Cx, registry: &Registry) -> Self {
        let asked = cx.target.asked.as_ref().ok().map(|asked| asked.host.to_string());
        Self {
            host: asked.unwrap_or_else(|| registry.login_server().to_owned()),
            subscription: registry.id().subscription().to_owned(),
        }
    }
}
