//! A pipe without a writer or a reader never delays a run beyond its timeout, and a signal ends it.
#![cfg(all(unix, feature = "lab"))]
#![allow(clippy::unwrap_used, reason = "a test that panics has failed, and says where")]

mod program;

use std::{
    io::{BufRead, BufReader},
    os::unix::process::ExitStatusExt,
    process::{Command, Stdio},
};

use program::{program, run};

/// Checks that the program waits no longer than `--timeout` and says in one sentence what it waited
/// for.
#[track_caller]
fn gives_up(said: &program::Said, what: &str) {
    assert_eq!((said.code, said.out.as_str()), (Some(2), ""), "{}", said.err);
    assert_eq!(said.err, format!("check-acr: {what}: nothing came of it in 1 s\n"));
}

#[test]
fn a_file_that_is_a_pipe_with_nobody_at_its_other_end() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let pipe = pipe.to_str().unwrap();
    let base = ["127.0.0.1:1/a:b", "--timeout", "1s"];
    gives_up(&run(&[&base[..], &["--ca-file", pipe]].concat()), &format!("--ca-file {pipe}"));
    gives_up(&run(&[&base[..], &["-o", &format!("json={pipe}")]].concat()), pipe);
    // Reading a credential file has its own timeout, and running into it is a finding.
    let args =
        [&base[..2], &["20s", "--auth-file", pipe, "--only", "identity", "-o", "json"]].concat();
    assert_eq!(run(&args).causes(), ["identity/auth-file-unreadable"]);
}

#[test]
fn a_trust_store_that_does_not_open() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    // The handshake waits for the trust store first, so the other end need not respond.
    let mute = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let image = format!("{}/a:b", mute.local_addr().unwrap());
    let mut asked = program(&[&image, "-o", "json"]);
    let said = program::Said::of(asked.env("SSL_CERT_FILE", &pipe).output().unwrap());
    assert_eq!(said.code, Some(3), "{}", said.out);
    assert_eq!(program::codes(&said.json(), "could_not_tell"), ["tls/trust-store-unreadable"]);
    // A run that needs no certificate does not wait for the trust store.
    let mut asked = program(&[&image, "--only", "tcp", "-o", "json"]);
    let said = program::Said::of(asked.env("SSL_CERT_FILE", &pipe).output().unwrap());
    assert!(said.causes().is_empty() && !said.out.contains("trust-store"), "{}", said.out);
}

#[test]
fn a_password_that_does_not_come() {
    let args = ["127.0.0.1:1/a:b", "--timeout", "1s", "--username", "u", "--password-stdin"];
    let mut child = program(&args).stdin(Stdio::piped()).spawn().unwrap();
    // Holds the pipe open, so that it delivers neither data nor an end.
    let held = child.stdin.take();
    let said = program::Said::of(child.wait_with_output().unwrap());
    drop(held);
    gives_up(&said, "--password-stdin");
}

#[test]
fn a_signal_ends_it_with_what_is_known() {
    // A terminal that is closed sends the last.
    for signal in ["-INT", "-TERM", "-HUP"] {
        let asked = program(&["lab", "registry-mute", "-o", "events"]);
        // Below `nohup` every program ignores the last, ours as well.
        let mut heard = Command::new("env");
        heard.arg("--default-signal=HUP").arg(asked.get_program()).args(asked.get_args());
        let mut child = heard.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let started =
            |line: &String| line.contains("\"started\"") && line.contains("\"challenge\"");
        assert!(lines.by_ref().map(Result::unwrap).any(|line| started(&line)));
        let id = child.id().to_string();
        assert!(Command::new("kill").args([signal, &id]).status().unwrap().success());
        let rest: Vec<_> = lines.map(Result::unwrap).collect();
        // A shell ends its loop only when a program ended by Ctrl-C itself.
        let ended = child.wait().unwrap();
        let by = if signal == "-INT" { (None, Some(2)) } else { (Some(130), None) };
        assert_eq!((ended.code(), ended.signal()), by, "{signal}");
        assert!(rest.iter().any(|line| line.contains("run/interrupted")), "{signal}: {rest:?}");
    }
}
