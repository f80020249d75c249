//! The program as its user meets it: exit codes, formats, pipes, languages, bad input.
#![cfg(feature = "lab")]
#![allow(clippy::unwrap_used, reason = "a test that panics has failed, and says where")]

mod program;

use std::{
    fs,
    io::{BufRead, BufReader, Read},
};

use program::{codes, executable, file, program, run, run_with};

#[test]
fn every_exit_code() {
    assert_eq!(run(&["lab"]).code, Some(0));
    assert_eq!(run(&["lab", "tag-missing"]).code, Some(1));
    assert_eq!(run(&["lab", "clock-half-an-hour", "--fail-on", "warning"]).code, Some(1));
    assert_eq!(run(&["--no-such-flag"]).code, Some(2));
    assert_eq!(run(&["lab", "pod-without-credentials"]).code, Some(3));
}

#[test]
fn time_that_is_up_is_could_not_tell() {
    // The kernel completes the TCP connection, but no process accepts it: a server that sends
    // nothing.
    let mute = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let asked = format!("{}/team/app:v1", mute.local_addr().unwrap());
    let began = std::time::Instant::now();
    let said = run(&[&asked, "--timeout", "1s", "-o", "json"]);
    assert!(began.elapsed().as_secs() < 20, "it hangs");
    assert_eq!(said.code, Some(3));
    assert_eq!(codes(&said.json(), "could_not_tell"), ["run/time-up"]);
}

#[test]
fn called_wrongly_it_says_how_in_one_sentence() {
    let long = "a".repeat(2000);
    for (args, word) in [
        (vec![], "what should be checked?"),
        (vec![""], "REF is empty"),
        (vec!["  "], "REF is empty"),
        (vec!["contoso", "--only", "nothing"], "the steps are"),
        (vec!["contoso", "--timeout", "soon"], "a time is such as"),
        (vec!["contoso", "--timeout", "1ms"], "at least 1s"),
        (vec!["contoso", "-q", "-v"], "cannot be used with"),
        (vec!["contoso", "-o", "xml"], "a format is"),
        (vec!["contoso", "-o", "json="], "file's name is missing"),
        (vec!["contoso", "-o", "json", "-o", "text"], "only one format"),
        (vec!["contoso", "-o", "json=/no/such/folder/x"], "/no/such/folder/x"),
        (vec!["contoso", "--platform", "pc"], "a platform is"),
        (vec!["contoso", "--platform", "linux/amd65"], "no processor amd65"),
        (vec!["contoso", "--username", "u"], "--password-stdin"),
        (vec!["contoso", "--ca-file", "/no/such/file"], "/no/such/file"),
        (vec!["explain", "dns/nxdomain-registri"], "dns/nxdomain-registry"),
        (vec!["explain", long.as_str()], "there is no code"),
        (vec!["lab", "no-such-scenario"], "--list"),
        (vec!["show", "/no/such/file"], "/no/such/file"),
    ] {
        let said = run(&args);
        assert_eq!(said.code, Some(2), "{args:?}: {} {}", said.out, said.err);
        assert!(said.err.contains(word), "{args:?}: {}", said.err);
        assert!(said.out.is_empty(), "{args:?}: {}", said.out);
    }
}

#[test]
fn an_enormous_argument_is_a_finding() {
    for text in ["x".repeat(100_000), format!("contoso.azurecr.io/{}:v1", "y".repeat(100_000))] {
        let said = run(&[&text, "-o", "json"]);
        assert_eq!((said.code, said.causes()), (Some(1), vec!["image/ref-invalid".to_owned()]));
        assert!(said.out.len() < 20_000, "the text is not repeated whole");
    }
}

#[cfg(unix)]
#[test]
fn an_argument_that_is_no_text_is_wrong_usage() {
    use std::os::unix::ffi::OsStrExt;
    let output = program(&[]).arg(std::ffi::OsStr::from_bytes(b"contoso\xff")).output().unwrap();
    assert!(output.status.code() == Some(2) && !output.stderr.is_empty());
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let mut child = program(&["lab", "-vv"]).spawn().unwrap();
    let mut first = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut first).unwrap();
    let mut err = String::new();
    child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert!(err.matches("check-acr:").count() == 1 && err.contains("nothing real"), "{err}");
    assert!(first.starts_with("contoso.azurecr.io/team/app:v1"));
}

