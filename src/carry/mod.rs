//! Carries this program to a node that may pull nothing: compressed, in parts that fit `ConfigMap`s,
//! with a loader that unpacks it in memory.
//!
//! All maps are mounted by one projected volume at [`MOUNT`], with a mode that lets anyone execute
//! (0555). [`COMMAND`] with the agent's arguments is then the container's command, in any image.

mod program;

use std::collections::BTreeMap;

use base64::{Engine, prelude::BASE64_STANDARD};

pub use program::{Architecture, NotCarried};

/// Where the volume with all maps is mounted.
pub const MOUNT: &str = "/check-acr";
/// The program of the container: the loader, which becomes the agent with the same arguments.
pub const COMMAND: &str = "/check-acr/loader";

/// The most bytes of one map. Kubernetes accepts 1,048,576 in a `ConfigMap`, keys included.
const MAX_MAP_BYTES: usize = 1_000_000;
/// The most parts that the loader reads.
const MAX_PARTS: usize = 100;
/// How hard the program is compressed. Harder levels take half a second and save no map.
const LEVEL: i32 = 3;

/// The loaders, as `loader/build` made them. A test builds them again.
const LOADERS: [(Architecture, &[u8]); 2] = [
    (Architecture::Amd64, include_bytes!("../../loader/built/x86_64")),
    (Architecture::Arm64, include_bytes!("../../loader/built/aarch64")),
];

/// What is carried to nodes of one architecture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Package {
    /// The architecture of those nodes.
    pub architecture: Architecture,
    /// The `binaryData` of each `ConfigMap`: the names of files, and their bytes in base64.
    pub maps: Vec<BTreeMap<String, String>>,
}

/// Packs a program, such as this one, for nodes of one architecture.
///
/// # Errors
/// Returns why it cannot be carried there.
pub fn pack(program: &[u8], architecture: Architecture) -> Result<Package, NotCarried> {
    program::examine(program, architecture)?;
    let packed = zstd::bulk::compress(program, LEVEL);
    let packed = packed.map_err(|error| NotCarried::NotPacked { why: error.to_string() })?;
    let mut maps: Vec<BTreeMap<String, String>> = vec![];
    for (number, part) in packed.chunks(MAX_MAP_BYTES).enumerate() {
        let part = BASE64_STANDARD.encode(part);
        maps.push(BTreeMap::from([(format!("part-{number:02}"), part)]));
    }
    if maps.len() > MAX_PARTS {
        return Err(NotCarried::TooLong { bytes: program.len() });
    }
    let loader = LOADERS.iter().find(|(of, _)| *of == architecture).map(|(_, loader)| *loader);
    let loader = loader.unwrap_or_default();
    let last = packed.len() % MAX_MAP_BYTES;
    let has_room = |_: &&mut _| last > 0 && last + loader.len() <= MAX_MAP_BYTES;
    let loader = BASE64_STANDARD.encode(loader);
    match maps.last_mut().filter(has_room) {
        Some(map) => map.insert("loader".into(), loader).map_or((), drop),
        None => maps.push(BTreeMap::from([("loader".into(), loader)])),
    }
    Ok(Package { architecture, maps })
}

/// Returns the bytes of this program.
///
/// # Errors
/// Returns why it cannot be read.
pub fn this_program() -> Result<Vec<u8>, NotCarried> {
    // The path of the program may be another program's by now; this is the running one.
    let file = if cfg!(target_os = "linux") {
        Ok("/proc/self/exe".into())
    } else {
        std::env::current_exe()
    };
    file.and_then(std::fs::read).map_err(|error| NotCarried::Unreadable { why: error.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_map_fits_and_together_they_are_the_program() {
        // Noise does not shrink.
        let mut seed = 1_u64;
        let noise = |length: usize| -> Vec<u8> {
            let mut next = || {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                seed.to_be_bytes()[1]
            };
            (0..length).map(|_| next()).collect()
        };
        let mut noise = noise;
        for length in [1000, 990_000, 2_500_000] {
            let program = [program::tests::static_program(62), noise(length)].concat();
            let package = pack(&program, Architecture::Amd64).unwrap();
            let mut packed = vec![];
            let bytes = |text: &String| BASE64_STANDARD.decode(text).unwrap();
            for map in &package.maps {
                assert!(map.values().map(|text| bytes(text).len()).sum::<usize>() <= MAX_MAP_BYTES);
                let parts = map.iter().filter(|(name, _)| name.starts_with("part-"));
                parts.for_each(|(_, part)| packed.extend(bytes(part)));
            }
            assert_eq!(zstd::bulk::decompress(&packed, program.len()).unwrap(), program);
            let loaders = package.maps.iter().filter_map(|map| map.get("loader"));
            let loaders: Vec<_> = loaders.collect();
            assert!(matches!(loaders[..], [loader] if bytes(loader).starts_with(b"\x7fELF")));
        }
    }
}
