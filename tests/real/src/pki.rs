//! Certificates: one trusted authority, one untrusted, and leaves that are valid or wrong in one
//! way each.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose, date_time_ymd,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};

use crate::Fallible;
use crate::places::GOOD_NAMES;

/// A leaf certificate: two files for docker-registry, a rustls configuration for this program's
/// servers, the raw parts for the realm.
pub struct Leaf {
    pub certificate: PathBuf,
    pub key: PathBuf,
    pub der: CertificateDer<'static>,
    pub pkcs8: Vec<u8>,
    pub tls: Arc<ServerConfig>,
}

/// All certificates that the servers present.
pub struct Leaves {
    /// The authority that every client trusts.
    pub root: CertificateDer<'static>,
    pub good: Leaf,
    /// Signed by the untrusted authority.
    pub stranger: Leaf,
    pub misnamed: Leaf,
    pub expired: Leaf,
    pub unborn: Leaf,
    /// Has its host in the common name alone, which clients no longer read.
    pub nameless: Leaf,
    /// Signed by an intermediate authority, which the server sends or forgets.
    pub chained: Leaf,
    pub unchained: Leaf,
    /// Presented by a server that requires a client certificate.
    pub mutual: Leaf,
    /// Signs tokens; not a server certificate.
    pub signing: Leaf,
}

type Issuer = CertifiedIssuer<'static, KeyPair>;

impl Leaves {
    /// Creates all certificates, and `ca.pem`, the trust store of the client hosts.
    pub fn new(folder: &Path) -> Fallible<Leaves> {
        let trusted = Issuer::self_signed(
            authority("Authority that this host trusts"),
            KeyPair::generate()?,
        )?;
        let foreign = authority("Authority that nobody told this host about");
        let foreign = Issuer::self_signed(foreign, KeyPair::generate()?)?;
        let between = authority("Authority in between");
        let between = Issuer::signed_by(between, KeyPair::generate()?, &trusted)?;
        std::fs::write(folder.join("ca.pem"), trusted.as_ref().pem())?;

        let leaf = |name: &str, issuer: &Issuer, params| sign(folder, name, issuer, params, &[]);
        let named = |host: &str| leaf(host, &trusted, params(&[&format!("{host}.registry.test")])?);
        let mut expired = params(&["expired.registry.test"])?;
        // Years in the past or the future, so that no clock error explains it.
        expired.not_before = date_time_ymd(2019, 1, 1);
        expired.not_after = date_time_ymd(2020, 1, 1);
        let mut unborn = params(&["unborn.registry.test"])?;
        unborn.not_before = date_time_ymd(2073, 1, 1);
        let mut nameless = params(&["nameless.registry.test"])?;
        nameless.subject_alt_names.clear();
        let sent_along = [between.as_ref().der().clone()];
        let chained = params(&["chained.registry.test"])?;

        let mut mutual = named("mutual")?;
        let mut roots = RootCertStore::empty();
        roots.add(trusted.as_ref().der().clone())?;
        let clients = WebPkiClientVerifier::builder(Arc::new(roots)).build()?;
        let key = PrivateKeyDer::Pkcs8(mutual.pkcs8.clone().into());
        let tls = ServerConfig::builder().with_client_cert_verifier(clients);
        mutual.tls = Arc::new(tls.with_single_cert(vec![mutual.der.clone()], key)?);

        Ok(Leaves {
            root: trusted.as_ref().der().clone(),
            good: leaf("good", &trusted, params(GOOD_NAMES)?)?,
            stranger: leaf("stranger", &foreign, params(GOOD_NAMES)?)?,
            misnamed: named("somebody-else")?,
            expired: leaf("expired", &trusted, expired)?,
            unborn: leaf("unborn", &trusted, unborn)?,
            nameless: leaf("nameless", &trusted, nameless)?,
            chained: sign(folder, "chained", &between, chained, &sent_along)?,
            unchained: leaf("unchained", &between, params(&["unchained.registry.test"])?)?,
            mutual,
            signing: named("tokens")?,
        })
    }
}

fn sign(
    folder: &Path,
    name: &str,
    issuer: &Issuer,
    params: CertificateParams,
    sent_along: &[CertificateDer<'static>],
) -> Fallible<Leaf> {
    let key = KeyPair::generate()?;
    let certificate = params.signed_by(&key, issuer)?;
    let (pem, key_pem) = (folder.join(format!("{name}.pem")), folder.join(format!("{name}.key")));
    std::fs::write(&pem, certificate.pem())?;
    std::fs::write(&key_pem, key.serialize_pem())?;
    let der = certificate.der().clone();
    let pkcs8 = key.serialize_der();
    let chain = std::iter::once(&der).chain(sent_along).cloned().collect();
    let tls = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(chain, PrivateKeyDer::Pkcs8(pkcs8.clone().into()))?;
    Ok(Leaf { certificate: pem, key: key_pem, der, pkcs8, tls: Arc::new(tls) })
}

fn authority(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
    params
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
