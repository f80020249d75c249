//! Certificates: the authority that the client trusts, and valid and invalid ones for the hosts.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose, date_time_ymd,
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
            Certificate::Intercepted => vec![
                leaf.signed_by(key, &self.inspection)?.der().clone(),
                self.inspection.der().clone(),
            ],
            _ => vec![leaf.signed_by(key, &self.trusted)?.der().clone()],
        })
    }
}

fn authority(name: &str, now: i64) -> Result<CertifiedIssuer<'static, KeyPair>, Error> {
    let mut params = CertificateParams::new(Vec::<String>::new())?;
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    valid(&mut params, now, -365, 3650);
    Ok(CertifiedIssuer::self_signed(params, KeyPair::generate()?)?)
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
