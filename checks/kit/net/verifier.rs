//! Whether a certificate is trusted, as Go decides it: rustls's verifier, and where Go is of another
//! mind.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use jiff::Timestamp;
use rustls::{
    CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{CryptoProvider, ring},
    pki_types::{CertificateDer, ServerName, UnixTime},
    server::ParsedCertificate,
};
use x509_parser::prelude::{FromDer, X509Certificate};

use super::{
    certificate::{Certificate, link, read},
    signatures::with_short_keys,
};
use crate::kit::target::Host;

/// A verifier that records the certificate. It can be told to accept every certificate.
#[derive(Debug)]
pub(super) struct RecordingVerifier {
    pub(super) provider: Arc<CryptoProvider>,
    roots: Arc<RootCertStore>,
    verifier: Option<Arc<WebPkiServerVerifier>>,
    now: UnixTime,
    enforcing: bool,
    seen: Mutex<Vec<CertificateDer<'static>>>,
}

impl RecordingVerifier {
    pub(super) fn new(roots: Arc<RootCertStore>, now: Timestamp, enforcing: bool) -> Arc<Self> {
        let provider = Arc::new(ring::default_provider());
        let of_certificates = with_short_keys(&provider.signature_verification_algorithms);
        let verifying = Arc::new(CryptoProvider {
            signature_verification_algorithms: of_certificates,
            ..ring::default_provider()
        });
        // No verifier can be built from an empty trust store; then nothing is trusted.
        let verifier = WebPkiServerVerifier::builder_with_provider(roots.clone(), verifying);
        let seconds = u64::try_from(now.as_second()).unwrap_or_default();
        let now = UnixTime::since_unix_epoch(Duration::from_secs(seconds));
        let verifier = verifier.build().ok();
        Arc::new(Self { provider, roots, verifier, now, enforcing, seen: Mutex::default() })
    }

    /// Returns whether the certificate itself is in the trust store: same subject, same key.
    fn is_trusted_itself(&self, leaf: &CertificateDer<'_>) -> bool {
        let Ok((_, leaf)) = X509Certificate::from_der(leaf) else { return false };
        // An anchor holds the content of the outermost SEQUENCE, without its header.
        let (subject, key) = (leaf.subject().as_raw(), leaf.public_key().raw);
        self.roots.roots.iter().any(|anchor| {
            subject.ends_with(&anchor.subject) && key.ends_with(&anchor.subject_public_key_info)
        })
    }

    /// Returns whether a certificate is valid, and is for any usage (`anyExtendedKeyUsage`).
    fn is_for_any_usage(&self, leaf: &CertificateDer<'_>, chain: &[CertificateDer<'_>]) -> bool {
        const ANY: &[u8] = &[0x55, 0x1d, 0x25, 0];
        let algorithms = with_short_keys(&self.provider.signature_verification_algorithms).all;
        let usage = webpki::KeyUsage::required_if_present(ANY);
        let roots = &self.roots.roots;
        webpki::EndEntityCert::try_from(leaf).is_ok_and(|leaf| {
            leaf.verify_for_usage(algorithms, roots, chain, self.now, usage, None, None).is_ok()
        })
    }

    pub(super) fn certificate(&self) -> Option<Certificate> {
        let seen = self.seen.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let (leaf, chain) = seen.split_first()?;
        let leaf = read(leaf)?;
        let of_chain = || chain.iter().find_map(|one| read(one)?.unsupported_key);
        let unsupported_key = leaf.unsupported_key.clone().or_else(of_chain);
        let chain = chain.iter().filter_map(link).collect();
        Some(Certificate { unsupported_key, chain, ..leaf })
    }

    /// Returns whether the certificate would be trusted by that trust store too.
    pub(super) fn is_trusted_by(&self, roots: Arc<RootCertStore>, host: &Host) -> bool {
        let seen = self.seen.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let (Some((leaf, others)), Ok(name)) =
            (seen.split_first(), ServerName::try_from(host.name.as_str()))
        else {
            return false;
        };
        let now = Timestamp::from_second(self.now.as_secs().try_into().unwrap_or(i64::MAX));
        let other = Self::new(roots, now.unwrap_or(Timestamp::MAX), true);
        other.verify_server_cert(leaf, others, &name, &[], self.now).is_ok()
    }
}

