//! Credentials that are nearly those for the registry: under which key, and how it is not the right
//! one.

use serde::Serialize;
use strum::VariantNames;

use crate::kit::{
    rules::{Differs, Pattern, docker_hub, glob_matches},
    target::{AcrHostName, RegistryOrImage},
};

/// Who reads the file: keys mean different things to them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Reader {
    /// Globs in the host, and a path that the image's begins with.
    Kubelet,
    /// The host to the letter; no path, no glob.
    Docker,
}

/// What a key that is not the registry's has to do with it.
#[derive(Debug, PartialEq)]
pub enum Near {
    /// It is nearly the registry's.
    Key {
        /// The key, fit to print.
        key: String,
        /// How it differs.
        differs: NearMiss,
    },
    /// It is of the login server with the hash that the image's host lacks.
    Hash {
        /// That login server.
        login_server: String,
    },
}

/// How a key differs from the registry's, the likeliest mistake first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, VariantNames)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum NearMiss {
    /// In letter case.
    LetterCase,
    /// In the port.
    PortDiffers,
    /// In the path.
    PathDiffers,
    /// It lacks the hash of a login server with a domain name label.
    HashMissing,
    /// It has that hash, and the image lacks it.
    HashInKey,
    /// In the hash.
    HashDiffers,
    /// It is the name of the registry alone.
    BareName,
    /// It is another of the registry's hosts.
    EndpointDiffers,
    /// Its glob spans fewer labels than the host has.
    GlobAndDots,
    /// It has a glob, which docker does not know.
    NoGlobs,
    /// It is in another cloud.
    CloudDiffers,
    /// It is another name of Docker Hub.
    HubDiffers,
}

/// Of all keys the nearest one; ties go to the first in the alphabet.
pub fn near(keys: &[&str], asked: &RegistryOrImage, reader: Reader) -> Option<Near> {
    let path = asked.image.as_ref().map(|image| format!("/{}", image.repository));
    let image = Pattern::image(&asked.registry, &path.unwrap_or_default());
    let lonely = keys.len() == 1;
    let mut found: Vec<_> = keys
        .iter()
        .filter_map(|key| {
            let pattern = Pattern::of_key(key)?;
            let differs = how(&pattern, &image, asked, reader);
            let differs =
                differs.or_else(|| left_of_a_template(&pattern, asked, lonely, reader))?;
            Some((differs, pattern, *key))
        })
        .collect();
    found.sort_unstable_by_key(|(differs, _, key)| (*differs, *key));
    let (differs, pattern, key) = found.into_iter().next()?;
    Some(match differs {
        NearMiss::HashInKey => Near::Hash { login_server: pattern.host().to_owned() },
        _ => Near::Key { key: shown(key), differs },
    })
}

/// How the key of a registry's name or endpoint is not that of the image.
fn how(
    key: &Pattern,
    image: &Pattern,
    asked: &RegistryOrImage,
    reader: Reader,
) -> Option<NearMiss> {
    let host = key.host();
    match key.differs(image) {
        Some(Differs::Port) => return Some(NearMiss::PortDiffers),
        Some(Differs::Path) if reader == Reader::Kubelet => return Some(NearMiss::PathDiffers),
        None | Some(Differs::Path) => {
            return (reader == Reader::Docker && host.contains('*')).then_some(NearMiss::NoGlobs);
        }
        Some(Differs::Host) if host.eq_ignore_ascii_case(image.host()) => {
            return Some(NearMiss::LetterCase);
        }
        Some(Differs::Host)
            if host.contains('*') && host.contains('.') && glob_matches(host, image.host()) =>
        {
            return Some(NearMiss::GlobAndDots);
        }
        Some(Differs::Host) => {}
    }
    let ours = asked.host.azure()?;
    if host == ours.registry() || host == ours.label {
        return Some(NearMiss::BareName);
    }
    let theirs = AcrHostName::read(host).filter(|theirs| theirs.registry() == ours.registry())?;
    let (our_hash, their_hash) = (ours.label.contains('-'), theirs.label.contains('-'));
    Some(if theirs.suffix != ours.suffix {
        NearMiss::CloudDiffers
    } else if our_hash && !their_hash {
        NearMiss::HashMissing
    } else if !our_hash && their_hash {
        NearMiss::HashInKey
    } else if ours.label != theirs.label {
        NearMiss::HashDiffers
    } else {
        NearMiss::EndpointDiffers
    })
}

/// What stands where `--docker-server` was forgotten: Docker Hub. Beside other keys it may be
/// meant.
fn left_of_a_template(
    key: &Pattern,
    asked: &RegistryOrImage,
    lonely: bool,
    reader: Reader,
) -> Option<NearMiss> {
    let is_hub = docker_hub::NAMES.contains(&key.host());
    let meant = asked.registry == docker_hub::NAME;
    (is_hub && (meant || (lonely && reader == Reader::Kubelet))).then_some(NearMiss::HubDiffers)
}

