//! One TLS handshake, with the verdict on the certificate kept apart from the connection.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use jiff::Timestamp;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{CryptoProvider, ring},
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime},
    server::ParsedCertificate,
};
use serde_json::{Map, json};
use tokio::time::{Instant, timeout};
use tokio_rustls::{TlsConnector, client::TlsStream};

use x509_parser::prelude::{FromDer, X509Certificate};

pub use super::certificate::{Certificate, Link};
use super::{
    ConnectError, Fault, Stage, Stream, TLS_WAIT,
    certificate::{link, read},
    fault::alert_name,
};
use crate::kit::{
    engine::{Cx, Exchange},
    target::Host,
};

/// Why the TLS handshake failed.
#[derive(Debug)]
pub enum Refusal {
    /// The connection failed before a certificate was checked.
    Broken(Fault),
    /// The peer ended the handshake with an alert.
    Alert(String),
    /// The certificate is not trusted.
    Untrusted(CertificateError, Certificate),
    /// This machine's trust store cannot be read, so no certificate can be verified.
    NoTrustStore,
}

impl Refusal {
    /// Returns whether a container runtime would fail in the same way. This client supports fewer
    /// ciphers, curves and certificate types and is stricter, so finding nothing in common with the
    /// server proves nothing.
    pub fn is_certain(&self) -> bool {
        use CertificateError as Why;
        const NO_COMMON_WAY: [&str; 3] =
            ["handshake_failure", "protocol_version", "insufficient_security"];
        match self {
            Refusal::Broken(fault) => !matches!(fault, Fault::Other(_)),
            Refusal::NoTrustStore => false,
            Refusal::Alert(alert) => !NO_COMMON_WAY.contains(&alert.as_str()),
            // Version 1 has no names, and Go reads no others.
            Refusal::Untrusted(Why::Other(other), certificate)
                if other.0.downcast_ref() == Some(&webpki::Error::UnsupportedCertVersion) =>
            {
                certificate.names.is_empty()
            }
            Refusal::Untrusted(why, _) => {
                matches!(
                    why,
                    Why::UnknownIssuer
                        | Why::NotValidForName
                        | Why::NotValidForNameContext { .. }
                        | Why::Expired
                        | Why::ExpiredContext { .. }
                        | Why::NotValidYet
                        | Why::NotValidYetContext { .. }
                        | Why::InvalidPurpose
                        | Why::InvalidPurposeContext { .. }
                        | Why::Revoked
                ) || is_refused_by_go(why)
            }
        }
    }
}

/// Returns whether Go refuses a certificate for a reason for which this verifier has no word of its
/// own: a name that the authority may not vouch for, and an old signature (crypto/x509).
fn is_refused_by_go(why: &CertificateError) -> bool {
    /// RSA with MD5, SHA-1 and SHA-224; ECDSA with SHA-1 and SHA-224.
    const OLD: [&[u8]; 5] = [
        &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 4],
        &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 5],
        &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 14],
        &[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 1],
        &[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 1],
    ];
    match why {
        CertificateError::Other(other) => {
            matches!(
                other.0.downcast_ref(),
                Some(
                    webpki::Error::NameConstraintViolation
                        | webpki::Error::PathLenConstraintViolated
                )
            )
        }
        CertificateError::UnsupportedSignatureAlgorithmContext {
            signature_algorithm_id, ..
        } => OLD.iter().any(|id| signature_algorithm_id.windows(id.len()).any(|part| part == *id)),
        _ => false,
    }
}

impl From<Refusal> for ConnectError {
    fn from(refusal: Refusal) -> Self {
        let certain = refusal.is_certain();
        ConnectError { stage: Stage::Tls, fault: refusal.into(), certain }
    }
}

impl From<Refusal> for Fault {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Broken(fault) => fault,
            Refusal::Alert(alert) => Fault::Alert(alert),
            Refusal::Untrusted(..) => Fault::Certificate,
            Refusal::NoTrustStore => Fault::NoTrustStore,
        }
    }
}

/// Performs the handshake. The certificate must be valid, because credentials may be sent on the
/// resulting stream; but for mirrors that containerd does not verify, which get no credentials.
pub async fn handshake(
    cx: &Cx,
    host: &Host,
    stream: Stream,
) -> Result<(TlsStream<Stream>, Certificate), Refusal> {
    let containerds = cx.world.containerds_trust(host);
    let roots = match containerds {
        Some(trust) => trust.now.clone(),
        None => cx.world.roots.store().await.ok_or(Refusal::NoTrustStore)?,
    };
    let roots = cx.world.roots.with_those_of(host, roots);
    let began = Instant::now();
    let verifier = RecordingVerifier::new(roots, cx.now(), cx.world.roots.must_verify(host));
    let got = match shake(host, stream, &verifier).await {
        // What could not be read may vouch for it.
        Err(Refusal::Untrusted(CertificateError::UnknownIssuer, _))
            if containerds.is_some_and(|trust| !trust.is_complete) =>
        {
            Err(Refusal::NoTrustStore)
        }
        got => got,
    };
    let before = containerds.map_or_else(|| cx.world.roots.public(), |it| it.before.clone());
    // Only the trust store of a container runtime that has been running for long may be another one.
    let is_private = cx.world.on_node
        && got.is_ok()
        && !verifier.is_trusted_by(cx.world.roots.with_those_of(host, before), host);
    let certificate =
        verifier.certificate().map(|certificate| Certificate { is_private, ..certificate });
    let heard = match &got {
        Ok(_) => "secured",
        Err(Refusal::Broken(fault)) => fault.word(),
        Err(Refusal::Alert(alert)) => alert,
        Err(Refusal::Untrusted(..)) => Fault::Certificate.word(),
        Err(Refusal::NoTrustStore) => Fault::NoTrustStore.word(),
    };
    let mut details = Map::new();
    if let Ok(stream) = &got {
        let (_, session) = stream.get_ref();
        let version = session.protocol_version().and_then(|version| version.as_str());
        details.insert("version".into(), json!(version));
        let alpn = session.alpn_protocol().map(String::from_utf8_lossy);
        details.insert("alpn".into(), json!(alpn));
    }
    if let Some(certificate) = &certificate {
        details.insert("issuer".into(), json!(certificate.issuer));
        details.insert("not_after".into(), json!(certificate.not_after));
    }
    cx.exchanged(Exchange {
        to: &host.to_string(),
        request: "TLS handshake",
        response: heard,
        details,
        took: began.elapsed(),
    });
    match got {
        Ok(stream) => Ok((stream, certificate.unwrap_or_default())),
        Err(Refusal::Untrusted(error, _)) => {
            Err(Refusal::Untrusted(error, certificate.unwrap_or_default()))
        }
        Err(refusal) => Err(refusal),
    }
}

