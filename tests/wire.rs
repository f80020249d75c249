//! Registries as public bug reports describe them: check-acr must read their bytes as containerd and
//! Go read them.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_types,
    reason = "a test that panics has failed, and says where; its servers may block"
)]

mod program;
mod shelf;

use std::{
    io::Result,
    net::TcpStream,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use program::{
    Said, codes, program, run,
    server::{answer, serve_heads},
};
use shelf::{Shelf, ask, ask_as_user, fails, has_header, path, pulls};

/// Asks for a token of this server, unless the request has one.
fn wants_token(head: &str, stream: &mut TcpStream) -> Option<Result<()>> {
    let port = stream.local_addr().unwrap().port();
    if path(head).starts_with("/token") {
        return Some(answer(
            stream,
            "200 OK",
            br#"{"token":"canary-token","access_token":"canary-token"}"#,
        ));
    }
    if has_header(head, "authorization") {
        return None;
    }
    let challenge = format!("Bearer realm=\"http://127.0.0.1:{port}/token\",service=\"x\"");
    Some(answer(stream, &format!("401 No\r\nWWW-Authenticate: {challenge}"), b""))
}

/// Go sends `Authorization` along to the same host name at another port, where a signed URL needs
/// none (containerd#10374).
#[test]
fn the_token_goes_to_the_same_name_at_another_port() {
    let shelf = Shelf::of(&[b"a layer"]);
    let blobs = shelf.clone();
    let store = serve_heads(move |head, stream| {
        if has_header(head, "authorization") {
            let said = b"<Error><Code>InvalidArgument</Code><Message>Only one auth mechanism \
                allowed</Message></Error>";
            return answer(stream, "400 Bad Request", said);
        }
        blobs.serve(head, stream)
    });
    let at = |to: String, shelf: Shelf| {
        move |head: &str, stream: &mut TcpStream| {
            if let Some(asked) = wants_token(head, stream) {
                return asked;
            }
            if path(head).contains("/blobs/") && head.starts_with("GET") {
                let to = format!("307 On\r\nLocation: http://{to}{}?X-Amz-Signature=x", path(head));
                return answer(stream, &to, b"");
            }
            shelf.serve(head, stream)
        }
    };
    let said = ask(at(store.to_string(), shelf.clone()), &[]);
    fails(&said, "layer/authorization-unwanted");
    assert!(said.out.contains("Only one auth mechanism"), "{}", said.out);
    // Another name gets no token.
    let said = ask(at(format!("127.0.0.2:{}", store.port()), shelf), &[]);
    pulls(&said);
}

/// containerd reads one challenge a line, whole URLs, and values in quotes.
#[test]
fn challenges_that_containerd_misreads() {
    let with = |challenge: &'static str| {
        let shelf = Shelf::of(&[b"a layer"]);
        ask(
            move |head, stream| {
                let port = stream.local_addr().unwrap().port().to_string();
                if path(head).starts_with("/token") {
                    return answer(stream, "200 OK", br#"{"token":"t"}"#);
                }
                if has_header(head, "authorization") {
                    return shelf.serve(head, stream);
                }
                let challenge = challenge.replace("PORT", &port);
                answer(stream, &format!("401 No\r\nWWW-Authenticate: {challenge}"), b"")
            },
            &[],
        )
    };
    pulls(&with("Bearer realm=\"http://127.0.0.1:PORT/token\",service=\"x\""));
    pulls(&with(
        "Basic realm=\"x\"\r\nWWW-Authenticate: Bearer realm=\"http://127.0.0.1:PORT/token\"",
    ));
    fails(
        &with("Basic realm=\"x\", Bearer realm=\"http://127.0.0.1:PORT/token\""),
        "registry/challenges-on-one-line",
    );
    fails(&with("Basic realm=\"x\""), "token/anonymous-pull-disabled");
    fails(&with("Bearer realm=http://127.0.0.1:PORT/token,service=x"), "token/realm-unusable");
    fails(&with("Bearer realm=\"/token\",service=\"x\""), "token/realm-unusable");
    fails(&with("Bearer service=\"x\", Basic realm=\"x\""), "registry/challenge-invalid");
}

/// A registry that redirects its whole API to another one, which asks for a sign-in of its own
/// (containerd#5503).
#[test]
fn a_registry_that_redirects_everything() {
    let elsewhere = |missing: bool| {
        let shelf = Shelf::of(&[b"a layer", b"another, longer layer"]);
        move |head: &str, stream: &mut TcpStream| {
            let address = stream.local_addr().unwrap();
            if address.ip().to_string() == "127.0.0.1" && !path(head).starts_with("/token") {
                let to = format!("http://127.0.0.2:{}{}", address.port(), path(head));
                return answer(stream, &format!("307 On\r\nLocation: {to}"), b"");
            }
            if let Some(asked) = wants_token(head, stream) {
                return asked;
            }
            if missing && path(head).ends_with(&shelf.layers[0]) {
                return answer(stream, "404 No\r\nContent-Type: application/json", b"{}");
            }
            shelf.serve(head, stream)
        }
    };
    pulls(&ask(elsewhere(false), &[]));
    // The other layer is the sample.
    fails(&ask(elsewhere(true), &[]), "manifest/blob-unknown");
    // The credentials are for the first host.
    let said = ask_as_user(elsewhere(false));
    assert_eq!(said.code, Some(3), "{}", said.out);
    assert_eq!(codes(&said.json(), "could_not_tell"), ["registry/sign-in-elsewhere"]);
}

/// containerd sends a request six times at most, and counts the 401 that asks for the sign-in
/// (core/remotes/docker/resolver.go, `doWithRetriesInner`).
#[test]
fn a_registry_that_throttles_head() {
    for (times, is_served) in [(4, true), (5, false)] {
        let (shelf, throttled) = (Shelf::of(&[b"a layer"]), Arc::new(AtomicUsize::new(0)));
        let registry = move |head: &str, stream: &mut TcpStream| {
            if let Some(asked) = wants_token(head, stream) {
                return asked;
            }
            if head.starts_with("HEAD") && throttled.fetch_add(1, Ordering::Relaxed) < times {
                return answer(stream, "429 Too Many Requests", b"");
            }
            shelf.serve(head, stream)
        };
        let said = ask(registry, &[]);
        if is_served { pulls(&said) } else { fails(&said, "registry/throttled") }
    }
}

/// containerd asks for a manifest by its digest once: a refusal that another request would not meet ends
/// the pull.
#[test]
fn a_digest_that_is_refused_once() {
    for refusals in [0, 1] {
        let (shelf, asked) = (Shelf::of(&[b"a layer"]), Arc::new(AtomicUsize::new(0)));
        let reference = format!("team/app@{}", shelf.top());
        let registry = move |head: &str, stream: &mut TcpStream| {
            let is_manifest = head.starts_with("GET") && path(head).contains("/manifests/");
            if is_manifest && asked.fetch_add(1, Ordering::Relaxed) < refusals {
                return answer(stream, "403 Forbidden", b"<html>503</html>");
            }
            shelf.serve(head, stream)
        };
        let asked = format!("{}/{reference}", serve_heads(registry));
        let args = [&asked, "--plain-http", "--identity", "anonymous", "-o", "json"];
        let said = run(&[&args[..], &["--platform", "linux/amd64"]].concat());
        if refusals == 0 { pulls(&said) } else { fails(&said, "registry/forbidden") }
    }
}

/// GitHub's registry answers 403 to an expired token, and serves the public image without it.
#[test]
fn a_token_server_that_denies() {
    let with = |is_public: bool| {
        let shelf = Shelf::of(&[b"a layer"]);
        move |head: &str, stream: &mut TcpStream| {
            if head.starts_with("POST") {
                return answer(stream, "404 No", b"");
            }
            let is_anonymous = !has_header(head, "authorization");
            if path(head).starts_with("/token") && !(is_anonymous && is_public) {
                let said = br#"{"errors":[{"code":"DENIED","message":"denied"}]}"#;
                return answer(stream, "403 Forbidden", said);
            }
            if let Some(asked) = wants_token(head, stream) {
                return asked;
            }
            shelf.serve(head, stream)
        }
    };
    fails(&ask_as_user(with(true)), "token/anonymous-blocked-by-bad-creds");
    fails(&ask_as_user(with(false)), "token/credentials-refused");
    fails(&ask(with(false), &[]), "token/anonymous-pull-disabled");
    pulls(&ask(with(true), &[]));
}

/// Refusals that say what is wrong: Amazon's expired password, and any registry's denial.
#[test]
fn refusals_by_their_words() {
    let with = |body: &'static [u8]| {
        ask_as_user(move |head, stream| {
            if has_header(head, "authorization") {
                return answer(stream, "403 Forbidden", body);
            }
            answer(stream, "401 No\r\nWWW-Authenticate: Basic realm=\"x\"", b"")
        })
    };
    fails(
        &with(br#"{"errors":[{"code":"DENIED","message":"Your authorization token has expired. Reauthenticate and try again."}]}"#),
        "registry/password-expired",
    );
    fails(
        &with(br#"{"errors":[{"code":"DENIED","message":"Permission denied on resource (or it may not exist)"}]}"#),
        "registry/denied",
    );
    fails(&with(b"<html>no</html>"), "registry/forbidden");
}

/// A registry that does not accept the token of its own token server.
#[test]
fn a_token_that_was_just_issued() {
    let script = |head: &str, stream: &mut TcpStream| {
        if let Some(asked) = wants_token(head, stream) {
            return asked;
        }
        let port = stream.local_addr().unwrap().port();
        let challenge = format!(
            "Bearer realm=\"http://127.0.0.1:{port}/token\",service=\"x\",error=\"invalid_token\""
        );
        answer(stream, &format!("401 No\r\nWWW-Authenticate: {challenge}"), b"")
    };
    fails(&ask(script, &[]), "token/issued-token-rejected");
    fails(&ask_as_user(script), "token/issued-token-rejected");
}

/// containerd keeps the token server that a registry names first, unless a challenge names an error.
#[test]
fn a_second_token_server() {
    let with = |error: &'static str, accepts_first: bool| {
        let shelf = Shelf::of(&[b"a layer"]);
        let script = move |head: &str, stream: &mut TcpStream| {
            let port = stream.local_addr().unwrap().port();
            let is_blob = path(head).contains("/blobs/");
            for name in ["first", "second"] {
                if path(head).contains(&format!("/{name}?")) {
                    let said = format!(r#"{{"token":"{name}"}}"#);
                    return answer(stream, "200 OK", said.as_bytes());
                }
            }
            let due = if is_blob { "second" } else { "first" };
            let is_first = accepts_first && head.contains("Bearer first");
            if is_first || head.contains(&format!("Bearer {due}")) {
                return shelf.serve(head, stream);
            }
            let realm = format!("Bearer realm=\"http://127.0.0.1:{port}/{due}\",service=\"x\"");
            answer(stream, &format!("401 No\r\nWWW-Authenticate: {realm}{error}"), b"")
        };
        ask(script, &[])
    };
    fails(&with("", false), "token/second-token-server");
    pulls(&with(",error=\"insufficient_scope\"", false));
    pulls(&with("", true));
}

/// A registry that hides what an anonymous client may not see, and never asks for a sign-in.
#[test]
fn an_image_that_is_hidden_without_a_challenge() {
    let shelf = Shelf::of(&[b"a layer"]);
    let script = move |head: &str, stream: &mut TcpStream| {
        if !has_header(head, "authorization") {
            let said = br#"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"unknown"}]}"#;
            let is_head = head.starts_with("HEAD");
            let kind = "404 No\r\nContent-Type: application/json";
            return answer(stream, kind, if is_head { b"" } else { said });
        }
        shelf.serve(head, stream)
    };
    fails(&ask_as_user(script.clone()), "manifest/hidden-without-sign-in");
    fails(&ask(script, &[]), "manifest/image-tag-not-found");
}

/// What S3 and those that speak like it say of a signed URL.
#[test]
fn a_store_that_refuses_a_signed_url() {
    let with = |body: &'static str| {
        let shelf = Shelf::of(&[b"a layer"]);
        ask(
            move |head, stream| {
                let port = stream.local_addr().unwrap().port();
                if path(head).contains("X-Amz-Signature") {
                    return answer(stream, "403 Forbidden", body.as_bytes());
                }
                if path(head).contains("/blobs/") && head.starts_with("GET") {
                    let to = format!("http://127.0.0.2:{port}/b?X-Amz-Signature=x");
                    return answer(stream, &format!("307 On\r\nLocation: {to}"), b"");
                }
                shelf.serve(head, stream)
            },
            &[],
        )
    };
    let said = with(
        "<Error><Code>AccessDenied</Code><Message>Request has expired</Message>\
         <X-Amz-Expires>1200</X-Amz-Expires><Expires>2026-11-27T08:20:00Z</Expires>\
         <ServerTime>2026-11-27T11:00:00Z</ServerTime></Error>",
    );
    fails(&said, "layer/signed-url-expired");
    for time in ["2026-11-27T08:20:00Z", "2026-11-27T11:00:00Z", "Request has expired"] {
        assert!(said.out.contains(time), "{}", said.out);
    }
    let said = with("<Error><Code>RequestTimeTooSkewed</Code><Message>too large</Message></Error>");
    fails(&said, "layer/signed-url-expired");
    let said = with(
        "<Error><Code>SignatureDoesNotMatch</Code><Message>The request signature we calculated \
         does not match</Message><StringToSign>x</StringToSign></Error>",
    );
    fails(&said, "layer/signature-mismatch");
    let said = with("<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>");
    fails(&said, "layer/signer-rejected");
    let said = with("<Error><Code>Strange</Code><Message>no</Message></Error>");
    fails(&said, "layer/blob-refused");
}

/// A refused form is repeated as GET, for a refresh token as for a password.
#[test]
fn a_refresh_token_is_offered_in_both_ways() {
    // {"identitytoken":"canary-refresh"}: the server knows no forms, as containerd expects.
    let address = serve_heads(|head, stream| {
        if path(head).starts_with("/token") {
            if head.starts_with("POST") {
                return answer(stream, "404 No", b"");
            }
            // ":canary-refresh"
            let is_it = head.contains("Basic OmNhbmFyeS1yZWZyZXNo");
            let status = if is_it { "200 OK" } else { "401 No" };
            return answer(stream, status, br#"{"token":"canary-token"}"#);
        }
        if let Some(asked) = wants_token(head, stream) {
            return asked;
        }
        Shelf::of(&[b"a layer"]).serve(head, stream)
    });
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("config.json");
    let entry = r#"{"identitytoken":"canary-refresh"}"#;
    std::fs::write(&config, format!(r#"{{"auths":{{"{address}":{entry}}}}}"#)).unwrap();
    let (asked, config) = (format!("{address}/team/app:v1"), config.to_str().unwrap());
    let said =
        run(&[&asked, "--plain-http", "--identity", "docker", "--auth-file", config, "-o", "json"]);
    pulls(&said);
    assert!(!said.out.contains("canary-refresh"), "{}", said.out);
}

/// docker takes the sign-in from this variable, as in the jobs of GitLab CI (docker/cli#6156).
#[test]
fn the_sign_in_of_a_variable() {
    let address = serve_heads(|head, stream| {
        let wanted = "authorization: Basic dTpjYW5hcnktcGFzc3dvcmQ=";
        if head.contains(wanted) {
            return Shelf::of(&[b"a layer"]).serve(head, stream);
        }
        answer(stream, "401 No\r\nWWW-Authenticate: Basic realm=\"x\"", b"")
    });
    let entry = r#"{"auth":"dTpjYW5hcnktcGFzc3dvcmQ="}"#;
    let config = format!(r#"{{"auths":{{"{address}":{entry}}}}}"#);
    let asked = format!("{address}/team/app:v1");
    let args = [&asked, "--plain-http", "--identity", "docker", "-o", "json"];
    let said = Said::of(program(&args).env("DOCKER_AUTH_CONFIG", config).output().unwrap());
    pulls(&said);
    assert!(!said.out.contains("canary-password"), "{}", said.out);
}
