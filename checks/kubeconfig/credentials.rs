//! What signs in to a cluster: a header, and a client certificate.

use std::rc::Rc;

use jiff::Timestamp;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use x509_parser::prelude::{FromDer, X509Certificate};

use super::problem::{EntryFault, Problem};
use crate::kit::{Cx, Secret, net::tls::ClientCertificate};

/// The credentials of a user.
#[derive(Default)]
pub(super) struct Credentials {
    pub(super) authorization: Option<Secret>,
    pub(super) certificate: Option<Rc<ClientCertificate>>,
}

/// Reads a client certificate and its key.
pub(super) fn certificate(
    cx: &Cx,
    user: &str,
    chain: &[u8],
    key: &Secret,
) -> Result<Rc<ClientCertificate>, Problem> {
    let unusable =
        |field| Problem::EntryUnusable { name: user.to_owned(), field, fault: EntryFault::NotPem };
    let chain: Vec<_> = CertificateDer::pem_slice_iter(chain).filter_map(Result::ok).collect();
    let key = PrivateKeyDer::from_pem_slice(key.expose().as_bytes());
    let key = key.map_err(|_| unusable("client-key"))?;
    let leaf = chain.first().ok_or_else(|| unusable("client-certificate"))?;
    if let Ok((_, leaf)) = X509Certificate::from_der(leaf) {
        let end = Timestamp::from_second(leaf.validity().not_after.timestamp());
        if let Some(expired) = end.ok().filter(|end| *end < cx.now()) {
            return Err(Problem::CertificateExpired { user: user.to_owned(), expired });
        }
    }
    Ok(Rc::new((chain, key)))
}
