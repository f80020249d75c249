//! The realm of a challenge: the URL at which tokens are issued.

use super::problem::Problem;
use crate::{
    kit::{
        Host, HostPurpose, NoFact, StepResult,
        net::Challenge,
        rules::{GoUrl, request_url},
    },
    registry::RegistryClient,
};

/// The URL at which tokens are issued.
pub(super) struct Realm {
    /// The host of the URL, or the registry's own `Host` if it is the registry.
    pub(super) host: Host,
    pub(super) url: GoUrl,
}

impl Realm {
    /// Reads the realm of a challenge. containerd fails where Go cannot request it.
    pub(super) fn read(client: &RegistryClient, wanted: &Challenge) -> StepResult<Self> {
        let realm = wanted.param("realm").unwrap_or_default();
        let url = request_url(realm).map_err(|said| {
            // Its query may contain anything.
            let realm = realm.split('?').next().unwrap_or_default();
            let realm = (!realm.is_empty()).then(|| realm.to_owned());
            Problem::RealmUnusable { host: client.host.to_string(), realm, said }
        })?;
        let host = Host::requested(&url, HostPurpose::Other);
        let mut host = host.ok_or_else(|| Self::not_safe(client, &url))?;
        if host.is_same_server(&client.host) {
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
    pub(super) fn not_safe(client: &RegistryClient, url: &GoUrl) -> NoFact {
        // Only the scheme and the host are printed. The registry sets the rest, which may contain
        // anything.
        let realm = format!("{}://{}", url.scheme(), url.host());
        NoFact::could_not_tell(Problem::RealmNotSafe { host: client.host.to_string(), realm })
    }
}
