//! Certificates: the authority that the client trusts, and valid and invalid ones for the hosts.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, CustomExtension, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose, date_time_ymd,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::{RootCertStore, ServerConfig};

use crate::Error;
use crate::settings::{Certificate, Http};

const DAY: i64 = 86_400;

/// The certificate authorities of a world.
pub(crate) struct Certificates {
    trusted: CertifiedIssuer<'static, KeyPair>,
    inspection: CertifiedIssuer<'static, KeyPair>,
    names: Vec<String>,
    now: i64,
}

impl Certificates {
    /// Creates authorities whose valid certificates are for these names.
    pub(crate) fn new(names: Vec<String>) -> Result<Self, Error> {
        let now = Timestamp::now().as_second();
        Ok(Self {
            trusted: authority("Contoso Lab Root CA", now)?,
            inspection: authority("Fabrikam Inspection CA", now)?,
            names,
            now,
        })
    }

    /// Returns the authority that the client trusts.
    pub(crate) fn ca_pem(&self) -> String {
        self.trusted.pem()
    }

    /// Returns the authority of intercepted connections, which the client does not trust.
    pub(crate) fn inspection_pem(&self) -> String {
        self.inspection.pem()
    }

    /// Returns a certificate of a client and its key.
    pub(crate) fn client(&self) -> Result<(String, String), Error> {
        let key = KeyPair::generate()?;
        let mut leaf = CertificateParams::new(vec![])?;
        valid(&mut leaf, self.now, -30, 700);
        leaf.distinguished_name.push(DnType::CommonName, "clusterUser");
        leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        Ok((leaf.signed_by(&key, &self.trusted)?.pem(), key.serialize_pem()))
    }

    /// Returns the TLS configuration of a host.
    pub(crate) fn config(
        &self,
        which: Certificate,
        http: Http,
    ) -> Result<Arc<ServerConfig>, Error> {
        let key = KeyPair::generate()?;
        let chain = self.chain(which, &key)?;
        let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config =
            ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
        let mut config = match which {
            Certificate::Mutual => config.with_client_cert_verifier(self.clients()?),
            _ => config.with_no_client_auth(),
        }
        .with_single_cert(chain, key)?;
        config.alpn_protocols = match http {
            Http::Two => vec![b"h2".to_vec(), b"http/1.1".to_vec()],
            Http::One => vec![b"http/1.1".to_vec()],
        };
        Ok(Arc::new(config))
    }

    /// Accepts only clients with a certificate from the trusted authority.
    fn clients(&self) -> Result<Arc<dyn ClientCertVerifier>, Error> {
        let mut roots = RootCertStore::empty();
        roots.add(self.trusted.der().clone())?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
        verifier.build().map_err(|why| Error::Scenario(why.to_string()))
    }

    fn chain(
        &self,
        which: Certificate,
        key: &KeyPair,
    ) -> Result<Vec<CertificateDer<'static>>, Error> {
        let (from, until) = match which {
            Certificate::Expired => (-60, -3),
            Certificate::NotYet => (3, 60),
            _ => (-30, 60),
        };
        let names = match which {
            Certificate::OtherName => vec!["fabrikam.example".to_owned()],
            Certificate::AzureNames => {
                let of_azure = self.names.iter().filter(|name| name.ends_with(".azurecr.io"));
                of_azure.cloned().collect()
            }
            _ => self.names.clone(),
        };
        let mut leaf = CertificateParams::new(names.clone())?;
        valid(&mut leaf, self.now, from, until);
        if let Some(name) = names.first() {
            leaf.distinguished_name.push(DnType::CommonName, name.as_str());
        }
        leaf.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        leaf.extended_key_usages = vec![match which {
            Certificate::ClientOnly => ExtendedKeyUsagePurpose::ClientAuth,
            _ => ExtendedKeyUsagePurpose::ServerAuth,
        }];
        Ok(match which {
            Certificate::SelfSigned => vec![leaf.self_signed(key)?.der().clone()],
            Certificate::SelfSignedCa => {
                leaf.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
                vec![leaf.self_signed(key)?.der().clone()]
            }
            Certificate::Unchained => {
                let between = self.between((-30, 60))?;
                leaf.custom_extensions = vec![issuer_url()];
                vec![leaf.signed_by(key, &between.0)?.der().clone()]
            }
            Certificate::ChainExpired => {
                let (between, der) = self.between((-60, -3))?;
                vec![leaf.signed_by(key, &between)?.der().clone(), der]
            }
            Certificate::Intercepted => vec![
                leaf.signed_by(key, &self.inspection)?.der().clone(),
                self.inspection.der().clone(),
            ],
            _ => vec![leaf.signed_by(key, &self.trusted)?.der().clone()],
        })
    }
}

impl Certificates {
    /// Returns an authority that the trusted one vouches for, valid for those days from now.
    fn between(
        &self,
        (from, until): (i64, i64),
    ) -> Result<(Issuer<'static, KeyPair>, CertificateDer<'static>), Error> {
        let mut params = authority_params("Contoso Lab Issuing CA");
        valid(&mut params, self.now, from, until);
        let key = KeyPair::generate()?;
        let der = params.signed_by(&key, &self.trusted)?.der().clone();
        Ok((Issuer::new(params, key), der))
    }
}

/// Returns the extension that says where the certificate of the issuer is (RFC 5280 §4.2.2.1).
fn issuer_url() -> CustomExtension {
    let url = b"http://ca.fabrikam.example/issuing.cer";
    let length = |extra: usize| u8::try_from(url.len() + extra).unwrap_or(u8::MAX);
    let method = [6, 8, 0x2b, 6, 1, 5, 5, 7, 0x30, 2, 0x86, length(0)];
    let content = [&[0x30, length(14), 0x30, length(12)], &method[..], &url[..]].concat();
    CustomExtension::from_oid_content(&[1, 3, 6, 1, 5, 5, 7, 1, 1], content)
}

fn authority(name: &str, now: i64) -> Result<CertifiedIssuer<'static, KeyPair>, Error> {
    let mut params = authority_params(name);
    valid(&mut params, now, -365, 3650);
    Ok(CertifiedIssuer::self_signed(params, KeyPair::generate()?)?)
}

fn authority_params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

/// Sets the validity, in days and a half from now: a run of any length counts the same days.
fn valid(params: &mut CertificateParams, now: i64, from: i64, until: i64) {
    let after = |days: i64| {
        let seconds = now + days * DAY + days.signum() * DAY / 2;
        let seconds = u64::try_from(seconds).unwrap_or_default();
        date_time_ymd(1970, 1, 1) + Duration::from_secs(seconds)
    };
    params.not_before = after(from);
    params.not_after = after(until);
}
