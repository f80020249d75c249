//! Signed tokens: all token issuers of the lab sign with the lab's single key and recognize their
//! own tokens.

use std::sync::OnceLock;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{
    KeyPair as _, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RsaKeyPair, UnparsedPublicKey,
};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject;
use serde_json::{Value, json};

/// The lab's key. It is part of the source and protects nothing.
const PEM: &str = include_str!("signing.pem");

/// The key ids that the registry, Entra and the cluster put into their tokens.
const REGISTRY_KEY: &str = "LAB2:CDEF:GHIJ:KLMN:OPQR:STUV:WXYZ:2345:67AB:CDEF:GHIJ:KLMN";
const ENTRA_KEY: &str = "TGFiRW50cmFTaWduaW5nS2V5MDE";
const CLUSTER_KEY: &str = "bGFiLWNsdXN0ZXItc2VydmljZS1hY2NvdW50LWtleS0wMTIzNDU2Nw";

/// The issuer of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Issuer {
    /// The registry.
    Registry,
    /// Entra ID, also through a machine's metadata service.
    Entra,
    /// The cluster, for its service accounts.
    Cluster,
}

impl Issuer {
    /// Returns the header of every token, with which a truncated token begins too.
    pub(crate) fn head(self) -> String {
        let header = match self {
            Self::Registry => json!({ "alg": "RS256", "typ": "JWT", "kid": REGISTRY_KEY }),
            Self::Entra => {
                json!({ "typ": "JWT", "alg": "RS256", "x5t": ENTRA_KEY, "kid": ENTRA_KEY })
            }
            Self::Cluster => json!({ "alg": "RS256", "kid": CLUSTER_KEY }),
        };
        URL_SAFE_NO_PAD.encode(header.to_string())
    }
}

/// Returns a signed token.
pub(crate) fn sign(issuer: Issuer, claims: &Value) -> String {
    let signed = format!("{}.{}", issuer.head(), URL_SAFE_NO_PAD.encode(claims.to_string()));
    // A token without a signature is accepted nowhere in the lab, so a broken key shows at once.
    let signature = signature(signed.as_bytes()).unwrap_or_default();
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// Returns the claims of a token that the lab signed for this issuer.
pub(crate) fn verify(issuer: Issuer, token: &str) -> Option<Value> {
    let of_issuer = token.split('.').next() == Some(&issuer.head());
    (of_issuer && is_signed(token)).then(|| claims(token)).flatten()
}

/// Returns the claims of a token without a check of its signature.
pub(crate) fn claims(token: &str) -> Option<Value> {
    let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    serde_json::from_slice(&payload).ok()
}

/// Returns whether a token has a valid signature of the lab.
#[must_use]
pub fn is_signed(token: &str) -> bool {
    let parts = token.rsplit_once('.').zip(key());
    parts.is_some_and(|((signed, signature), key)| {
        let known = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key.public_key().as_ref());
        let signature = URL_SAFE_NO_PAD.decode(signature).unwrap_or_default();
        known.verify(signed.as_bytes(), &signature).is_ok()
    })
}

/// Returns the start of a payload whose claims begin with this text, as far as whole groups of
/// base64 go.
pub(crate) fn beginning(claims: &str) -> String {
    URL_SAFE_NO_PAD.encode(&claims.as_bytes()[..claims.len() / 3 * 3])
}

fn signature(message: &[u8]) -> Option<Vec<u8>> {
    let key = key()?;
    let mut signature = vec![0; key.public().modulus_len()];
    key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature).ok()?;
    Some(signature)
}

fn key() -> Option<&'static RsaKeyPair> {
    static KEY: OnceLock<Option<RsaKeyPair>> = OnceLock::new();
    let read = || {
        let key = PrivatePkcs8KeyDer::from_pem_slice(PEM.as_bytes()).ok()?;
        RsaKeyPair::from_pkcs8(key.secret_pkcs8_der()).ok()
    };
    KEY.get_or_init(read).as_ref()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_signed_and_no_letter_of_it_may_change() {
        let token = sign(Issuer::Entra, &json!({ "aud": "https://a.example", "n": 1 }));
        assert!(is_signed(&token), "{token}");
        assert_eq!(verify(Issuer::Entra, &token).unwrap()["n"], 1);
        assert!(verify(Issuer::Registry, &token).is_none());
        let other = sign(Issuer::Entra, &json!({ "aud": "https://a.example", "n": 2 }));
        let swapped =
            [&other[..other.rfind('.').unwrap()], &token[token.rfind('.').unwrap()..]].concat();
        assert!(claims(&swapped).is_some() && !is_signed(&swapped));
        let head = Issuer::Entra.head();
        for wrong in ["", "a.b.c", token.trim_end_matches(|c| c != '.'), &head] {
            assert!(!is_signed(wrong), "{wrong}");
        }
    }

    #[test]
    fn the_beginning_of_a_payload_is_in_the_token() {
        let token = sign(Issuer::Cluster, &json!({ "aud": "https://a.example", "n": 1 }));
        for claims in ["{\"aud\":\"h", "{\"aud\":\"ht", "{\"aud\":\"htt"] {
            assert!(token.contains(&format!(".{}", beginning(claims))), "{claims}");
        }
    }
}
