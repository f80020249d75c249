//! Clusters that answer oddly, and who asks them: as kubectl would.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_types,
    reason = "a test that panics has failed, and says where; its servers may block"
)]

mod program;

use std::{
    io::Write,
    net::{SocketAddr, TcpStream},
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use program::{
    Said, run,
    server::{Script, answer, serve, serve_heads},
};

/// Returns what `why` says of a cluster at that address.
fn why(cluster: SocketAddr, user: &str, more: &[&str]) -> Said {
    look(cluster, user, &[&["why"], more].concat())
}

/// Returns what a command says of a cluster at that address.
fn look(cluster: SocketAddr, user: &str, command: &[&str]) -> Said {
    let folder = tempfile::tempdir().unwrap();
    let text = format!(
        "current-context: c\ncontexts: [{{name: c, context: {{cluster: k, user: u, namespace: shop}}}}]\n\
         clusters: [{{name: k, cluster: {{server: 'http://{cluster}'}}}}]\nusers: [{{name: u, user: {user}}}]"
    );
    let kubeconfig = program::file(folder.path(), "config", text.as_bytes());
    run(&[command, &["--kubeconfig", &kubeconfig]].concat())
}

/// Answers as an API server that has nothing.
fn usual(line: &str, stream: &mut TcpStream) -> std::io::Result<()> {
    let body: &[u8] = match line {
        line if line.contains("/version") => br#"{"gitVersion":"v1.34.4"}"#,
        _ => br#"{"kind":"List","items":[]}"#,
    };
    answer(stream, "200 OK", body)
}

#[test]
fn no_credentials_travel_in_clear() {
    let cluster = serve_heads(|head, stream| {
        if head.to_ascii_lowercase().contains("authorization") {
            return answer(stream, "401 No", b"");
        }
        usual(head.lines().next().unwrap_or_default(), stream)
    });
    for user in ["{token: canary-canary}", "{username: u, password: canary-canary}"] {
        let said = why(cluster, user, &["-vv"]);
        // It is let in, and there is no pod.
        assert_eq!(said.code, Some(3), "{}", said.out);
        assert!(said.out.contains("as system:anonymous"), "{}", said.out);
        assert!(said.out.contains("pod/none-present"), "{}", said.out);
    }
}

#[test]
fn what_a_cluster_says_holds_no_secret() {
    let script: Script = |line, stream| {
        let said = "Error creating: admission webhook \\\"w\\\" denied the request: token=canary-1 \
                    password: canary-2 x-api-key: canary-3 Bearer canary-4-canary \
                    eyJhbGciOiJIUzI1NiJ9.eyJjYW5hcnkiOjF9.canary5 https://u:canary-6@h/?sig=canary-7 \\n\\nnext";
        let event = format!(
            r#"{{"items":[{{"involvedObject":{{"kind":"ReplicaSet","namespace":"shop","name":"web-1","uid":"z"}},"reason":"FailedCreate","message":"{said}"}}]}}"#
        );
        match line {
            line if line.contains("/events") => answer(stream, "200 OK", event.as_bytes()),
            line if line.contains("/replicasets/") => {
                answer(stream, "200 OK", br#"{"spec":{"replicas":1}}"#)
            }
            line => usual(line, stream),
        }
    };
    for format in ["text", "json", "events"] {
        let said = why(serve(script), "{}", &["-vv", "-o", format]);
        let all = said.out + &said.err;
        assert!(!all.contains("canary"), "{all}");
        assert!(all.contains("denied the request") && !all.contains("u{a}"), "{all}");
    }
}

#[test]
fn what_is_no_list_or_does_not_end_is_no_empty_one() {
    for (status, body) in [
        ("200 OK", &b"{}"[..]),
        ("200 OK", br#"{"kind":"Status","status":"Failure","code":500}"#),
        ("200 OK", br#"{"metadata":{"continue":"same"},"items":[]}"#),
        // A proxy speaks, and not of permissions.
        ("403 No", b"<html>blocked</html>"),
    ] {
        let cluster = serve_heads(move |head, stream| {
            let line = head.lines().next().unwrap_or_default();
            if line.contains("/pods") { answer(stream, status, body) } else { usual(line, stream) }
        });
        let said = why(cluster, "{}", &[]);
        assert_eq!(said.code, Some(3), "{}", said.out);
        assert!(said.out.contains("pod/not-listed"), "{}", said.out);
    }
}

#[test]
fn a_body_that_stops_is_bounded_by_the_request_timeout() {
    let script: Script = |line, stream| {
        if !line.contains("/pods") {
            return usual(line, stream);
        }
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{")
    };
    let began = Instant::now();
    let said = why(serve(script), "{}", &["--request-timeout", "1s"]);
    assert_eq!(said.code, Some(3), "{}", said.out);
    assert!(said.out.contains("timed out"), "{}", said.out);
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
}

#[test]
fn lists_without_an_end_are_bounded_by_the_timeout() {
    static PAGES: AtomicUsize = AtomicUsize::new(0);
    let script: Script = |line, stream| {
        if line.contains("/pods") || line.contains("/nodes") {
            let page = PAGES.fetch_add(1, Ordering::Relaxed);
            let body = format!(r#"{{"metadata":{{"continue":"{page}"}},"items":[]}}"#);
            return answer(stream, "200 OK", body.as_bytes());
        }
        if line.contains("accessreviews") {
            return answer(stream, "200 OK", br#"{"status":{"allowed":true}}"#);
        }
        usual(line, stream)
    };
    let cluster = serve(script);
    let began = Instant::now();
    for command in [&["why"][..], &["node", "--all-nodes", "contoso.azurecr.io/app:v1"]] {
        let said = look(cluster, "{}", &[command, &["--timeout", "2s"]].concat());
        assert_eq!(said.code, Some(3), "{}", said.out);
        assert!(said.out.contains("run/time-up"), "{}", said.out);
    }
    assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
}

#[test]
fn dry_runs_that_are_not_answered_share_one_timeout() {
    let script: Script = |line, stream| {
        if line.starts_with("POST") && line.contains("dryRun") {
            return Ok(());
        }
        if line.contains("accessreviews") {
            return answer(stream, "200 OK", br#"{"status":{"allowed":true}}"#);
        }
        usual(line, stream)
    };
    let folder = tempfile::tempdir().unwrap();
    let pod = |number: usize| {
        format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: p{number}}}\n\
             spec: {{containers: [{{name: a, image: 'contoso.azurecr.io/a:v{number}'}}]}}\n---\n"
        )
    };
    let pods: String = (0..12).map(pod).collect();
    let manifests = program::file(folder.path(), "pods.yaml", pods.as_bytes());
    let began = Instant::now();
    let asked = ["why", "-f", &manifests, "--timeout", "2s", "-o", "json"];
    let said = look(serve(script), "{}", &asked);
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    assert_eq!(said.code, Some(3), "{}", said.out);
    // None is passed over in silence.
    for number in 0..12 {
        let named = format!("whether admission takes the pod of pod/p{number} was not seen");
        assert!(said.out.contains(&named), "{number}: {}", said.out);
    }
}

#[test]
fn what_a_look_cannot_use_is_refused() {
    for args in [
        &["node", "a.io/b:1", "--ca-file", "/x"][..],
        &["why", "--ca-file", "/x"],
        &["why", "--auth-file", "/x"],
        &["why", "-f", "/dev/null", "--node-root", "/x"],
        &["why", "--wait", "5m"],
        &["why", "--here", "--wait", "5m"],
        &["why", "--here", "--node-root", "/x"],
    ] {
        let said = run(args);
        assert_eq!(said.code, Some(2), "{args:?}: {}", said.err);
        assert!(said.out.is_empty(), "{args:?}: {}", said.out);
    }
    let said = run(&["why", "--here", "--ca-file", "/no/such/file"]);
    assert!(said.code == Some(2) && said.err.contains("/no/such/file"), "{}", said.err);
    let help = run(&["node", "--help"]).out;
    for hidden in ["--ca-file", "--auth-file <", "--node-root", "--password-stdin", "--wait"] {
        assert!(!help.contains(hidden), "{hidden}");
    }
}

#[test]
fn a_command_names_the_kubeconfig_once() {
    let folder = tempfile::tempdir().unwrap();
    let bad = program::file(folder.path(), "config", b"- not a kubeconfig");
    let said = run(&["why", "--kubeconfig", &bad]);
    assert_eq!(said.out.matches("--kubeconfig").count(), 1, "{}", said.out);
    let expired = "{token: eyJhbGciOiJub25lIn0.eyJleHAiOjE3MDAwMDAwMDB9.c2ln}";
    let text = format!(
        "current-context: c\ncontexts: [{{name: c, context: {{cluster: k, user: u}}}}]\n\
         clusters: [{{name: k, cluster: {{server: 'https://127.0.0.1:1'}}}}]\nusers: [{{name: u, user: {expired}}}]"
    );
    let file = program::file(folder.path(), "expired", text.as_bytes());
    let said = run(&["why", "--kubeconfig", &file]);
    let verify = said.out.lines().find(|line| line.starts_with("verify")).unwrap();
    assert_eq!(verify, format!("verify  check-acr why --kubeconfig {file}"), "{}", said.out);
}