#[test]
fn where_there_is_no_terminal_each_step_is_said_as_it_ends() {
    let mut child = program(&["lab", "tcp-blackhole", "--lang", "en"]).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let mut next = || lines.next().unwrap().unwrap();
    assert!(next().contains("the built-in lab, scenario tcp-blackhole"));
    let names = [next(), next(), next()];
    // The connection is still being waited for: nothing of the result is there yet.
    assert!(child.try_wait().unwrap().is_none());
    let named = |step: &str| names.iter().any(|line| line.starts_with(&format!("✓ {step} ")));
    assert!(named("image") && named("identity") && named("dns"), "{names:?}");
    assert!(next().starts_with("✗ tcp "));
    assert_eq!(child.wait().unwrap().code(), Some(1));
    let quiet = run(&["lab", "tag-missing", "-q"]);
    assert_eq!((quiet.code, quiet.err.as_str()), (Some(1), ""));
}

#[test]
fn a_full_disk_is_said() {
    let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output = program(&["lab"]).stdout(full).output().unwrap();
    assert_eq!(output.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&output.stderr).contains("standard output"));
}

#[test]
fn no_colour_where_nobody_can_see_it() {
    let said = run(&["lab", "tag-missing"]);
    let all = said.out.clone() + &said.err;
    assert!(!all.contains('\u{1b}'), "{all}");
}

#[test]
fn the_language_is_the_locales_unless_it_is_given() {
    let korean = program(&["lab"]).env("LANG", "ko_KR.UTF-8").output().unwrap();
    assert!(String::from_utf8_lossy(&korean.stdout).contains("끌어올 수 있음"));
    let english = program(&["lab", "--lang", "en"]).env("LANG", "ko_KR.UTF-8").output().unwrap();
    assert!(String::from_utf8_lossy(&english.stdout).contains("can pull"));
}

#[test]
fn a_recording_is_shown_again_in_any_language() {
    let folder = tempfile::tempdir().unwrap();
    let recording = folder.path().join("run.jsonl");
    let recording = recording.to_str().unwrap();
    let events = format!("events={recording}");
    let live = run(&["lab", "tag-missing", "-o", &events, "-o", "text"]);
    let again = run(&["show", recording]);
    assert_eq!((again.code, &again.out), (Some(1), &live.out));
    assert!(run(&["show", recording, "--lang", "ko"]).out.contains("끌어올 수 없음"));
    let piped = run_with(&["show", "-"], &fs::read(recording).unwrap());
    assert_eq!(piped.out, live.out);
}

#[test]
fn event_lines_end_with_the_verdict() {
    let said = run(&["lab", "tag-missing", "-o", "events"]);
    let last: serde_json::Value = serde_json::from_str(said.out.lines().last().unwrap()).unwrap();
    let schema = serde_json::from_str(include_str!("../docs/event.schema.json")).unwrap();
    jsonschema::validator_for(&schema).unwrap().validate(&last).unwrap();
    assert_eq!((last["event"].as_str(), last["can"].as_str()), (Some("verdict"), Some("no")));
    assert_eq!(last["exit_code"].as_i64(), said.code.map(i64::from));
    assert_eq!(last["causes"][0]["code"], "manifest/image-tag-not-found");
}

#[test]
fn a_recording_that_is_none_is_refused_with_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let event = r#"{"v":1,"at":"2026-01-01T00:00:00Z","target":"a","from":"here","event":"started","step":"dns"}"#;
    for (name, content, word) in [
        ("empty", String::new(), "no recording"),
        ("page", "<html>no</html>\n".to_owned(), "line 1"),
        ("second", format!("{event}\n[]\n"), "line 2"),
        ("newer", event.replace("\"v\":1", "\"v\":9"), "version is 9"),
        ("unasked", event.to_owned(), "nothing was asked"),
        ("huge", "x".repeat(10_000_000), "line 1"),
    ] {
        let path = file(folder.path(), name, content.as_bytes());
        let said = run(&["show", &path]);
        assert_eq!(said.code, Some(2), "{name}");
        assert!(said.err.contains(word) && said.err.len() < 1000, "{name}: {}", said.err);
    }
}

#[test]
fn a_recording_that_has_lost_a_line_is_shown_all_the_same() {
    let lines = [
        r#"{"v":1,"at":"2026-01-01T00:00:00Z","target":"a","from":"here","event":"run-started","tool":"0","understood":{"asked":"a","platform":"x"}}"#,
        r#"{"v":1,"at":"2026-01-01T00:00:00Z","target":"a","from":"here","event":"finished","step":"dns","end":{"is":"failed"},"took_ms":1}"#,
    ];
    assert_eq!(run_with(&["show", "-"], lines.join("\n").as_bytes()).code, Some(3));
}

