//! Digests: what names content, and proves it.

use std::fmt::Write;

use sha2::{Digest, Sha256, Sha512};

/// The digest of some bytes, by the algorithm of the one that was wanted.
pub fn digest(wanted: &str, bytes: &[u8]) -> String {
    let mut hasher = Hasher::like(wanted);
    hasher.update(bytes);
    hasher.finish()
}

/// Computes a digest as the bytes come.
pub enum Hasher {
    /// The usual one.
    Sha256(Sha256),
    /// The other one that the specification registers.
    Sha512(Sha512),
}

impl Hasher {
    /// One for the algorithm of that digest.
    pub fn like(digest: &str) -> Self {
        if digest.starts_with("sha512:") {
            Hasher::Sha512(Sha512::new())
        } else {
            Hasher::Sha256(Sha256::new())
        }
    }

    /// Takes more bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        match self {
            Hasher::Sha256(sha) => sha.update(bytes),
            Hasher::Sha512(sha) => sha.update(bytes),
        }
    }

    /// The digest, as it is written.
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
