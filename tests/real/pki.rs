//! Certificates: one authority that this world trusts, one that it does not, and leaves that are right, misnamed or expired.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose, date_time_ymd,
};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::Fallible;

pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

/// A leaf: for a docker-registry as two files, for a server of ours as a rustls configuration, for the realm as raw parts.
pub struct Leaf {
    pub certificate: PathBuf,
    pub key: PathBuf,
    pub der: CertificateDer<'static>,
    pub pkcs8: Vec<u8>,
    pub tls: Arc<ServerConfig>,
}

impl Authority {
    pub fn new(name: &str) -> Fallible<Authority> {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
        Ok(Authority { issuer: CertifiedIssuer::self_signed(params, KeyPair::generate()?)? })
    }

    pub fn pem(&self) -> String {
        self.issuer.as_ref().pem()
    }

    pub fn der(&self) -> CertificateDer<'static> {
        self.issuer.as_ref().der().clone()
    }

    pub fn leaf(&self, folder: &Path, name: &str, hosts: &[&str]) -> Fallible<Leaf> {
        self.sign(folder, name, params(hosts)?)
    }

    /// A leaf that ran out years ago: no clock error explains it.
    pub fn expired_leaf(&self, folder: &Path, name: &str, hosts: &[&str]) -> Fallible<Leaf> {
        let mut params = params(hosts)?;
        params.not_before = date_time_ymd(2019, 1, 1);
        params.not_after = date_time_ymd(2020, 1, 1);
        self.sign(folder, name, params)
    }

    fn sign(&self, folder: &Path, name: &str, params: CertificateParams) -> Fallible<Leaf> {
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &self.issuer)?;
        let (pem, key_pem) =
            (folder.join(format!("{name}.pem")), folder.join(format!("{name}.key")));
        std::fs::write(&pem, certificate.pem())?;
        std::fs::write(&key_pem, key.serialize_pem())?;
        let der = certificate.der().clone();
        let pkcs8 = key.serialize_der();
        let tls = ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(vec![der.clone()], PrivateKeyDer::Pkcs8(pkcs8.clone().into()))?;
        Ok(Leaf { certificate: pem, key: key_pem, der, pkcs8, tls: Arc::new(tls) })
    }
}

fn params(hosts: &[&str]) -> Fallible<CertificateParams> {
    let mut params =
        CertificateParams::new(hosts.iter().map(|h| (*h).to_owned()).collect::<Vec<_>>())?;
    params.distinguished_name.push(DnType::CommonName, hosts[0]);
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.not_before = date_time_ymd(2024, 1, 1);
    params.not_after = date_time_ymd(2074, 1, 1);
    Ok(params)
}