#[test]
fn a_password_in_the_reference_is_not_repeated() {
    for text in
        ["https://me:canary@contoso.azurecr.io/app:v1", "me:canary@contoso.azurecr.io/app:v1"]
    {
        for format in ["text", "json", "events"] {
            let said = run(&[text, "-o", format]);
            assert_eq!(said.code, Some(1));
            assert!(!said.out.contains("canary"), "{format}: {}", said.out);
        }
    }
}

#[test]
fn what_is_only_wanted_ends_as_it_would_in_the_whole() {
    // Port 1 of an unused loopback address: nothing listens there.
    let said = run(&["127.0.0.9:1/a:b", "--only", "tcp", "-o", "json"]);
    assert_eq!((said.code, said.causes()), (Some(1), vec!["tcp/tcp-egress-blocked".to_owned()]));
}

#[test]
fn a_recording_that_is_no_runs_is_refused_before_it_fills_the_memory() {
    let line = |rest: &str| {
        format!(r#"{{"v":1,"at":"2026-01-01T00:00:00Z","target":"a","from":"here",{rest}}}"#)
    };
    let many = |rest: fn(usize) -> String, count| {
        (0..count).map(|number| line(&rest(number)) + "\n").collect::<String>()
    };
    for (recording, word) in [
        (many(|n| format!(r#""event":"started","step":"{n}""#), 2000), "more than 200 steps"),
        (
            many(|n| format!(r#""event":"found","step":"dns","finding":{{"code":"a/{n}"}}"#), 2000),
            "more than 1000 findings",
        ),
        (line(&format!(r#""event":"started","step":"{}""#, "x".repeat(300_000))), "is too long"),
    ] {
        let said = run_with(&["show", "-"], recording.as_bytes());
        assert_eq!((said.code, said.out.as_str()), (Some(2), ""), "{}", said.err);
        assert!(said.err.contains("standard input") && said.err.contains(word), "{}", said.err);
    }
}

#[test]
fn a_recording_cannot_steer_the_terminal() {
    let event = r#"{"v":1,"at":"2026-01-01T00:00:00Z","target":"a","from":"here","event":"run-started","tool":"0","host":"h\u001b[2Jb","understood":{"asked":"a","registry":"a\u001b[2Jb","platform":"x"}}"#;
    let detail = r#"{"v":1,"at":"2026-01-01T00:00:00Z","target":"a","from":"here","event":"exchanged","step":"dns","to":"x","request":"y","response":"z","took_ms":1,"details":{"\u001b[2J":1}}"#;
    let end = r#"{"v":1,"at":"2026-01-01T00:00:00Z","target":"a","from":"here","event":"finished","step":"dns","end":{"is":"failed"},"took_ms":1}"#;
    let said = run_with(&["show", "-", "-vv"], [event, detail, end].join("\n").as_bytes());
    assert_eq!(said.code, Some(3));
    assert!(said.out.contains("a\\u{1b}[2Jb") && !said.out.contains('\u{1b}'), "{}", said.out);
}

#[test]
fn a_password_comes_on_standard_input_and_only_there() {
    let base = [
        "127.0.0.1:1/a:b",
        "--username",
        "u",
        "--password-stdin",
        "--only",
        "identity",
        "-o",
        "json",
    ];
    let said = run_with(&base, b"canary-password\n");
    assert_eq!(said.code, Some(3), "identity alone proves no pull: {}", said.err);
    assert!(said.out.contains("--username") && !said.out.contains("canary"));
    for (input, word) in [
        (&b""[..], "nothing came"),
        (&b"\xff\xfe"[..], "not text"),
        (&vec![b'x'; 10_000_000][..], "longer than 65536 bytes"),
    ] {
        let said = run_with(&base, input);
        assert_eq!(said.code, Some(2));
        assert!(said.err.contains(word), "{}", said.err);
    }
}

/// Runs only the identity step, which sends nothing over the network.
fn identity(auth_file: &str) -> program::Said {
    run(&["127.0.0.1:1/a:b", "--auth-file", auth_file, "--only", "identity", "-o", "json"])
}

#[test]
fn a_bad_auth_file_is_one_clear_finding() {
    let folder = tempfile::tempdir().unwrap();
    let entry =
        |auth: &str| format!(r#"{{"auths":{{"127.0.0.1:1":{{"auth":"{auth}"}}}}}}"#).into_bytes();
    for (name, content, code) in [
        ("page", b"<html>canary</html>".to_vec(), "identity/pullsecret-malformed"),
        ("binary", vec![0xff; 100], "identity/pullsecret-malformed"),
        ("huge", vec![b' '; 10_000_000], "identity/auth-file-unreadable"),
        ("not-base64", entry("canary!"), "identity/pullsecret-malformed"),
        ("no-colon", entry("Y2FuYXJ5"), "identity/pullsecret-malformed"),
    ] {
        let said = identity(&file(folder.path(), name, &content));
        assert_eq!(
            (said.code, said.causes()),
            (Some(1), vec![code.to_owned()]),
            "{name}: {}",
            said.err
        );
        assert!(!said.out.contains("canary"), "{name}: {}", said.out);
    }
    // The kubelet needs no padding.
    let bare = identity(&file(folder.path(), "bare", &entry("dTpwOnE")));
    assert_eq!((bare.code, bare.causes()), (Some(3), vec![]), "{}", bare.out);
    let endless = identity("/dev/zero");
    assert_eq!(endless.causes(), ["identity/auth-file-unreadable"]);
    let endless = run(&["127.0.0.1:1/a:b", "--ca-file", "/dev/zero"]);
    assert_eq!(endless.code, Some(2));
}

#[cfg(unix)]
#[test]
fn a_credential_helper_is_asked_and_never_trusted() {
    let folder = tempfile::tempdir().unwrap();
    let helper = |name: &str, script: &str| {
        let script = format!("#!/bin/sh\n{script}\n");
        executable(folder.path(), &format!("docker-credential-{name}"), script.as_bytes());
    };
    helper("good", r#"cat >/dev/null; echo '{"Username":"u","Secret":"canary"}'"#);
    helper("token", r#"cat >/dev/null; echo '{"Username":"<token>","Secret":"canary"}'"#);
    helper("none", "echo 'credentials not found in native keychain'; exit 1");
    helper("broken", "echo canary; exit 7");
    helper("endless", "yes canary");
    helper("mute", "exec sleep 1000");
    let path = format!("{}:{}", folder.path().display(), std::env::var("PATH").unwrap());
    let ask = |name: &str| {
        let config = format!(r#"{{"credsStore":"{name}"}}"#);
        let config = file(folder.path(), "config.json", config.as_bytes());
        let args = ["127.0.0.1:1/a:b", "--identity", "docker", "--auth-file", &config];
        let args = [&args[..], &["--only", "identity", "-o", "json"]].concat();
        let output = program(&args).env("PATH", &path).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(!text.contains("canary"), "{name}: {text}");
        let document: serde_json::Value = serde_json::from_str(&text).unwrap();
        let saw = document["targets"][0]["views"][0]["steps"]
            .as_array()
            .unwrap()
            .iter()
            .find(|s| s["name"] == "identity");
        (
            saw.unwrap()["saw"]["kind"].as_str().unwrap_or_default().to_owned(),
            codes(&document, "causes"),
        )
    };
    assert_eq!(ask("good"), ("password".to_owned(), vec![]));
    assert_eq!(ask("token"), ("refresh-token".to_owned(), vec![]));
    assert_eq!(ask("none"), ("anonymous".to_owned(), vec![]));
    for name in ["broken", "endless", "mute", "not-installed", "../../evil"] {
        assert_eq!(ask(name).1, ["identity/helper-failed"], "{name}");
    }
}

#[test]
fn a_file_of_certificates_that_is_none_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    for (name, content) in
        [("empty", vec![]), ("page", b"<html>".to_vec()), ("huge", vec![b'x'; 10_000_000])]
    {
        let path = file(folder.path(), name, &content);
        let said = run(&["127.0.0.1:1/a:b", "--ca-file", &path]);
        assert_eq!(said.code, Some(2), "{name}");
        assert!(said.err.contains("--ca-file"), "{name}: {}", said.err);
    }
}

#[test]
fn steps_can_be_chosen_and_left_out() {
    let said = run(&["127.0.0.1:1/a:b", "--skip", "tcp", "-o", "json"]);
    assert_eq!(said.code, Some(3), "nothing was proven: {}", said.out);
    assert!(said.out.contains("run/left-out"));
    let said = run(&["127.0.0.1:1/a:b", "--only", "image"]);
    assert_eq!(said.code, Some(3));
    assert_eq!(said.out.lines().filter(|line| line.starts_with("  ✓")).count(), 1);
}

#[test]
fn codes_and_modes_are_explained_without_a_network() {
    let listed = run(&["list"]);
    assert!(listed.out.contains("layer-dns") && listed.out.contains("dns/nxdomain-registry"));
    for line in listed.out.lines().filter(|line| line.contains('/') && line.starts_with("  ")) {
        let code = line.split_whitespace().next().unwrap();
        assert_eq!(run(&["explain", code]).code, Some(0), "{code}");
    }
    let modes = run(&["list", "--modes"]);
    assert_eq!(modes.out.lines().filter(|line| line.starts_with("  ")).count(), 128);
    assert!(run(&["lab", "--list"]).out.contains("data-endpoint-record-missing"));
}
