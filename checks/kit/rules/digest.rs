//! Content digests: computed and compared.

use std::fmt::Write;

use sha2::{Digest, Sha256, Sha512};

use super::containerd::{Puller, since};

/// Returns the digest of the bytes, computed with the algorithm of the expected digest.
pub fn digest(wanted: &str, bytes: &[u8]) -> String {
    let mut hasher = Hasher::like(wanted);
    hasher.update(bytes);
    hasher.finish()
}

/// Returns whether that containerd can store content under this digest, where its version does not
/// leave that open (plugins/content/local, `digest.Canonical`).
pub fn is_storable(digest: &str, containerd: Puller) -> Option<bool> {
    match digest.split_once(':') {
        Some(("sha256", hex)) => Some(is_hex(hex, 64)),
        Some(("sha512", hex)) if is_hex(hex, 128) => containerd.is_at_least(since::STORES_SHA512),
        _ => Some(false),
    }
}

fn is_hex(text: &str, length: usize) -> bool {
    text.len() == length && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// Computes a digest while the bytes arrive.
pub enum Hasher {
    /// The usual algorithm.
    Sha256(Sha256),
    /// The other algorithm that the OCI image specification registers.
    Sha512(Sha512),
}

impl Hasher {
    /// Returns a hasher for the algorithm of that digest.
    pub fn like(digest: &str) -> Self {
        if digest.starts_with("sha512:") {
            Hasher::Sha512(Sha512::new())
        } else {
            Hasher::Sha256(Sha256::new())
        }
    }

    /// Adds more bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        match self {
            Hasher::Sha256(sha) => sha.update(bytes),
            Hasher::Sha512(sha) => sha.update(bytes),
        }
    }

    /// Returns the digest in its written form, `sha256:…`.
    pub fn finish(self) -> String {
        let (name, bytes) = match self {
            Hasher::Sha256(sha) => ("sha256", sha.finalize().to_vec()),
            Hasher::Sha512(sha) => ("sha512", sha.finalize().to_vec()),
        };
        bytes.iter().fold(format!("{name}:"), |mut text, byte| {
            // Writing to a String cannot fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
    }
}
