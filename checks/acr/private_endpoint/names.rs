//! Names of a registry's hosts in the private DNS zone of its endpoints.

use crate::kit::target::{AcrHostName, ResourceId};

/// Returns the only entry of a list.
pub(super) fn only<T>(list: &[T]) -> Option<&T> {
    match list {
        [only] => Some(only),
        _ => None,
    }
}

/// Returns the name of a resource.
pub(super) fn name_of(id: &str) -> String {
    let parsed = id.parse::<ResourceId>();
    parsed.map_or_else(|()| id.to_owned(), |id| id.name().to_owned())
}

/// Returns the private DNS zone of a host's private endpoint.
pub(super) fn zone_of(host: &str) -> Option<String> {
    AcrHostName::read(host).map(|name| format!("privatelink.{}", name.suffix))
}

/// Returns the name of a host's record in that zone.
pub(super) fn record_of(host: &str) -> Option<String> {
    let suffix = AcrHostName::read(host)?.suffix;
    host.strip_suffix(suffix)?.strip_suffix('.').map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_record_of_a_host() {
        for (host, record, zone) in [
            ("contoso.azurecr.io", Some("contoso"), Some("privatelink.azurecr.io")),
            (
                "contoso.eastus.data.azurecr.cn",
                Some("contoso.eastus.data"),
                Some("privatelink.azurecr.cn"),
            ),
            ("eusmanaged1.blob.core.windows.net", None, None),
            ("", None, None),
        ] {
            assert_eq!(record_of(host).as_deref(), record, "{host}");
            assert_eq!(zone_of(host).as_deref(), zone, "{host}");
        }
    }
}
