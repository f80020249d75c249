//! Tells the program its commit and the machine that it is built for, which `--version` prints.
#![allow(clippy::print_stdout, reason = "a build script tells cargo what it must know on stdout")]

use std::{env, process::Command};

fn main() {
    println!("cargo::rerun-if-changed=.git/HEAD");
    println!("cargo::rerun-if-changed=.git/refs/heads");
    let target = env::var("TARGET").unwrap_or_default();
    // A source archive has no repository.
    let commit = Command::new("git").args(["rev-parse", "--short=12", "HEAD"]).output().ok();
    let commit = commit.filter(|output| output.status.success());
    let commit = commit.and_then(|output| String::from_utf8(output.stdout).ok());
    let version = env::var("CARGO_PKG_VERSION").unwrap_or_default();
    let commit = commit.as_deref().map_or("unknown commit", str::trim);
    println!("cargo::rustc-env=CHECK_ACR_VERSION={version} ({commit}, {target})");
}