/// Performs the handshake with any certificate: only for reading the `Date` header.
pub(super) async fn unverified(cx: &Cx, host: &Host, stream: Stream) -> Option<TlsStream<Stream>> {
    let roots = Arc::new(RootCertStore::empty());
    shake(host, stream, &RecordingVerifier::new(roots, cx.now(), false)).await.ok()
}

async fn shake(
    host: &Host,
    stream: Stream,
    verifier: &Arc<RecordingVerifier>,
) -> Result<TlsStream<Stream>, Refusal> {
    let other = |error: &dyn std::fmt::Display| Refusal::Broken(Fault::Other(error.to_string()));
    let name = ServerName::try_from(host.name.clone()).map_err(|error| other(&error))?;
    let config = config(verifier, None).map_err(|error| other(&error))?;
    let connecting = TlsConnector::from(Arc::new(config)).connect(name, stream);
    match timeout(TLS_WAIT, connecting).await {
        Ok(Ok(stream)) => Ok(stream),
        Ok(Err(error)) => Err(match error.get_ref().and_then(|e| e.downcast_ref::<Error>()) {
            Some(Error::InvalidCertificate(why)) => {
                Refusal::Untrusted(why.clone(), Certificate::default())
            }
            Some(Error::AlertReceived(alert)) => Refusal::Alert(alert_name(*alert)),
            Some(Error::InvalidMessage(_)) => Refusal::Broken(Fault::NotTls),
            Some(error) => other(error),
            None => Refusal::Broken(Fault::from(&error)),
        }),
        Err(_) => Err(Refusal::Broken(Fault::TimedOut)),
    }
}

fn config(
    verifier: &Arc<RecordingVerifier>,
    certificate: Option<ClientCertificate>,
) -> Result<ClientConfig, Error> {
    let builder = ClientConfig::builder_with_provider(verifier.provider.clone())
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(verifier.clone());
    let mut config = match certificate {
        Some((chain, key)) => builder.with_client_auth_cert(chain, key)?,
        None => builder.with_no_client_auth(),
    };
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

/// Returns the configuration of a client that does its own handshakes. It accepts the certificates
/// that [`handshake`] accepts.
pub fn client_config(roots: Arc<RootCertStore>, now: Timestamp) -> Result<ClientConfig, Error> {
    config(&RecordingVerifier::new(roots, now, true), None)
}

/// The certificate that a client presents, and its key.
pub type ClientCertificate = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

/// Returns the same for a client that may have a certificate of its own, and that accepts every
/// certificate of the host if it is told not to verify it.
pub fn client_config_as(
    roots: Arc<RootCertStore>,
    now: Timestamp,
    certificate: Option<ClientCertificate>,
    verifies: bool,
) -> Result<ClientConfig, Error> {
    config(&RecordingVerifier::new(roots, now, verifies), certificate)
}

/// A verifier that records the certificate. It can be told to accept every certificate.
#[derive(Debug)]
struct RecordingVerifier {
    provider: Arc<CryptoProvider>,
    roots: Arc<RootCertStore>,
    verifier: Option<Arc<WebPkiServerVerifier>>,
    now: UnixTime,
    enforcing: bool,
    seen: Mutex<Vec<CertificateDer<'static>>>,
}

impl RecordingVerifier {
    fn new(roots: Arc<RootCertStore>, now: Timestamp, enforcing: bool) -> Arc<Self> {
        let provider = Arc::new(ring::default_provider());
        // No verifier can be built from an empty trust store; then nothing is trusted.
        let verifier = WebPkiServerVerifier::builder_with_provider(roots.clone(), provider.clone());
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
        let algorithms = self.provider.signature_verification_algorithms.all;
        let usage = webpki::KeyUsage::required_if_present(ANY);
        let roots = &self.roots.roots;
        webpki::EndEntityCert::try_from(leaf).is_ok_and(|leaf| {
            leaf.verify_for_usage(algorithms, roots, chain, self.now, usage, None, None).is_ok()
        })
    }

    fn certificate(&self) -> Option<Certificate> {
        let seen = self.seen.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let (leaf, chain) = seen.split_first()?;
        let chain = chain.iter().filter_map(link).collect();
        Some(Certificate { chain, ..read(leaf)? })
    }

    /// Returns whether the certificate would be trusted by that trust store too.
    fn is_trusted_by(&self, roots: Arc<RootCertStore>, host: &Host) -> bool {
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
        self.provider.signature_verification_algorithms.supported_schemes()
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
