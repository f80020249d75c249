//! Certificates with keys that a container runtime supports and check-acr does not: could not tell, with
//! the kind of key by name.
#![allow(clippy::unwrap_used, reason = "a test that panics has failed, and says where")]

mod program;

use std::{io::Read as _, net::TcpListener, path::Path, sync::Arc, thread};

use program::{Said, codes, program};
use rustls::{
    Error, ServerConfig, ServerConnection, SignatureAlgorithm, SignatureScheme, StreamOwned,
    pki_types::{CertificateDer, pem::PemObject as _},
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

/// Asks a server with that certificate, which is in the trust store.
fn ask(file: &str, scheme: SignatureScheme) -> Said {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/unsupported_keys").join(file);
    let certificate = CertificateDer::from_pem_file(&file).unwrap();
    let key = CertifiedKey::new(vec![certificate], Arc::new(Key(scheme)));
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
