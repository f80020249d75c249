//! The loader: it becomes the program that it unpacks, and the two that are in the tree are those that
//! its sources make.
#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    clippy::disallowed_macros,
    reason = "a test that panics has failed, and says where; what is not tested here is said"
)]

mod program;

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use base64::{Engine, prelude::BASE64_STANDARD};
use check_acr::carry::{Architecture, pack};
use sha2::{Digest, Sha256};

/// Returns a file of the loader's package.
fn of_loader(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("loader").join(file)
}

/// Returns a static program that ends with the number of its arguments, its name among them.
fn counting_program() -> Vec<u8> {
    const BASE: u64 = 0x40_0000;
    let (machine, code): (u16, &[u8]) = if cfg!(target_arch = "x86_64") {
        // mov edi, [rsp]; mov eax, 60; syscall
        (62, &[0x8b, 0x3c, 0x24, 0xb8, 60, 0, 0, 0, 0x0f, 0x05])
    } else {
        // ldr x0, [sp]; mov x8, 93; svc 0
        (183, &[0xe0, 0x03, 0x40, 0xf9, 0xa8, 0x0b, 0x80, 0xd2, 1, 0, 0, 0xd4])
    };
    let mut program = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0".to_vec();
    program.extend([2, 0]);
    program.extend(machine.to_le_bytes());
    program.extend([1, 0, 0, 0]);
    program.extend((BASE + 120).to_le_bytes());
    program.extend(64_u64.to_le_bytes());
    program.extend([0; 12]);
    program.extend([64, 0, 56, 0, 1, 0, 0, 0, 0, 0, 0, 0]);
    // One segment: the whole file, readable and executable.
    program.extend([1, 0, 0, 0, 5, 0, 0, 0]);
    let length = 120 + code.len() as u64;
    for value in [0, BASE, BASE, length, length, 0x1000] {
        program.extend(value.to_le_bytes());
    }
    program.extend(code);
    program
}

fn here() -> Architecture {
    if cfg!(target_arch = "x86_64") { Architecture::Amd64 } else { Architecture::Arm64 }
}

/// Returns a file that is carried with the program.
fn carried(file: &str) -> Vec<u8> {
    let package = pack(&counting_program(), here()).unwrap();
    BASE64_STANDARD.decode(&package.maps[0][file]).unwrap()
}

/// Lays the loader and these parts into a folder, and runs it with these arguments.
fn load(parts: &[&[u8]], arguments: &[&str]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let loader = program::executable(folder.path(), "loader", &carried("loader"));
    for (number, part) in parts.iter().enumerate() {
        fs::write(folder.path().join(format!("part-{number:02}")), part).unwrap();
    }
    Command::new(loader).args(arguments).output().unwrap()
}

#[test]
fn it_becomes_the_program_with_its_arguments() {
    let whole = carried("part-00");
    assert_eq!(load(&[&whole], &["agent", "--x"]).status.code(), Some(3));
    // Wherever it is cut, and in up to a hundred parts.
    for cut in 1..whole.len() {
        let (one, other) = whole.split_at(cut);
        assert_eq!(load(&[one, other], &[]).status.code(), Some(1), "{cut}");
    }
    let bytes: Vec<&[u8]> = whole.chunks(whole.len().div_ceil(100)).collect();
    assert_eq!(load(&bytes, &["a"]).status.code(), Some(2));
}

#[test]
fn it_says_in_a_line_why_not() {
    let whole = carried("part-00");
    let text = zstd::bulk::compress(b"no program", 3).unwrap();
    for (parts, code) in [
        (vec![], 121),
        (vec![&b"no part of ours"[..]], 124),
        (vec![&whole[..whole.len() - 1]], 124),
        (vec![&b""[..]], 124),
        (vec![&text[..]], 126),
    ] {
        let output = load(&parts, &[]);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{said}");
        assert!(said.starts_with("loader: ") && said.lines().count() == 1, "{said}");
    }
}

#[test]
fn the_loaders_are_of_these_sources() {
    let sources = fs::read_to_string(of_loader("built/sources")).unwrap();
    let mut named = vec![];
    for line in sources.lines() {
        let (digest, file) = line.split_once("  ").unwrap();
        let digest_of: &[u8] = &Sha256::digest(fs::read(of_loader(file)).unwrap());
        let now = digest_of.iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
        assert_eq!(now, digest, "{file} has changed: run loader/build");
        named.push(file.to_owned());
    }
    let files = fs::read_dir(of_loader("src")).unwrap();
    let files = files.map(|file| format!("src/{}", file.unwrap().file_name().display()));
    for file in files.chain(["build", "Cargo.toml", "Cargo.lock"].map(str::to_owned)) {
        assert!(named.contains(&file), "{file} is new: run loader/build");
    }
}

/// Returns what `rustc` prints.
fn rustc(argument: &str) -> String {
    let output = Command::new("rustc").arg(argument).output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_loaders_are_rebuilt_byte_for_byte() {
    let made_by = fs::read_to_string(of_loader("built/compiler")).unwrap();
    let version = rustc("-vV");
    if made_by.lines().any(|line| !version.contains(line)) {
        return eprintln!("not rebuilt: they were made by another compiler than this\n{made_by}");
    }
    let sysroot = rustc("--print=sysroot");
    for target in ["x86_64-unknown-none", "aarch64-unknown-none"] {
        if !Path::new(sysroot.trim()).join("lib/rustlib").join(target).exists() {
            return eprintln!("not rebuilt: `rustup target add {target}` is needed");
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let built = Command::new(of_loader("build")).arg("--into").arg(folder.path()).output().unwrap();
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    for loader in ["x86_64", "aarch64"] {
        let (now, then) = (folder.path().join(loader), of_loader("built").join(loader));
        assert!(fs::read(now).unwrap() == fs::read(then).unwrap(), "{loader}: run loader/build");
    }
}
