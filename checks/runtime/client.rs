//! The certificates that containerd shows to a host, each with its key.
//!
//! Source: containerd, core/remotes/docker/config/hosts.go: `parseHostConfig`, `loadHostDir`; Go,
//! crypto/tls: `X509KeyPair`.

use std::{fmt, path::Path};

use rustls::{
    Error, InconsistentKeys,
    crypto::ring::default_provider,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    sign::CertifiedKey,
};
use toml::Value;

use crate::kit::{Secret, rules::Malformed};

/// The files of a certificate and of its key.
#[derive(Clone, Debug, PartialEq)]
pub struct ClientPair {
    /// The file of the certificate.
    pub certificate: String,
    /// The file of the key; `None` where it is in the same one.
    pub key: Option<String>,
}

impl ClientPair {
    /// Reads the pairs of a setting: one file, or a list of files and of pairs of them. Paths may be
    /// relative to a directory.
    pub(super) fn all(value: Option<&Value>, folder: &str) -> Result<Vec<Self>, Malformed> {
        let path = |written: &str| Path::new(folder).join(written).to_string_lossy().into_owned();
        let single = |written: &str| Self { certificate: path(written), key: None };
        let pair = |item: &Value| match item {
            Value::String(one) => Ok(single(one)),
            Value::Array(pair) => match &pair[..] {
                [Value::String(certificate), Value::String(key)] => {
                    Ok(Self { certificate: path(certificate), key: Some(path(key)) })
                }
                _ => Err(Malformed::EntryNotTexts),
            },
            _ => Err(Malformed::EntryNotTexts),
        };
        match value {
            None => Ok(vec![]),
            Some(Value::String(one)) => Ok(vec![single(one)]),
            Some(Value::Array(items)) => items.iter().map(pair).collect(),
            Some(_) => Err(Malformed::EntryNotTexts),
        }
    }

    /// Returns how many files it is.
    pub(super) fn count(&self) -> usize {
        1 + usize::from(self.key.is_some())
    }
}

impl fmt::Display for ClientPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.certificate)?;
        self.key.as_ref().map_or(Ok(()), |key| write!(f, " {key}"))
    }
}

/// Returns whether Go takes that certificate and key for a pair: `None` where it may read what cannot
/// be read here, or the opposite.
pub(super) fn fits(certificate: &[u8], key: &Secret) -> Option<Result<(), Malformed>> {
    let key = key.expose().as_bytes();
    if !has_block(certificate, "CERTIFICATE-----") {
        return Some(Err(Malformed::NoCertificate));
    }
    if !has_block(key, "PRIVATE KEY-----") {
        return Some(Err(Malformed::NoPrivateKey));
    }
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(certificate).collect();
    let chain = chain.ok().filter(|chain| !chain.is_empty())?;
    let key = PrivateKeyDer::from_pem_slice(key).ok()?;
    match CertifiedKey::from_der(chain, key, &default_provider()) {
        Ok(pair) if pair.keys_match().is_ok() => Some(Ok(())),
        Err(Error::InconsistentKeys(InconsistentKeys::KeyMismatch)) => {
            Some(Err(Malformed::KeyOfAnother))
        }
        _ => None,
    }
}

/// Returns whether a block of that kind begins anywhere.
fn has_block(pem: &[u8], kind: &str) -> bool {
    String::from_utf8_lossy(pem)
        .lines()
        .any(|line| line.contains("-----BEGIN ") && line.contains(kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair() -> (String, String) {
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate = rcgen::CertificateParams::default().self_signed(&key).unwrap();
        (certificate.pem(), key.serialize_pem())
    }

    #[test]
    fn a_pair_fits_as_in_go() {
        let ((certificate, key), (_, other)) = (pair(), pair());
        let fits = |certificate: &str, key: &str| fits(certificate.as_bytes(), &Secret::new(key));
        assert_eq!(fits(&certificate, &key), Some(Ok(())));
        let both = format!("{key}{certificate}");
        assert_eq!(fits(&both, &both), Some(Ok(())));
        assert_eq!(fits(&certificate, &other), Some(Err(Malformed::KeyOfAnother)));
        assert_eq!(fits(&certificate, &certificate), Some(Err(Malformed::NoPrivateKey)));
        assert_eq!(fits(&key, &key), Some(Err(Malformed::NoCertificate)));
        assert_eq!(fits("", &key), Some(Err(Malformed::NoCertificate)));
        let cut = certificate.replace("-----END CERTIFICATE-----", "");
        assert_eq!(fits(&cut, &key), None);
        let odd = key.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY");
        assert_eq!(fits(&certificate, &odd), None);
    }

    #[test]
    fn a_setting_is_one_file_or_a_list() {
        let read = |text: &str| {
            let table: toml::Table = toml::from_str(text).unwrap();
            let pairs = ClientPair::all(table.get("client"), "/x");
            pairs.map(|pairs| pairs.iter().map(ToString::to_string).collect::<Vec<_>>())
        };
        assert_eq!(read("client = 'a'").unwrap(), ["/x/a"]);
        assert_eq!(read("client = ['a', ['/c', 'k']]").unwrap(), ["/x/a", "/c /x/k"]);
        assert_eq!(read("").unwrap(), [""; 0]);
        for bad in ["client = 1", "client = [['a']]", "client = [['a', 1]]", "client = [1]"] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
