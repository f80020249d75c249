//! Azure's naming scheme for the hosts of a registry, and the kind of each host.

use super::cloud::{storage, suffixes};

/// The kind of host that a name belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AcrHostKind {
    /// `NAME.azurecr.io`: serves the whole registry.
    LoginServer,
    /// `NAME-HASH.azurecr.io`: the login server of a registry with a domain name label.
    LabelledLoginServer,
    /// `NAME.REGION.geo.azurecr.io`: serves the registry from one region.
    RegionalEndpoint,
    /// `NAME.REGION.data.azurecr.io`: serves layers.
    DataEndpoint,
    /// Azure Storage: serves layers when a registry has no dedicated data endpoint.
    BlobStorage,
    /// Not an Azure registry, as far as the name tells.
    Other,
}

/// The parts of an Azure registry host's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AcrHostName<'a> {
    /// The kind of host.
    pub kind: AcrHostKind,
    /// The first label: the registry's name, with a hash if it has a domain name label.
    pub label: &'a str,
    /// The region, if the host belongs to one.
    pub region: Option<&'a str>,
    /// `azurecr.io`, or the suffix of another cloud.
    pub suffix: &'static str,
    /// Whether the name is in the `privatelink` zone of a private endpoint.
    pub private_link: bool,
}

impl AcrHostKind {
    /// Returns the kind of host that has this name.
    pub fn of(name: &str) -> Self {
        match AcrHostName::read(name) {
            Some(name) => name.kind,
            None if storage().any(|storage| before(name, storage).is_some()) => {
                AcrHostKind::BlobStorage
            }
            None => AcrHostKind::Other,
        }
    }
}

impl<'a> AcrHostName<'a> {
    /// Parses a name; `None` when no Azure registry has such a host.
    pub fn read(name: &'a str) -> Option<Self> {
        let (suffix, front) =
            suffixes().find_map(|suffix| Some((suffix, before(name, suffix)?)))?;
        let private = before(front, "privatelink");
        let labels: Vec<&str> = private.unwrap_or(front).split('.').collect();
        let (kind, label, region) = match labels[..] {
            [label] if label.contains('-') => (AcrHostKind::LabelledLoginServer, label, None),
            [label] if label != "privatelink" => (AcrHostKind::LoginServer, label, None),
            [label, region, "geo"] => (AcrHostKind::RegionalEndpoint, label, Some(region)),
            [label, region, "data"] => (AcrHostKind::DataEndpoint, label, Some(region)),
            _ => return None,
        };
        Some(Self { kind, label, region, suffix, private_link: private.is_some() })
    }

    /// Returns the registry's name as `az acr -n` takes it: without the hash.
    pub fn registry(&self) -> &'a str {
        self.label.split('-').next().unwrap_or(self.label)
    }

    /// Returns the login server, which the registry's image references use.
    pub fn login_server(&self) -> String {
        format!("{}.{}", self.label, self.suffix)
    }

    /// Returns the required member name: what a private endpoint's IP configuration calls this
    /// host.
    pub fn required_member_name(&self) -> String {
        match (self.kind, self.region) {
            (AcrHostKind::DataEndpoint, Some(region)) => format!("registry_data_{region}"),
            (_, Some(region)) => format!("registry_{region}"),
            (_, None) => "registry".to_owned(),
        }
    }
}

/// Returns the login server that a misspelled name probably means.
pub(super) fn misspelled(name: &str) -> Option<String> {
    let labels: Vec<_> = name.split('.').collect();
    let (front, domain) = labels.split_at_checked(labels.len().checked_sub(2)?)?;
    let (front, domain) = (front.join("."), domain.join("."));
    if suffixes().any(|suffix| domain == suffix) {
        // The suffix of a cloud was put behind a name that had one already.
        return suffixes().find_map(|own| Some(format!("{}.{own}", before(&front, own)?)));
    }
    let near = suffixes().find(|suffix| strsim::damerau_levenshtein(&domain, suffix) <= 2)?;
    (!front.is_empty() && domain != "azure.io").then(|| format!("{front}.{near}"))
}

/// Returns the part of a name before its last labels.
fn before<'a>(name: &'a str, last: &str) -> Option<&'a str> {
    name.strip_suffix(last)?.strip_suffix('.').filter(|front| !front.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_name_in_each_cloud() {
        use AcrHostKind::*;
        for suffix in suffixes() {
            for (front, kind, registry, region, member) in [
                ("contoso", LoginServer, "contoso", None, "registry"),
                ("contoso-a1b2", LabelledLoginServer, "contoso", None, "registry"),
                (
                    "contoso.eastus.geo",
                    RegionalEndpoint,
                    "contoso",
                    Some("eastus"),
                    "registry_eastus",
                ),
                (
                    "contoso-a1b2.eastus.geo",
                    RegionalEndpoint,
                    "contoso",
                    Some("eastus"),
                    "registry_eastus",
                ),
                (
                    "contoso.eastus.data",
                    DataEndpoint,
                    "contoso",
                    Some("eastus"),
                    "registry_data_eastus",
                ),
            ] {
                for (link, private_link) in [("", false), (".privatelink", true)] {
                    let name = format!("{front}{link}.{suffix}");
                    let read = AcrHostName::read(&name).unwrap();
                    assert_eq!(
                        (read.kind, read.region, read.suffix),
                        (kind, region, suffix),
                        "{name}"
                    );
                    assert_eq!(
                        (read.registry(), read.private_link),
                        (registry, private_link),
                        "{name}"
                    );
                    assert_eq!(read.required_member_name(), member, "{name}");
                    assert_eq!(AcrHostKind::of(&name), kind);
                }
            }
        }
    }

    #[test]
    fn storage_and_strangers() {
        for name in [
            "eusmanaged1.blob.core.windows.net",
            "eusmanaged1.privatelink.blob.core.windows.net",
            "x.blob.core.chinacloudapi.cn",
            "x.blob.core.usgovcloudapi.net",
        ] {
            assert_eq!(
                (AcrHostKind::of(name), AcrHostName::read(name)),
                (AcrHostKind::BlobStorage, None),
                "{name}"
            );
        }
        for name in [
            "azurecr.io",
            "privatelink.azurecr.io",
            "contoso.azurecr.io.azurecr.io",
            "contoso.eastus.azurecr.io",
            "notazurecr.io",
            "contoso.azurecr.io.example",
            "registry.fabrikam.example",
            "10.1.0.5",
            "",
        ] {
            assert_eq!(
                (AcrHostKind::of(name), AcrHostName::read(name)),
                (AcrHostKind::Other, None),
                "{name}"
            );
        }
    }
}
