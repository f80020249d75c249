//! Which signatures of certificates are verified: those of rustls, and of RSA keys from 1024 bits on, as
//! Go verifies them (crypto/rsa).

use ring::signature::{
    RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY as SHORT_RSA_SHA256,
    RSA_PKCS1_1024_8192_SHA512_FOR_LEGACY_USE_ONLY as SHORT_RSA_SHA512, RsaParameters,
    UnparsedPublicKey,
};
use rustls::{
    crypto::WebPkiSupportedAlgorithms,
    pki_types::{AlgorithmIdentifier, InvalidSignature, SignatureVerificationAlgorithm, alg_id},
};
use webpki::ring as with;
use x509_parser::{
    oid_registry::{OID_NIST_HASH_SHA256, OID_NIST_HASH_SHA384, OID_NIST_HASH_SHA512, Oid},
    prelude::FromDer,
    signature_algorithm::SignatureAlgorithm,
    x509::AlgorithmIdentifier as Algorithm,
};

/// RSA with PKCS #1 padding, from 1024 bits on.
#[derive(Debug)]
struct ShortRsa(&'static RsaParameters, AlgorithmIdentifier);

impl SignatureVerificationAlgorithm for ShortRsa {
    fn verify_signature(
        &self,
        key: &[u8],
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), InvalidSignature> {
        let key = UnparsedPublicKey::new(self.0, key);
        key.verify(message, signature).map_err(|_| InvalidSignature)
    }

    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        alg_id::RSA_ENCRYPTION
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        self.1
    }
}

static RSA_SHA256: ShortRsa = ShortRsa(&SHORT_RSA_SHA256, alg_id::RSA_PKCS1_SHA256);
static RSA_SHA512: ShortRsa = ShortRsa(&SHORT_RSA_SHA512, alg_id::RSA_PKCS1_SHA512);

/// Returns those of rustls, with shorter RSA keys in certificates. The handshake itself is left as it is.
pub(super) fn with_short_keys(
    of_handshake: &WebPkiSupportedAlgorithms,
) -> WebPkiSupportedAlgorithms {
    static ALL: &[&dyn SignatureVerificationAlgorithm] = &[
        with::ECDSA_P256_SHA256,
        with::ECDSA_P256_SHA384,
        with::ECDSA_P384_SHA256,
        with::ECDSA_P384_SHA384,
        with::ED25519,
        with::RSA_PSS_2048_8192_SHA256_LEGACY_KEY,
        with::RSA_PSS_2048_8192_SHA384_LEGACY_KEY,
        with::RSA_PSS_2048_8192_SHA512_LEGACY_KEY,
        &RSA_SHA256,
        with::RSA_PKCS1_2048_8192_SHA384,
        &RSA_SHA512,
        with::RSA_PKCS1_2048_8192_SHA256_ABSENT_PARAMS,
        with::RSA_PKCS1_2048_8192_SHA384_ABSENT_PARAMS,
        with::RSA_PKCS1_2048_8192_SHA512_ABSENT_PARAMS,
    ];
    WebPkiSupportedAlgorithms { all: ALL, ..*of_handshake }
}

/// Returns whether an algorithm is RSA-PSS in a form that Go does not verify: it takes a salt as long as
/// the hash, and the same hash for the mask (crypto/x509, `getSignatureAlgorithmFromAI`). `id` is the
/// content of an `AlgorithmIdentifier`.
pub(super) fn is_unusual_pss(id: &[u8]) -> bool {
    const HASHES: [(&Oid<'static>, u32); 3] =
        [(&OID_NIST_HASH_SHA256, 32), (&OID_NIST_HASH_SHA384, 48), (&OID_NIST_HASH_SHA512, 64)];
    let Ok(length) = u8::try_from(id.len()) else { return false };
    let sequence = match length {
        ..128 => [&[0x30, length], id].concat(),
        128.. => [&[0x30, 0x81, length], id].concat(),
    };
    let Ok((_, algorithm)) = Algorithm::from_der(&sequence) else { return false };
    let Ok(SignatureAlgorithm::RSASSA_PSS(pss)) = SignatureAlgorithm::try_from(&algorithm) else {
        return false;
    };
    let is_usual = |(hash, salt): &(&Oid<'static>, u32)| {
        let mask = pss.mask_gen_algorithm();
        pss.hash_algorithm_oid() == *hash
            && mask.is_ok_and(|mask| mask.hash == **hash)
            && pss.salt_length() == *salt
            && pss.trailer_field() == 1
    };
    !HASHES.iter().any(is_usual)
}
