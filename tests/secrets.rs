//! Secrets from a server, a user or an internal error are never shown, in any format or at any
//! verbosity.
#![allow(clippy::unwrap_used, reason = "a test that panics has failed, and says where")]

mod program;

use std::process::Command;

use checks::kit::Secret;
use program::{
    run,
    server::{self, Script, answer, serve},
};

/// Returns all output about a server: the most verbose text, JSON, events, and the recording shown
/// again.
fn all_that_is_said(script: Script) -> String {
    let asked = format!("{}/team/app:v1", serve(script));
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name).display().to_string();
    let (json, events) = (file("report.json"), file("run.jsonl"));
    let (to_json, to_events) = (format!("json={json}"), format!("events={events}"));
    let args = [
        &asked,
        "--plain-http",
        "--identity",
        "anonymous",
        "-vv",
        "-o",
        "text",
        "-o",
        &to_json,
        "-o",
        &to_events,
    ];
    let live = run(&args);
    let again = run(&["show", &events, "-vv"]);
    let read = |file: &str| std::fs::read_to_string(file).unwrap();
    [live.out, live.err, read(&json), read(&events), again.out, again.err].concat()
}

#[track_caller]
fn hides(script: Script, shown: &str) {
    let said = all_that_is_said(script);
    assert!(!said.contains("canary"), "{said}");
    assert!(said.contains(shown), "{said}");
}

#[test]
fn in_the_place_where_tokens_are_issued() {
    let script: Script = |line, stream| {
        if !line.contains("/v2/") {
            return answer(stream, "403 No", b"");
        }
        let port = stream.local_addr()?.port();
        let realm =
            format!("http://me:canary-1@127.0.0.1:{port}/token?sig=canary-2&password=canary-3");
        let head = format!("401 No\r\nWWW-Authenticate: Bearer realm=\"{realm}\",service=\"x\"");
        answer(stream, &head, b"")
    };
    hides(script, "//***@127.0.0.1");
}

#[test]
fn in_a_challenge_that_nobody_can_follow() {
    let script: Script = |_, stream| {
        let head = "401 No\r\nWWW-Authenticate: Digest realm=\"https:me:canary-1@a.example\"\r\n\
            Server: https://me:canary-2@a.example\r\nDate: ftp://canary-3@a.example";
        answer(stream, head, b"")
    };
    hides(script, "Digest realm=\\\"https:***@a.example");
}

#[test]
fn in_a_redirect() {
    let script: Script = |line, stream| {
        if line.contains("/elsewhere") {
            return answer(stream, "403 No", b"");
        }
        let port = stream.local_addr()?.port();
        let to = format!("http://me:canary-1@127.0.0.2:{port}/elsewhere?se=1&sig=canary-2");
        answer(stream, &format!("307 On\r\nLocation: {to}"), b"")
    };
    hides(script, "127.0.0.2");
}

#[test]
fn in_the_words_of_a_refusal() {
    let script: Script = |line, stream| {
        let body = br#"{"errors":[{"code":"DENIED","message":"see https://a.example/b?sv=1&sig=canary-1 or http://canary-2@a.example"}]}"#;
        answer(stream, "403 No", if line.starts_with("HEAD") { b"" } else { body })
    };
    hides(script, "sig=***");
}

#[test]
fn in_a_manifest() {
    let script: Script = |line, stream| {
        let body = br#"{"schemaVersion":2,"mediaType":"https://me:canary-1@a.example"}"#;
        server::manifest(stream, line, body)
    };
    hides(script, "https://***@a.example");
}

#[test]
fn in_what_a_panic_says() {
    if std::env::var_os("PANIC_HERE").is_some() {
        check_acr::say_where_it_panics();
        let secret = Secret::new("canary-in-a-panic");
        panic!("{}\u{1b}[2J", secret.expose());
    }
    let test = std::env::current_exe().unwrap();
    let args = ["--exact", "in_what_a_panic_says", "--nocapture"];
    let output = Command::new(test).args(args).env("PANIC_HERE", "yes").output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8(said).unwrap();
    assert!(!output.status.success() && !said.contains("canary"), "{said}");
    assert!(said.contains("a defect of check-acr, at tests/secrets.rs:"), "{said}");
}
