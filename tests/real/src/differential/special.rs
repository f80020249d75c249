//! Chains that only openssl makes: SHA-1 and other old signatures, keys that rustls does not sign
//! with, version 1. They hold for every host directly below the zone.

use std::collections::HashMap;
use std::fmt;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::{CertifiedKey, Signer, SigningKey};
use rustls::{ServerConfig, SignatureAlgorithm, SignatureScheme};

use super::chains::protocols;
use crate::Fallible;

/// Name, openssl's key options, the digest of the leaf's signature, and with which scheme TLS signs
/// where rustls cannot.
type Row = (&'static str, &'static str, &'static str, Option<SignatureScheme>);
const ROWS: &[Row] = &[
    ("rsa-2048", "rsa:2048", "sha256", None),
    ("rsa-4096", "rsa:4096", "sha512", None),
    ("rsa-sha384", "rsa:2048", "sha384", None),
    ("sha1", "rsa:2048", "sha1", None),
    ("md5", "rsa:2048", "md5", None),
    ("sha224", "rsa:2048", "sha224", None),
    ("pss-signature", "rsa:2048", "pss", None),
    ("version-1", "rsa:2048", "v1", None),
    ("chain-sha1", "rsa:2048", "chain-sha1", None),
    ("chain-rsa-1024", "rsa:2048", "chain-1024", None),
    ("rsa-1024", "rsa:1024", "sha256", Some(SignatureScheme::RSA_PSS_SHA256)),
    ("p521", "ec:secp521r1", "sha256", Some(SignatureScheme::ECDSA_NISTP521_SHA512)),
    ("p224", "ec:secp224r1", "sha256", Some(SignatureScheme::ECDSA_NISTP256_SHA256)),
];

/// A chain, and the key that belongs to it.
pub struct Special(Arc<Fixed>);

struct Fixed(Arc<CertifiedKey>);

impl fmt::Debug for Fixed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fixed")
    }
}

impl ResolvesServerCert for Fixed {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.clone())
    }
}

impl Special {
    pub fn config(&self, http2: bool) -> Option<Arc<ServerConfig>> {
        let mut config =
            ServerConfig::builder().with_no_client_auth().with_cert_resolver(self.0.clone());
        config.alpn_protocols = protocols(http2);
        Some(Arc::new(config))
    }
}

/// Makes all of them below `folder`, and `special/root.pem`, the authority that signs them.
pub fn all(folder: &Path) -> Fallible<HashMap<&'static str, Special>> {
    let home = folder.join("special");
    std::fs::create_dir_all(&home)?;
    let ca = "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign\n";
    std::fs::write(home.join("ca.ext"), ca)?;
    let leaf =
        "subjectAltName=DNS:*.diff.test\nextendedKeyUsage=serverAuth\nkeyUsage=digitalSignature\n";
    std::fs::write(home.join("leaf.ext"), leaf)?;
    script(
        &home,
        "openssl req -x509 -newkey rsa:2048 -nodes -keyout root.key -out root.pem -days 9000 -subj '/CN=Old root' -addext keyUsage=critical,keyCertSign",
    )?;
    for (name, size, digest) in [("middle-sha1", "2048", "sha1"), ("middle-1024", "1024", "sha256")]
    {
        script(
            &home,
            &format!(
                "openssl req -new -newkey rsa:{size} -nodes -keyout {name}.key -out {name}.csr -subj '/CN={name}' && \
             openssl x509 -req -in {name}.csr -CA root.pem -CAkey root.key -days 8000 -{digest} -extfile ca.ext -out {name}.pem"
            ),
        )?;
    }
    ROWS.iter().map(|row| Ok((row.0, special(&home, row)?))).collect()
}

fn special(home: &Path, (name, key, digest, scheme): &Row) -> Fallible<Special> {
    let (kind, size) = key.split_once(':').unwrap_or_default();
    let new = match kind {
        "ec" => format!("ec -pkeyopt ec_paramgen_curve:{size}"),
        _ => format!("rsa:{size}"),
    };
    let (issuer, sign) = match *digest {
        "pss" => ("root", "-sha256 -sigopt rsa_padding_mode:pss -extfile leaf.ext".to_owned()),
        "v1" => ("root", "-sha256".to_owned()),
        "chain-sha1" => ("middle-sha1", "-sha256 -extfile leaf.ext".to_owned()),
        "chain-1024" => ("middle-1024", "-sha256 -extfile leaf.ext".to_owned()),
        other => ("root", format!("-{other} -extfile leaf.ext")),
    };
    script(
        home,
        &format!(
            "openssl req -new -newkey {new} -nodes -keyout {name}.key -out {name}.csr -subj '/CN={name}' && \
         openssl x509 -req -in {name}.csr -CA {issuer}.pem -CAkey {issuer}.key -days 7000 {sign} -out {name}.pem"
        ),
    )?;
    let mut chain = vec![CertificateDer::from_pem_file(home.join(format!("{name}.pem")))?];
    if issuer != "root" {
        chain.push(CertificateDer::from_pem_file(home.join(format!("{issuer}.pem")))?);
    }
    let file = home.join(format!("{name}.key"));
    let key: Arc<dyn SigningKey> = match scheme {
        Some(scheme) => Arc::new(Openssl { file, scheme: *scheme }),
        None => {
            rustls::crypto::ring::sign::any_supported_type(&PrivateKeyDer::from_pem_file(file)?)?
        }
    };
    Ok(Special(Arc::new(Fixed(Arc::new(CertifiedKey::new(chain, key))))))
}

fn script(home: &Path, script: &str) -> Fallible<()> {
    let out = Command::new("sh")
        .arg("-ec")
        .arg(script)
        .current_dir(home)
        .stdin(Stdio::null())
        .output()?;
    if out.status.success() {
        return Ok(());
    }
    Err(format!("openssl: {}", String::from_utf8_lossy(&out.stderr)).into())
}

/// A key with which openssl signs.
#[derive(Clone, Debug)]
struct Openssl {
    file: PathBuf,
    scheme: SignatureScheme,
}

impl SigningKey for Openssl {
    fn choose_scheme(&self, offered: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
        offered.contains(&self.scheme).then(|| Box::new(self.clone()) as Box<dyn Signer>)
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        match self.scheme {
            SignatureScheme::RSA_PSS_SHA256 => SignatureAlgorithm::RSA,
            _ => SignatureAlgorithm::ECDSA,
        }
    }
}

impl Signer for Openssl {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rustls::Error> {
        let failed = |e: std::io::Error| rustls::Error::General(e.to_string());
        let options: &[&str] = match self.scheme {
            SignatureScheme::RSA_PSS_SHA256 => {
                &["-sha256", "-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:32"]
            }
            SignatureScheme::ECDSA_NISTP521_SHA512 => &["-sha512"],
            _ => &["-sha256"],
        };
        let mut child = Command::new("openssl")
            .arg("dgst")
            .args(options)
            .arg("-sign")
            .arg(&self.file)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(failed)?;
        if let Some(mut to) = child.stdin.take() {
            to.write_all(message).map_err(failed)?;
        }
        Ok(child.wait_with_output().map_err(failed)?.stdout)
    }

    fn scheme(&self) -> SignatureScheme {
        self.scheme
    }
}