impl ServerCertVerifier for RecordingVerifier {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        chain: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        *self.seen.lock().unwrap_or_else(std::sync::PoisonError::into_inner) =
            [leaf].into_iter().chain(chain).map(|one| one.clone().into_owned()).collect();
        if !self.enforcing {
            return Ok(ServerCertVerified::assertion());
        }
        let Some(verifier) = &self.verifier else {
            return Err(Error::InvalidCertificate(CertificateError::UnknownIssuer));
        };
        // To Go, what may not sign certificates vouches for none.
        let chain: Vec<_> = chain.iter().filter(|one| may_vouch(one)).cloned().collect();
        match verifier.verify_server_cert(leaf, &chain, name, ocsp, self.now) {
            // Go accepts `*.corp` for a host in that zone; this verifier does not.
            Err(Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) if is_wild(leaf, name) => Ok(ServerCertVerified::assertion()),
            // Go accepts a certificate for any usage; this verifier wants servers named.
            Err(Error::InvalidCertificate(
                CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. },
            )) if self.is_for_any_usage(leaf, &chain) => {
                rustls::client::verify_server_name(&ParsedCertificate::try_from(leaf)?, name)?;
                Ok(ServerCertVerified::assertion())
            }
            // Go, and so containerd, accepts a certificate that is itself in the trust store.
            Err(error) if self.is_trusted_itself(leaf) => {
                rustls::client::verify_server_name(&ParsedCertificate::try_from(leaf)?, name)?;
                let now = self.now.as_secs().try_into().unwrap_or(i64::MAX);
                match X509Certificate::from_der(leaf) {
                    Ok((_, leaf)) if leaf.validity().not_before.timestamp() > now => {
                        Err(Error::InvalidCertificate(CertificateError::NotValidYet))
                    }
                    Ok((_, leaf)) if leaf.validity().not_after.timestamp() < now => {
                        Err(Error::InvalidCertificate(CertificateError::Expired))
                    }
                    Ok(_) => Ok(ServerCertVerified::assertion()),
                    Err(_) => Err(error),
                }
            }
            // To Go, an authority's certificate is good for a server too, if somebody vouches for it.
            Err(Error::InvalidCertificate(CertificateError::Other(other)))
                if other.0.downcast_ref() == Some(&webpki::Error::CaUsedAsEndEntity)
                    && read(leaf).is_some_and(|leaf| leaf.is_self_issued) =>
            {
                Err(Error::InvalidCertificate(CertificateError::UnknownIssuer))
            }
            verdict => verdict,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let mut schemes = self.provider.signature_verification_algorithms.supported_schemes();
        // Go offers it, too. It is not verified here, but without it a server that has no other key
        // does not show its certificate.
        schemes.push(SignatureScheme::ECDSA_NISTP521_SHA512);
        schemes
    }
}

/// Returns whether a certificate of a chain may sign others (crypto/x509, `CheckSignatureFrom`).
fn may_vouch(certificate: &CertificateDer<'_>) -> bool {
    let Ok((_, certificate)) = X509Certificate::from_der(certificate) else { return true };
    let usage = certificate.key_usage().ok().flatten();
    let constraints = certificate.basic_constraints().ok().flatten();
    usage.is_none_or(|usage| usage.value.key_cert_sign())
        && constraints.is_none_or(|constraints| constraints.value.ca)
}

/// Returns whether a wildcard in the certificate covers the name by Go's rule: it replaces the
/// first label only.
fn is_wild(leaf: &CertificateDer<'_>, name: &ServerName<'_>) -> bool {
    let name = name.to_str();
    let Some((_, zone)) = name.split_once('.') else { return false };
    let names = read(leaf).map(|certificate| certificate.names).unwrap_or_default();
    names.iter().any(|name| name.strip_prefix("*.").is_some_and(|of| of.eq_ignore_ascii_case(zone)))
}
