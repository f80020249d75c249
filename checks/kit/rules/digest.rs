//! Content digests: computed and compared.

use std::fmt::Write;

use sha2::{Digest, Sha256, Sha512};

/// Returns the digest of the bytes, computed with the algorithm of the expected digest.
pub fn digest(wanted: &str, bytes: &[u8]) -> String {
    let mut hasher = Hasher::like(wanted);
    hasher.update(bytes);
    hasher.finish()
}

/// Returns whether every container runtime can store content under this digest: before 2.3 containerd
/// computes SHA-256 alone (plugins/content/local, `digest.Canonical`).
pub fn is_storable(digest: &str) -> bool {
    digest.strip_prefix("sha256:").is_some_and(|hex| is_hex(hex, 64))
}

/// Returns whether only newer ones can: containerd 2.3.
pub fn is_storable_by_newer(digest: &str) -> bool {
    digest.strip_prefix("sha512:").is_some_and(|hex| is_hex(hex, 128))
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
