//! Runs the real program as its user would, without this machine's environment and only over
//! loopback.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::disallowed_types,
    reason = "each test file uses its own part, and a test that panics has failed"
)]

pub mod ask;
pub mod server;

use std::{
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

/// Returns the program with an environment that holds only PATH.
pub fn program(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_check-acr"));
    command.args(args).env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Writes a file and returns its path.
pub fn file(folder: &Path, name: &str, content: &[u8]) -> String {
    let path = folder.join(name);
    std::fs::write(&path, content).unwrap();
    path.to_str().unwrap().to_owned()
}

/// Writes a program and returns its path. A process of its own writes it: a file that this one has open
/// for writing, a process that another thread starts has open too for a moment, and what is open for
/// writing cannot be run (`ETXTBSY`).
pub fn executable(folder: &Path, name: &str, content: &[u8]) -> PathBuf {
    let path = folder.join(name);
    let mut shell = Command::new("sh");
    shell.args(["-c", r#"cat >"$0" && chmod 755 "$0""#]).arg(&path).stdin(Stdio::piped());
    let mut writer = shell.spawn().unwrap();
    writer.stdin.take().unwrap().write_all(content).unwrap();
    assert!(writer.wait().unwrap().success(), "{}", path.display());
    path
}

/// The exit code and the output of a run.
pub struct Said {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Said {
    pub fn of(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("what is printed is text");
        Self { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }

    /// Returns the JSON document.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.out).unwrap_or_else(|e| panic!("{e}: {} {}", self.out, self.err))
    }

    /// Returns the codes of the causes in the JSON document.
    pub fn causes(&self) -> Vec<String> {
        codes(&self.json(), "causes")
    }
}

/// Returns the codes in one of the verdict's lists.
pub fn codes(document: &serde_json::Value, list: &str) -> Vec<String> {
    let causes = document["targets"][0]["verdict"][list].as_array().unwrap().iter();
    causes.map(|cause| cause["code"].as_str().unwrap().to_owned()).collect()
}

/// Runs a command.
pub fn run(args: &[&str]) -> Said {
    Said::of(program(args).output().unwrap())
}

/// Runs a command with that on standard input.
pub fn run_with(args: &[&str], input: &[u8]) -> Said {
    let mut child = program(args).stdin(Stdio::piped()).spawn().unwrap();
    // The program may stop reading before the end, which closes the pipe.
    let _ = child.stdin.take().unwrap().write_all(input);
    Said::of(child.wait_with_output().unwrap())
}
