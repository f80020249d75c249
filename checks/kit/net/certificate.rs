//! What a diagnosis needs of a certificate.

use jiff::Timestamp;
use rustls::pki_types::CertificateDer;
use x509_parser::{
    prelude::{FromDer, GeneralName, ParsedExtension, X509Certificate},
    public_key::PublicKey,
    x509::SubjectPublicKeyInfo,
};

/// The parts of a certificate that a diagnosis needs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Certificate {
    /// The issuer.
    pub issuer: String,
    /// The names that it is valid for.
    pub names: Vec<String>,
    /// When it becomes valid.
    pub not_before: Timestamp,
    /// When it expires.
    pub not_after: Timestamp,
    /// Whether it names itself as its issuer.
    pub is_self_issued: bool,
    /// Whether it says where the certificate of its issuer is (RFC 5280 §4.2.2.1, `caIssuers`).
    pub names_issuer_url: bool,
    /// A key of it or of those that were sent with it, if Go verifies its signatures and this client does
    /// not.
    pub unsupported_key: Option<String>,
    /// The certificates that the server sent with it.
    pub chain: Vec<Link>,
    /// Whether it is trusted only by an authority that somebody added to the trust store.
    pub is_private: bool,
    /// Whether an authority vouches for it that AKS delivered to this node, but did not install.
    pub is_delivered: bool,
}

/// A certificate that a server sends with its own.
#[derive(Clone, Debug, PartialEq)]
pub struct Link {
    /// Its subject.
    pub subject: String,
    /// When it becomes valid.
    pub not_before: Timestamp,
    /// When it expires.
    pub not_after: Timestamp,
}

/// Reads a certificate; `None` where it is none.
pub(super) fn read(certificate: &CertificateDer<'_>) -> Option<Certificate> {
    let (_, parsed) = X509Certificate::from_der(certificate).ok()?;
    let time = |time: i64| Timestamp::from_second(time).unwrap_or_default();
    let common_name = parsed.issuer().iter_common_name().next();
    let issuer = common_name.and_then(|name| name.as_str().ok()).map(str::to_owned);
    let names = parsed.subject_alternative_name().ok().flatten();
    let names = names.map(|names| names.value.general_names.iter().filter_map(name).collect());
    Some(Certificate {
        issuer: issuer.unwrap_or_else(|| parsed.issuer().to_string()),
        names: names.unwrap_or_default(),
        not_before: time(parsed.validity().not_before.timestamp()),
        not_after: time(parsed.validity().not_after.timestamp()),
        is_self_issued: parsed.subject().as_raw() == parsed.issuer().as_raw(),
        names_issuer_url: parsed.extensions().iter().any(|extension| {
            let ParsedExtension::AuthorityInfoAccess(access) = extension.parsed_extension() else {
                return false;
            };
            access.accessdescs.iter().any(|one| one.access_method.to_id_string() == CA_ISSUERS)
        }),
        unsupported_key: unsupported_key(parsed.public_key()),
        chain: vec![],
        is_private: false,
        is_delivered: false,
    })
}

/// Returns the kind of a key that Go supports (crypto/x509, crypto/tls) and this client does not.
fn unsupported_key(key: &SubjectPublicKeyInfo<'_>) -> Option<String> {
    const P521: &str = "1.3.132.0.35";
    match key.parsed().ok()? {
        PublicKey::RSA(rsa) => {
            Some(rsa.key_size()).filter(|bits| *bits < 2048).map(|bits| format!("RSA {bits}"))
        }
        PublicKey::EC(_) => {
            let curve = key.algorithm.parameters.as_ref()?.as_oid().ok()?;
            (curve.to_id_string() == P521).then(|| "ECDSA P-521".to_owned())
        }
        _ => None,
    }
}

/// The access method `caIssuers`.
const CA_ISSUERS: &str = "1.3.6.1.5.5.7.48.2";

/// Reads a certificate that is sent with another one; `None` where it is none.
pub(super) fn link(certificate: &CertificateDer<'static>) -> Option<Link> {
    let (_, parsed) = X509Certificate::from_der(certificate).ok()?;
    let common_name = parsed.subject().iter_common_name().next();
    let subject = common_name.and_then(|name| name.as_str().ok()).map(str::to_owned);
    let Certificate { not_before, not_after, .. } = read(certificate)?;
    let subject = subject.unwrap_or_else(|| parsed.subject().to_string());
    Some(Link { subject, not_before, not_after })
}

fn name(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        GeneralName::IPAddress([a, b, c, d]) => {
            Some(std::net::Ipv4Addr::new(*a, *b, *c, *d).to_string())
        }
        _ => None,
    }
}
