//! The certificate files of a host: containerd reads them before each pull, which fails when one of
//! them cannot be used.

use rustls::{RootCertStore, pki_types::CertificateDer};

use super::{
    client::{self, ClientPair},
    hosts_file::HostEntry,
    problem::{NotFollowed, Problem},
};
use crate::kit::{
    Cx, Host, Secret,
    rules::{Malformed, authorities_in},
    world::FileError,
};

/// How many files of an entry are read.
pub(crate) const MAX_FILES: usize = 8;

/// Trusts the authorities of an entry for that host from now on. Returns whether every file of the
/// entry can be used.
pub(super) async fn trust(cx: &Cx, file: &str, entry: &HostEntry, host: &Host) -> bool {
    let count = entry.ca.len() + entry.client.iter().map(ClientPair::count).sum::<usize>();
    if count > MAX_FILES {
        let (file, what, written) = (file.to_owned(), NotFollowed::ManyFiles, count.to_string());
        cx.add_finding(Problem::NotReplayed { file, what, written });
        return false;
    }
    let mut are_usable = true;
    for path in &entry.ca {
        are_usable &= tell(cx, file, path, authorities(cx, path, host).await);
    }
    for pair in &entry.client {
        are_usable &= tell(cx, file, &pair.certificate, client_pair(cx, pair).await);
    }
    are_usable
}

/// Why a certificate file cannot be used.
enum Fault {
    /// containerd cannot use that file either.
    Certain(String, String),
    /// It cannot be read here.
    Unreadable(String, FileError),
    /// Go may be able to read what cannot be read here.
    Unknown,
}

impl Fault {
    fn of(path: &str, error: FileError) -> Self {
        match error {
            FileError::Missing | FileError::AFolder | FileError::NotAFolder => {
                Fault::Certain(path.to_owned(), error.to_string())
            }
            error => Fault::Unreadable(path.to_owned(), error),
        }
    }
}

/// Tells of a file that cannot be used. Returns whether it can.
fn tell(cx: &Cx, file: &str, certificate: &str, read: Result<(), Fault>) -> bool {
    let (file, certificate) = (file.to_owned(), certificate.to_owned());
    let problem = match read {
        Ok(()) => return true,
        Err(Fault::Certain(certificate, said)) => {
            Problem::CertificateFileUnusable { file, certificate, said }
        }
        Err(Fault::Unreadable(file, error)) => {
            Problem::ConfigUnreadable { file, said: error.to_string() }
        }
        Err(Fault::Unknown) => {
            Problem::NotReplayed { file, what: NotFollowed::VersionDecides, written: certificate }
        }
    };
    cx.add_finding(problem);
    false
}

/// Trusts the authorities of a file for that host.
async fn authorities(cx: &Cx, path: &str, host: &Host) -> Result<(), Fault> {
    let bytes = cx.world.read(&cx.world.of_node(path)).await;
    let bytes = bytes.map_err(|error| Fault::of(path, error))?;
    let all: Vec<CertificateDer<'static>> = authorities_in(&bytes).collect();
    let (count, _) = RootCertStore::empty().add_parsable_certificates(all.iter().cloned());
    cx.world.roots.trust_for(host, all.clone());
    match (all.len(), count) {
        // Go's AppendCertsFromPEM fails on a file without any certificate.
        (0, _) => Err(Fault::Certain(path.to_owned(), Malformed::NoCertificate.to_string())),
        (_, 0) => Err(Fault::Unknown),
        _ => Ok(()),
    }
}

/// Reads a certificate that is shown to a host, and its key. Neither is kept.
async fn client_pair(cx: &Cx, pair: &ClientPair) -> Result<(), Fault> {
    let read = async |path: &str| {
        let bytes = cx.world.read(&cx.world.of_node(path)).await;
        bytes.map_err(|error| Fault::of(path, error))
    };
    let certificate = read(&pair.certificate).await?;
    let key = match &pair.key {
        Some(key) => read(key).await?,
        None => certificate.clone(),
    };
    let key = Secret::new(String::from_utf8_lossy(&key).into_owned());
    match client::fits(&certificate, &key) {
        Some(Ok(())) => Ok(()),
        Some(Err(said)) => {
            let of_key = pair.key.as_ref().filter(|_| said != Malformed::NoCertificate);
            let path = of_key.unwrap_or(&pair.certificate).clone();
            Err(Fault::Certain(path, said.to_string()))
        }
        None => Err(Fault::Unknown),
    }
}
