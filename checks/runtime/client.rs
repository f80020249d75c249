//! The certificates that containerd shows to a host, each with its key.
//!
//! Source: containerd, core/remotes/docker/config/hosts.go: `parseHostConfig`, `loadHostDir`; Go,
//! crypto/tls: `X509KeyPair`.

use std::{fmt, path::Path};

use rustls::{
    Error, InconsistentKeys,
    crypto::ring::default_provider,
    pki_types::{
        CertificateDer, PrivateKeyDer, PrivatePkcs1KeyDer, PrivatePkcs8KeyDer, PrivateSec1KeyDer,
    },
    sign::CertifiedKey,
};
use toml::Value;

use crate::kit::{
    Secret,
    rules::{Malformed, pem_blocks},
};

/// What a block of a key is called, at least in the end.
const KEY: &str = "PRIVATE KEY";

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
        let path = |written: &str| beside(folder, written);
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

/// Returns a path that a file in that directory names.
pub(super) fn beside(folder: &str, written: &str) -> String {
    Path::new(folder).join(written).to_string_lossy().into_owned()
}

/// Returns whether Go takes that certificate and key for a pair: `None` where it may read what cannot
/// be read here, or the opposite.
pub(super) fn fits(certificate: &[u8], key: &Secret) -> Option<Result<(), Malformed>> {
    let chain = certificates(certificate);
    if chain.is_empty() {
        return Some(Err(Malformed::NoCertificate));
    }
    let blocks = pem_blocks(key.expose().as_bytes()).into_iter();
    let mut keys = blocks.filter(|it| it.kind == KEY || it.kind.ends_with(&format!(" {KEY}")));
    let Some(key) = keys.next() else { return Some(Err(Malformed::NoPrivateKey)) };
    // Go tries each form, whatever the block is called.
    let forms: [PrivateKeyDer<'_>; 3] = [
        PrivatePkcs8KeyDer::from(&key.bytes[..]).into(),
        PrivatePkcs1KeyDer::from(&key.bytes[..]).into(),
        PrivateSec1KeyDer::from(&key.bytes[..]).into(),
    ];
    let provider = default_provider().key_provider;
    let read = forms.into_iter().find_map(|it| provider.load_private_key(it.clone_key()).ok())?;
    match CertifiedKey::new(chain, read).keys_match() {
        Ok(()) => Some(Ok(())),
        Err(Error::InconsistentKeys(InconsistentKeys::KeyMismatch)) => {
            Some(Err(Malformed::KeyOfAnother))
        }
        Err(_) => None,
    }
}

/// Returns the certificates of a file as Go reads it for a pair.
fn certificates(pem: &[u8]) -> Vec<CertificateDer<'static>> {
    let blocks = pem_blocks(pem).into_iter().filter(|block| block.kind == "CERTIFICATE");
    blocks.map(|block| block.bytes.into()).collect()
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
        assert_eq!(fits(&cut, &key), Some(Err(Malformed::NoCertificate)));
        // The first key counts, whatever it is called.
        let named = other.replace("PRIVATE KEY", "X PRIVATE KEY");
        assert_eq!(
            fits(&certificate, &format!("{named}{key}")),
            Some(Err(Malformed::KeyOfAnother))
        );
        let glued = format!("{}{certificate}", certificate.trim_end());
        assert_eq!(fits(&glued, &key), Some(Err(Malformed::NoCertificate)));
        let unread = "-----BEGIN PRIVATE KEY-----\nYQ==\n-----END PRIVATE KEY-----\n";
        assert_eq!(fits(&certificate, unread), None);
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
