//! The certificate files of a host: containerd reads them before each pull, which fails when one of
//! them cannot be used.

use rustls::{
    RootCertStore,
    pki_types::{CertificateDer, pem::PemObject},
};

use super::{
    hosts_file::HostEntry,
    problem::{NotFollowed, Problem},
};
use crate::kit::{Cx, Host, rules::Malformed, world::FileError};

/// How many files of an entry are read.
pub(crate) const MAX_FILES: usize = 8;

/// Trusts the authorities of an entry for that host from now on. Returns whether every file of the
/// entry can be used.
pub(super) async fn trust(cx: &Cx, file: &str, entry: &HostEntry, host: &Host) -> bool {
    let count = entry.ca.len() + entry.client.len();
    if count > MAX_FILES {
        let (file, what, written) = (file.to_owned(), NotFollowed::ManyFiles, count.to_string());
        cx.add_finding(Problem::NotReplayed { file, what, written });
        return false;
    }
    let mut usable = true;
    for path in entry.ca.iter().chain(&entry.client) {
        let is_ca = entry.ca.contains(path);
        let certificate = path.clone();
        let read = cx.world.read(&cx.world.of_node(path)).await;
        let unusable = match read {
            Ok(bytes) if is_ca => {
                let all: Vec<CertificateDer<'static>> =
                    CertificateDer::pem_slice_iter(&bytes).filter_map(Result::ok).collect();
                let (count, _) =
                    RootCertStore::empty().add_parsable_certificates(all.iter().cloned());
                cx.world.roots.trust_for(host, all.clone());
                match (all.len(), count) {
                    // Go's AppendCertsFromPEM fails on a file without any certificate.
                    (0, _) => Some(Problem::CertificateFileUnusable {
                        file: file.to_owned(),
                        certificate,
                        said: Malformed::NoCertificate.to_string(),
                    }),
                    // Go may be able to parse what cannot be parsed here.
                    (_, 0) => Some(Problem::NotReplayed {
                        file: file.to_owned(),
                        what: NotFollowed::VersionDecides,
                        written: certificate,
                    }),
                    _ => None,
                }
            }
            Ok(_) => None,
            Err(error @ FileError::Missing) => Some(Problem::CertificateFileUnusable {
                file: file.to_owned(),
                certificate,
                said: error.to_string(),
            }),
            Err(error) => {
                Some(Problem::ConfigUnreadable { file: certificate, said: error.to_string() })
            }
        };
        if let Some(problem) = unusable {
            usable = false;
            cx.add_finding(problem);
        }
    }
    usable
}