/// A key without what somebody may have put before the host, or behind its path.
pub fn shown(key: &str) -> String {
    let (scheme, rest) = key.split_once("://").map_or(("", key), |(scheme, rest)| (scheme, rest));
    let query = rest.find(['?', '#']);
    // Whether such an @ belongs to a password or to a query is not known.
    if query.is_some_and(|at| rest[at..].contains('@')) {
        return "***".to_owned();
    }
    let rest = query.map_or_else(|| rest.to_owned(), |at| format!("{}?***", &rest[..at]));
    let rest = rest.rsplit('@').next().unwrap_or_default();
    if scheme.is_empty() { rest.to_owned() } else { format!("{scheme}://{rest}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kit::target::Cloud;

    #[test]
    fn a_key_is_shown_without_its_secrets() {
        for (key, wanted) in [
            ("c.io/team", "c.io/team"),
            ("https://c.io/v1/", "https://c.io/v1/"),
            ("https://me:hunter2@c.io/v1/", "https://c.io/v1/"),
            ("c.io/?sig=hunter2", "c.io/?***"),
            ("c.io/?sig=hunter@2", "***"),
            ("me:hunter?2@c.io", "***"),
            ("me:hunter/2@c.io#x", "c.io?***"),
        ] {
            assert_eq!(shown(key), wanted, "{key}");
        }
    }

    fn found(keys: &[&str], image: &str, reader: Reader) -> Option<String> {
        let asked = RegistryOrImage::read(image, Cloud::Public, false).unwrap();
        near(keys, &asked, reader).map(|near| match near {
            Near::Key { key, differs } => {
                let differs = serde_json::to_value(differs).unwrap();
                format!("{key} {}", differs.as_str().unwrap())
            }
            Near::Hash { login_server } => format!("{login_server} hash-in-key"),
        })
    }

    #[test]
    fn each_way_to_be_nearly_right() {
        use Reader::{Docker, Kubelet};
        for (key, image, reader, differs) in [
            ("contoso", "contoso.azurecr.io/a", Kubelet, "bare-name"),
            ("contoso", "contoso-a1b2.azurecr.io/a", Docker, "bare-name"),
            ("contoso.azurecr.io", "contoso-a1b2.azurecr.io/a", Kubelet, "hash-missing"),
            ("contoso-a1b2.azurecr.io", "contoso.azurecr.io/a", Kubelet, "hash-in-key"),
            ("contoso-c3d4.azurecr.io", "contoso-a1b2.azurecr.io/a", Kubelet, "hash-differs"),
            ("contoso.azurecr.io", "contoso.eastus.geo.azurecr.io/a", Kubelet, "endpoint-differs"),
            ("contoso.eastus.geo.azurecr.io", "contoso.azurecr.io/a", Kubelet, "endpoint-differs"),
            ("contoso.eastus.data.azurecr.io", "contoso.azurecr.io/a", Kubelet, "endpoint-differs"),
            ("contoso.azurecr.cn", "contoso.azurecr.io/a", Kubelet, "cloud-differs"),
            ("contoso.azurecr.io:443", "contoso.azurecr.io/a", Kubelet, "port-differs"),
            ("contoso.azurecr.io:443", "contoso.azurecr.io/a", Docker, "port-differs"),
            ("contoso.azurecr.io/team", "contoso.azurecr.io/a", Kubelet, "path-differs"),
            ("*.azurecr.io", "contoso.eastus.geo.azurecr.io/a", Kubelet, "glob-and-dots"),
            ("*.azurecr.io", "contoso.azurecr.io/a", Docker, "no-globs"),
            ("Contoso.azurecr.io", "contoso.azurecr.io/a", Kubelet, "letter-case"),
            ("index.docker.io", "contoso.azurecr.io/a", Kubelet, "hub-differs"),
            ("registry-1.docker.io", "docker.io/team/a", Kubelet, "hub-differs"),
            ("docker.io", "docker.io/team/a", Docker, "hub-differs"),
        ] {
            let wanted = Some(format!("{key} {differs}"));
            assert_eq!(found(&[key], image, reader), wanted, "{key} for {image}");
        }
    }

    #[test]
    fn what_is_not_near() {
        use Reader::{Docker, Kubelet};
        for (keys, reader) in [
            (&["fabrikam.azurecr.io"][..], Kubelet),
            (&["https://index.docker.io/v1/"], Docker),
            (&["https://index.docker.io/v1/", "ghcr.io"], Kubelet),
            (&["contoso.example"], Kubelet),
            (&["*"], Kubelet),
            (&["not a key"], Kubelet),
            (&[], Kubelet),
        ] {
            assert_eq!(found(keys, "contoso.azurecr.io/a", reader), None, "{keys:?}");
        }
    }

    #[test]
    fn the_nearest_one_is_named() {
        let keys =
            ["contoso.azurecr.cn", "contoso", "contoso.azurecr.io:5000", "contoso.azurecr.io:443"];
        let found = found(&keys, "contoso.azurecr.io/a", Reader::Kubelet);
        assert_eq!(found.as_deref(), Some("contoso.azurecr.io:443 port-differs"));
    }

    #[test]
    fn a_key_is_shown_without_a_password() {
        assert_eq!(shown("https://me:canary@contoso.azurecr.io"), "https://contoso.azurecr.io");
        assert_eq!(shown("me@contoso.azurecr.io/team"), "contoso.azurecr.io/team");
    }
}
