//! The realm of a challenge: the URL at which tokens are issued.

use url::Url;

use super::{problem::Problem, words::NoAnswer};
use crate::{
    kit::{Host, HostPurpose, NoFact, StepResult, net::Challenge},
    registry::RegistryClient,
};

/// The URL at which tokens are issued.
pub(super) struct Realm {
    /// The host of the URL, or the registry's own `Host` if it is the registry.
    pub(super) host: Host,
    pub(super) url: Url,
}

impl Realm {
    /// Reads the realm of a challenge.
    pub(super) fn read(client: &RegistryClient, wanted: &Challenge) -> StepResult<Self> {
        let realm = wanted.param("realm").unwrap_or_default();
        let url = Url::parse(realm).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
        let found = url.and_then(|url| Some((Host::of(&url, HostPurpose::Other)?, url)));
        let (mut host, url) = found.ok_or_else(|| Self::not_safe(client, wanted))?;
        if (&host.name, host.port) == (&client.host.name, client.host.port) {
            host = client.host.clone();
        }
        Ok(Self { host, url })
    }

    /// Reports that nothing of value is sent to a host that the realm redirects to.
    pub(super) fn elsewhere(registry: &Host, next: &Host) -> NoFact {
        let scheme = if next.plain { "http" } else { "https" };
        let (host, realm) = (registry.to_string(), format!("{scheme}://{next}"));
        NoFact::could_not_tell(Problem::RealmNotSafe { host, realm })
    }

    /// Reports that nothing of value is sent to the realm.
    pub(super) fn not_safe(client: &RegistryClient, wanted: &Challenge) -> NoFact {
        // Only the scheme and the host are printed. The registry sets the rest, which may contain
        // anything.
        let url = Url::parse(wanted.param("realm").unwrap_or_default()).ok();
        let place = url.and_then(|url| Some(format!("{}://{}", url.scheme(), url.host_str()?)));
        let realm = place.unwrap_or_else(|| NoAnswer::NotAUrl.to_string());
        NoFact::could_not_tell(Problem::RealmNotSafe { host: client.host.to_string(), realm })
    }
}
