//! One TLS handshake, with the verdict on the certificate kept apart from the connection.

use std::sync::Arc;

use jiff::Timestamp;
use rustls::{
    CertificateError, ClientConfig, Error, RootCertStore,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName},
};
use serde_json::{Map, json};
use tokio::time::{Instant, timeout};
use tokio_rustls::{TlsConnector, client::TlsStream};

pub use super::certificate::{Certificate, Link};
use super::{
    ConnectError, Fault, Stage, Stream, TLS_WAIT, fault::alert_name, signatures::is_unusual_pss,
    verifier::RecordingVerifier,
};
use crate::kit::{
    engine::{Cx, Exchange},
    target::{Host, HostPurpose},
    world::TrustChange,
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
    /// The certificate has a key of a kind that only other clients support.
    UnsupportedKey(String),
    /// This machine's trust store cannot be read, so no certificate can be verified.
    NoTrustStore,
    /// The certificate is not trusted, but the running containerd may have loaded a trust store of
    /// before.
    MayBeTrusted(TrustChange, Certificate),
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
            Refusal::NoTrustStore | Refusal::MayBeTrusted(..) | Refusal::UnsupportedKey(_) => false,
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

    /// Returns whether a key that this client does not support leads to it: a signature could not be
    /// verified.
    fn is_about_keys(&self) -> bool {
        !self.is_certain() && matches!(self, Refusal::Broken(_) | Refusal::Untrusted(..))
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
        } => {
            let is_old =
                |id: &&[u8]| signature_algorithm_id.windows(id.len()).any(|part| part == *id);
            OLD.iter().any(is_old) || is_unusual_pss(signature_algorithm_id)
        }
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
            Refusal::Untrusted(..) | Refusal::MayBeTrusted(..) => Fault::Certificate,
            Refusal::UnsupportedKey(key) => Fault::Other(key),
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
    let containerds = cx.world.trust_for(host).await;
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
        // Go reads its trust store once, so what was taken out since may still vouch for it.
        Err(Refusal::Untrusted(CertificateError::UnknownIssuer, seen)) => {
            // The credential provider is started for each call.
            let unknown = containerds.filter(|_| host.purpose != HostPurpose::SignIn);
            let unknown = unknown.and_then(|trust| trust.unknown.clone());
            Err(match unknown {
                Some(change) => Refusal::MayBeTrusted(change, seen),
                None => Refusal::Untrusted(CertificateError::UnknownIssuer, seen),
            })
        }
        got => got,
    };
    let before = containerds.map_or_else(|| cx.world.roots.public(), |it| it.before.clone());
    // Only the trust store of a container runtime that has been running for long may be another one.
    let is_private = cx.world.on_node
        && got.is_ok()
        && !verifier.is_trusted_by(cx.world.roots.with_those_of(host, before), host);
    let delivered = containerds.and_then(|trust| trust.delivered.clone());
    let is_delivered = got.is_err()
        && host.purpose != HostPurpose::SignIn
        && delivered.is_some_and(|store| verifier.is_trusted_by(store, host));
    let certificate = verifier.certificate().map(|certificate| Certificate {
        is_private,
        is_delivered,
        ..certificate
    });
    let key = certificate.as_ref().and_then(|it| it.unsupported_key.clone());
    let got = match (got, key) {
        (Err(refusal), Some(key)) if refusal.is_about_keys() => Err(Refusal::UnsupportedKey(key)),
        (got, _) => got,
    };
    let heard = match &got {
        Ok(_) => "secured",
        Err(Refusal::Broken(fault)) => fault.word(),
        Err(Refusal::Alert(alert)) => alert,
        Err(Refusal::Untrusted(..) | Refusal::MayBeTrusted(..) | Refusal::UnsupportedKey(_)) => {
            Fault::Certificate.word()
        }
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
        Err(Refusal::MayBeTrusted(change, _)) => {
            Err(Refusal::MayBeTrusted(change, certificate.unwrap_or_default()))
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
