//! A layer as it is stored: its bytes, how they are compressed, and what they unpack to.

use super::parts;
use super::rng::Rng;

pub struct Layer {
    pub blob: Vec<u8>,
    pub media_type: String,
    pub diff_id: String,
    /// By which algorithm the manifest names it.
    pub is_sha512: bool,
}

impl Layer {
    pub fn healthy(name: &str, number: usize, rng: &mut Rng) -> Layer {
        let content = format!("{name} layer {number}\n").repeat(1 + rng.below(40));
        let path = format!("etc/{name}-{number}");
        Layer::of(&parts::tar(&[parts::file(&path, content.as_bytes())]), rng)
    }

    /// Returns an archive as a layer, compressed or not.
    pub fn of(tar: &[u8], rng: &mut Rng) -> Layer {
        let oci = "application/vnd.oci.image.layer.v1.tar";
        let (blob, media_type) = match rng.below(6) {
            0 => (tar.to_vec(), oci.to_owned()),
            1 => (parts::zstd(tar), format!("{oci}+zstd")),
            2 => (parts::gzip(tar), "application/vnd.docker.image.rootfs.diff.tar.gzip".to_owned()),
            _ => (parts::gzip(tar), format!("{oci}+gzip")),
        };
        Layer { blob, media_type, diff_id: parts::sha256(tar), is_sha512: false }
    }
}
