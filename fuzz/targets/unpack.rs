//! Decompresses any bytes as a layer, in pieces of any size, or refuses them.
#![no_main]

use checks::untrusted::{Unpacked, Unpacker};
use libfuzzer_sys::fuzz_target;

/// More than any input of a few kilobytes should become here.
const LIMIT: u64 = 1 << 24;

fuzz_target!(|sent: (u8, &[u8])| {
    let (piece, bytes) = sent;
    let unpacked = |kind: &str, size: usize| {
        let mut unpacker = Unpacker::of(kind, piece % 2 == 0, LIMIT);
        bytes.chunks(size).for_each(|part| unpacker.write(part));
        unpacker.finish()
    };
    let packed = "application/vnd.oci.image.layer.v1.tar+gzip";
    let whole = unpacked(packed, bytes.len().max(1));
    let pieces = unpacked(packed, usize::from(piece).max(1));
    // How the bytes arrive does not change what they are.
    let is_read = |one: &Unpacked| !matches!(one, Unpacked::Broken(_) | Unpacked::TooLarge);
    if is_read(&whole) && is_read(&pieces) {
        assert_eq!(whole, pieces);
    }
    assert!(is_read(&unpacked("application/vnd.oci.image.layer.v1.tar", 7)));
});
