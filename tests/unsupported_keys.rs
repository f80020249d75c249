//! Certificates with unusual keys and signatures. With keys that a container runtime supports and
//! check-acr does not: could not tell, with the kind of key by name.
#![allow(clippy::unwrap_used, reason = "a test that panics has failed, and says where")]

mod program;

use std::{
    io::{Read as _, Write as _},
    net::TcpListener,
    path::{Path, PathBuf},
    sync::Arc,
    thread,
};

use program::{Said, codes, program};
use rustls::{
    Error, ServerConfig, ServerConnection, SignatureAlgorithm, SignatureScheme, StreamOwned,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    server::{ClientHello, ResolvesServerCert},
    sign::{CertifiedKey, Signer, SigningKey},
};

#[test]
fn the_kind_of_key_is_named() {
    for (file, scheme, key) in [
        ("p521.pem", SignatureScheme::ECDSA_NISTP521_SHA512, "ECDSA P-521"),
        ("rsa1024.pem", SignatureScheme::RSA_PSS_SHA256, "RSA 1024"),
    ] {
        let said = ask(file, scheme);
        assert_eq!(said.code, Some(3), "{}", said.out);
        let document = said.json();
        assert_eq!(codes(&document, "could_not_tell"), ["tls/key-not-supported"], "{}", said.out);
        let verdict = &document["targets"][0]["verdict"];
        assert_eq!(verdict["could_not_tell"][0]["evidence"]["key"], key, "{}", said.out);
    }
}

/// Go verifies what an authority with a short RSA key signed, and RSA-PSS with a salt as long as the hash
/// alone. Each file holds the server's certificate, its authority and the key.
#[test]
fn signatures_as_go_verifies_them() {
    let with = |file: &str| {
        let path = path(file);
        let text = std::fs::read_to_string(&path).unwrap();
        let end = "-----END CERTIFICATE-----\n";
        let [own, authority, _] = text.split_inclusive(end).collect::<Vec<_>>()[..] else {
            panic!("{file}")
        };
        let own = CertificateDer::from_pem_slice(own.as_bytes()).unwrap();
        let key = PrivateKeyDer::from_pem_file(&path).unwrap();
        let key = rustls::crypto::ring::sign::any_supported_type(&key).unwrap();
        let mut store = tempfile::NamedTempFile::new().unwrap();
        store.write_all(authority.as_bytes()).unwrap();
        ask_with(store.path(), CertifiedKey::new(vec![own], key))
    };
    for trusted in ["short_authority.pem", "pss.pem"] {
        // The server ends the connection behind the handshake.
        assert_eq!(with(trusted).causes(), ["registry/no-answer"], "{trusted}");
    }
    let said = with("pss_long_salt.pem");
    assert_eq!((said.code, said.causes()), (Some(1), vec!["tls/certificate-invalid".to_owned()]));
}

fn path(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/unsupported_keys").join(file)
}

/// Asks a server with that certificate, which is in the trust store, and with a key that signs so.
fn ask(file: &str, scheme: SignatureScheme) -> Said {
    let file = path(file);
    let certificate = CertificateDer::from_pem_file(&file).unwrap();
    ask_with(&file, CertifiedKey::new(vec![certificate], Arc::new(Key(scheme))))
}

/// Asks a server with that key. What the file holds is the trust store.
fn ask_with(file: &Path, key: CertifiedKey) -> Said {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(Only(Arc::new(key))));
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let session = ServerConnection::new(config.clone()).unwrap();
            // The client ends the handshake.
            let _ = StreamOwned::new(session, stream.unwrap()).read(&mut [0; 1024]);
        }
    });
    let image = format!("{address}/team/app:v1");
    let output = program(&[&image, "-o", "json"]).env("SSL_CERT_FILE", file).output();
    Said::of(output.unwrap())
}

/// A server's only certificate.
#[derive(Debug)]
struct Only(Arc<CertifiedKey>);

impl ResolvesServerCert for Only {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.clone())
    }
}

/// A key that signs with anything: who does not support its kind cannot tell.
#[derive(Clone, Debug)]
struct Key(SignatureScheme);

impl SigningKey for Key {
    fn choose_scheme(&self, offered: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
        offered.contains(&self.0).then(|| Box::new(self.clone()) as Box<dyn Signer>)
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        match self.0 {
            SignatureScheme::RSA_PSS_SHA256 => SignatureAlgorithm::RSA,
            _ => SignatureAlgorithm::ECDSA,
        }
    }
}

impl Signer for Key {
    fn sign(&self, _: &[u8]) -> Result<Vec<u8>, Error> {
        Ok(vec![0x30; 128])
    }

    fn scheme(&self) -> SignatureScheme {
        self.0
    }
}
