//! The certificate chains that registries present: every way in which one can be odd or wrong.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, CustomExtension, DnType,
    ExtendedKeyUsagePurpose, GeneralSubtree, IsCa, KeyPair, KeyUsagePurpose, NameConstraints,
    PKCS_ECDSA_P384_SHA384, PKCS_ED25519, SanType, date_time_ymd,
};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::special::{self, Special};
use crate::Fallible;

type Issuer = CertifiedIssuer<'static, KeyPair>;
type Chain = (Vec<CertificateDer<'static>>, Vec<u8>);

/// The names of all chains that are made here; `special` has more.
pub const CHAINS: &[&str] = &[
    "",
    "other-name",
    "expired",
    "not-yet",
    "untrusted",
    "self-signed",
    "self-signed-ca",
    "ca-leaf",
    "common-name-only",
    "unchained",
    "chained",
    "chained-twice",
    "chain-reversed",
    "chain-with-stranger",
    "chain-with-root",
    "chain-expired",
    "chain-not-yet",
    "chain-not-ca",
    "chain-too-long",
    "client-only",
    "any-usage",
    "no-usage",
    "chain-client-only",
    "chain-server-only",
    "names-permitted",
    "names-not-permitted",
    "names-excluded",
    "names-excluded-other",
    "address-permitted",
    "wildcard",
    "wildcard-deep",
    "wildcard-partial",
    "uppercase",
    "address-only",
    "critical-unknown",
    "unknown",
    "p384",
    "ed25519",
    "no-signing",
    "no-key-usage",
    "chain-no-cert-sign",
    "trailing-dot",
    "underscore-too",
    "email-too",
    "leaf-twice",
    "empty-subject",
];

pub struct Chains {
    trusted: Issuer,
    foreign: Issuer,
    special: HashMap<&'static str, Special>,
    plain: Mutex<HashMap<(String, bool), Arc<ServerConfig>>>,
}

impl Chains {
    /// Makes the authorities, and `ca.pem`, the trust store of the clients.
    pub fn new(folder: &Path) -> Fallible<Chains> {
        let make = |name| {
            Ok::<_, crate::Failed>(Issuer::self_signed(authority(name), KeyPair::generate()?)?)
        };
        let (trusted, foreign) = (make("Contoso root")?, make("Fabrikam root")?);
        let special = special::all(folder)?;
        let mut store = trusted.as_ref().pem();
        store += &std::fs::read_to_string(folder.join("special/root.pem"))?;
        std::fs::write(folder.join("ca.pem"), store)?;
        Ok(Chains { trusted, foreign, special, plain: Mutex::default() })
    }

    pub fn names(&self) -> Vec<&'static str> {
        let mut names: Vec<_> =
            CHAINS.iter().copied().chain(self.special.keys().copied()).collect();
        names.sort_unstable();
        names
    }

    /// Returns what a server with this chain presents for a name.
    pub fn config(&self, chain: &str, name: &str, http2: bool) -> Option<Arc<ServerConfig>> {
        if let Some(special) = self.special.get(chain) {
            return special.config(http2);
        }
        let key = (format!("{chain} {name}"), http2);
        let mut plain = self.plain.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(config) = plain.get(&key) {
            return Some(config.clone());
        }
        let (chain, own) = self.issue(chain, name).ok()?;
        let key_der = PrivateKeyDer::Pkcs8(own.into());
        let config = ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key_der);
        let mut config = config.ok()?;
        config.alpn_protocols = protocols(http2);
        let config = Arc::new(config);
        if plain.len() > 500 {
            plain.clear();
        }
        plain.insert(key, config.clone());
        Some(config)
    }

    fn issue(&self, chain: &str, name: &str) -> Fallible<Chain> {
        let mut params = leaf(name)?;
        let mut key = KeyPair::generate()?;
        let sans = |names: &[&str]| -> Fallible<Vec<SanType>> {
            let names = names.iter().map(|name| Ok(SanType::DnsName((*name).try_into()?)));
            names.collect()
        };
        match chain {
            "other-name" => params.subject_alt_names = sans(&["registry.fabrikam.test"])?,
            "expired" => params.not_after = date_time_ymd(2025, 1, 1),
            "not-yet" => params.not_before = date_time_ymd(2073, 1, 1),
            "self-signed-ca" | "ca-leaf" => {
                params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained)
            }
            "common-name-only" => params.subject_alt_names.clear(),
            "client-only" => params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth],
            "any-usage" => params.extended_key_usages = vec![ExtendedKeyUsagePurpose::Any],
            "no-usage" => params.extended_key_usages.clear(),
            "wildcard" => params.subject_alt_names = sans(&["*.diff.test"])?,
            "wildcard-deep" => params.subject_alt_names = sans(&["*.test"])?,
            "wildcard-partial" => {
                params.subject_alt_names = sans(&[&format!("{}*.diff.test", &name[..1])])?;
            }
            "uppercase" => params.subject_alt_names = sans(&[&name.to_uppercase()])?,
            "trailing-dot" => params.subject_alt_names = sans(&[&format!("{name}.")])?,
            "underscore-too" => params.subject_alt_names.extend(sans(&["a_b.diff.test"])?),
            "email-too" => {
                params.subject_alt_names.push(SanType::Rfc822Name("a@diff.test".try_into()?))
            }
            "address-only" => {
                params.subject_alt_names = vec![SanType::IpAddress(super::server::ADDRESS.parse()?)]
            }
            "critical-unknown" | "unknown" => {
                let mut odd =
                    CustomExtension::from_oid_content(&[1, 3, 6, 1, 4, 1, 99999, 1], vec![5, 0]);
                odd.set_criticality(chain == "critical-unknown");
                params.custom_extensions.push(odd);
            }
            "no-signing" => params.key_usages = vec![KeyUsagePurpose::KeyEncipherment],
            "no-key-usage" => params.key_usages.clear(),
            "p384" => key = KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384)?,
            "ed25519" => key = KeyPair::generate_for(&PKCS_ED25519)?,
            "empty-subject" => params.distinguished_name = rcgen::DistinguishedName::new(),
            _ => {}
        }
        let own = key.serialize_der();
        if matches!(chain, "self-signed" | "self-signed-ca") {
            return Ok((vec![params.self_signed(&key)?.der().clone()], own));
        }
        let issuer = if chain == "untrusted" { &self.foreign } else { &self.trusted };
        let between = |more: &dyn Fn(&mut CertificateParams), by: &Issuer| -> Fallible<Issuer> {
            let mut params = authority("Contoso issuing");
            more(&mut params);
            Ok(Issuer::signed_by(params, KeyPair::generate()?, by)?)
        };
        let constraints = |permitted: &[&str], excluded: &[&str]| {
            let trees = |names: &[&str]| {
                names.iter().map(|n| GeneralSubtree::DnsName((*n).to_owned())).collect()
            };
            NameConstraints {
                permitted_subtrees: trees(permitted),
                excluded_subtrees: trees(excluded),
            }
        };
        let middle = match chain {
            "chained"
            | "unchained"
            | "chain-reversed"
            | "chain-with-stranger"
            | "chain-with-root"
            | "leaf-twice" => Some(between(&|_| {}, issuer)?),
            "chain-expired" => Some(between(&|p| p.not_after = date_time_ymd(2025, 1, 1), issuer)?),
            "chain-not-yet" => {
                Some(between(&|p| p.not_before = date_time_ymd(2073, 1, 1), issuer)?)
            }
            "chain-not-ca" => Some(between(&|p| p.is_ca = IsCa::ExplicitNoCa, issuer)?),
            "chain-no-cert-sign" => {
                Some(between(&|p| p.key_usages = vec![KeyUsagePurpose::DigitalSignature], issuer)?)
            }
            "chain-client-only" => Some(between(
                &|p| p.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth],
                issuer,
            )?),
            "chain-server-only" => Some(between(
                &|p| p.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth],
                issuer,
            )?),
            "names-permitted" => Some(between(
                &|p| p.name_constraints = Some(constraints(&["diff.test"], &[])),
                issuer,
            )?),
            "names-not-permitted" => Some(between(
                &|p| p.name_constraints = Some(constraints(&["fabrikam.test"], &[])),
                issuer,
            )?),
            "names-excluded" => Some(between(
                &|p| p.name_constraints = Some(constraints(&[], &["diff.test"])),
                issuer,
            )?),
            "names-excluded-other" => Some(between(
                &|p| p.name_constraints = Some(constraints(&[], &["fabrikam.test"])),
                issuer,
            )?),
            "address-permitted" => Some(between(
                &|p| {
                    let tree = GeneralSubtree::IpAddress(rcgen::CidrSubnet::V4(
                        [10, 0, 0, 0],
                        [255, 0, 0, 0],
                    ));
                    p.name_constraints = Some(NameConstraints {
                        permitted_subtrees: vec![tree],
                        excluded_subtrees: vec![],
                    });
                },
                issuer,
            )?),
            _ => None,
        };
        if matches!(chain, "chain-too-long" | "chained-twice") {
            let upper = between(
                &|p| {
                    p.distinguished_name.push(DnType::OrganizationName, "upper");
                    if chain == "chain-too-long" {
                        p.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
                    }
                },
                issuer,
            )?;
            let lower = between(&|_| {}, &upper)?;
            let leaf = params.signed_by(&key, &lower)?;
            let sent = vec![
                leaf.der().clone(),
                lower.as_ref().der().clone(),
                upper.as_ref().der().clone(),
            ];
            return Ok((sent, own));
        }
        let leaf = params.signed_by(&key, middle.as_ref().unwrap_or(issuer))?.der().clone();
        let (middle, root) =
            (middle.map(|m| m.as_ref().der().clone()), issuer.as_ref().der().clone());
        let stranger = self.foreign.as_ref().der().clone();
        let sent = match (chain, middle) {
            ("unchained", _) => vec![leaf],
            ("chain-reversed", Some(middle)) => vec![leaf, root, middle],
            ("chain-with-stranger", Some(middle)) => vec![leaf, stranger, middle],
            ("chain-with-root", Some(middle)) => vec![leaf, middle, root],
            ("leaf-twice", Some(middle)) => vec![leaf.clone(), leaf, middle],
            (_, Some(middle)) => vec![leaf, middle],
            (_, None) => vec![leaf],
        };
        Ok((sent, own))
    }
}

pub fn protocols(http2: bool) -> Vec<Vec<u8>> {
    let one = b"http/1.1".to_vec();
    if http2 { vec![b"h2".to_vec(), one] } else { vec![one] }
}

fn authority(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
    params.not_before = date_time_ymd(2024, 1, 1);
    params.not_after = date_time_ymd(2074, 1, 1);
    params
}

fn leaf(name: &str) -> Fallible<CertificateParams> {
    let mut params = CertificateParams::new(vec![name.to_owned()])?;
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.not_before = date_time_ymd(2024, 1, 1);
    params.not_after = date_time_ymd(2074, 1, 1);
    Ok(params)
}
