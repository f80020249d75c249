//! Servers that misbehave as badly as they can: each leads to one clear finding in bounded time,
//! and none of their bytes reach the terminal unsanitized.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_types,
    reason = "a test that panics has failed, and says where; its servers may block"
)]

mod program;
mod shelf;

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

use program::{
    ask::{ask, ask_as, cannot},
    codes, run,
    server::{REGISTRYS, Script, answer, serve},
};

#[test]
fn noise_instead_of_http() {
    cannot(|_, stream| stream.write_all(&[0x80; 1000]), "registry/no-answer");
}

#[test]
fn headers_without_end() {
    let said = ask(|_, stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\n")?;
        let line = b"X-More: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\r\n";
        loop {
            stream.write_all(line)?;
        }
    });
    assert_eq!(said.causes(), ["registry/no-answer"], "{}", said.out);
    assert!(said.out.contains("\"head-over-limit\""), "{}", said.out);
}

#[test]
fn a_hundred_continues_without_end() {
    let said = ask(|_, stream| {
        // Sends many at once, so that the program never has to wait for more.
        let many = b"HTTP/1.1 100 Continue\r\n\r\n".repeat(10_000);
        loop {
            stream.write_all(&many)?;
        }
    });
    assert_eq!(said.causes(), ["registry/no-answer"], "{}", said.out);
    assert!(
        said.out.contains("\"head-over-limit\""),
        "given up for their size, not for the time: {}",
        said.out
    );
}

#[test]
fn an_escape_sequence_in_an_error() {
    let script: Script = |_, stream| {
        let body = b"{\"errors\":[{\"code\":\"NO\\u001b[2J\",\"message\":\"\\u202eback\"}]}";
        answer(stream, "403 Forbidden", body)
    };
    cannot(script, "registry/forbidden");
}

#[test]
fn a_realm_that_is_no_place_for_credentials() {
    cannot(
        |_, stream| {
            let challenge = "Bearer realm=\"file:///etc/passwd\"";
            answer(stream, &format!("401 No\r\nWWW-Authenticate: {challenge}"), b"")
        },
        "token/realm-unusable",
    );
}

#[test]
fn a_redirect_that_wants_our_password() {
    let script: Script = |line, stream| {
        if line.contains("/evil/") {
            return answer(stream, "401 No\r\nWWW-Authenticate: Basic realm=\"yours\"", b"");
        }
        // The same server by another name: for credentials this is another host.
        let port = stream.local_addr()?.port();
        answer(stream, &format!("307 On\r\nLocation: http://127.0.0.2:{port}/evil/"), b"")
    };
    let said = ask_as(r#"{"auth":"dTpjYW5hcnk="}"#, script);
    assert_eq!(said.code, Some(3), "{}", said.out);
    assert_eq!(codes(&said.json(), "could_not_tell"), ["registry/sign-in-elsewhere"]);
    cannot(script, "token/anonymous-pull-disabled");
}

#[test]
fn a_refused_form_whose_words_are_still_on_the_line() {
    // {"auth":"u:canary"}
    let said = ask_as(r#"{"auth":"dTpjYW5hcnk="}"#, |line, stream| {
        if line.starts_with("POST") {
            let chunked =
                b"HTTP/1.1 400 No\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nno\r\n0\r\n\r\n";
            return stream.write_all(chunked);
        }
        if line.starts_with("GET /token") {
            return answer(stream, "200 OK", b"{\"token\":\"canary\"}");
        }
        if line.starts_with("HEAD") {
            let port = stream.local_addr()?.port();
            let challenge = format!("Bearer realm=\"http://127.0.0.1:{port}/token\",service=\"x\"");
            return answer(stream, &format!("401 No\r\nWWW-Authenticate: {challenge}"), b"");
        }
        answer(stream, REGISTRYS, b"")
    });
    assert_eq!(said.causes(), ["manifest/image-tag-not-found"], "{}", said.out);
}

/// Go decodes the answer into typed fields, and the answer to a form has no `token`.
#[test]
fn a_token_that_go_does_not_decode() {
    fn issue(line: &str, stream: &mut TcpStream, posted: &[u8], got: &[u8]) -> std::io::Result<()> {
        if line.starts_with("POST") {
            let status = if posted.is_empty() { "405 No" } else { "200 OK" };
            return answer(stream, status, posted);
        }
        if line.starts_with("GET /token") {
            return answer(stream, "200 OK", got);
        }
        if line.starts_with("HEAD") {
            let port = stream.local_addr()?.port();
            let challenge = format!("Bearer realm=\"http://127.0.0.1:{port}/token\",service=\"x\"");
            return answer(stream, &format!("401 No\r\nWWW-Authenticate: {challenge}"), b"");
        }
        answer(stream, REGISTRYS, b"")
    }
    const GOOD: &[u8] = br#"{"token":"canary","expires_in":300}"#;
    let scripts: [(Script, &str); 4] = [
        (|line, stream| issue(line, stream, b"", GOOD), "manifest/image-tag-not-found"),
        (|line, stream| issue(line, stream, GOOD, GOOD), "token/no-token"),
        (
            |line, stream| issue(line, stream, b"", br#"{"token":"canary","expires_in":"300"}"#),
            "token/no-token",
        ),
        (
            |line, stream| issue(line, stream, b"", br#"{"token":"canary","issued_at":"now"}"#),
            "token/no-token",
        ),
    ];
    for (script, code) in scripts {
        let said = ask_as(r#"{"auth":"dTpjYW5hcnk="}"#, script);
        assert_eq!(said.causes(), [code], "{}", said.out);
    }
}

/// Go follows 307 with the form, and so the redirects of a proxy in front of the token server.
#[test]
fn a_form_is_sent_where_the_same_host_redirects_it() {
    fn issue(line: &str, stream: &mut TcpStream, to: &str) -> std::io::Result<()> {
        let port = stream.local_addr()?.port();
        if line.starts_with("POST /token?tenant=x") {
            let to = format!("307 On\r\nLocation: http://{to}:{port}/token/");
            return answer(stream, &to, b"");
        }
        if line.starts_with("POST /token/ ") {
            return answer(stream, "200 OK", br#"{"access_token":"canary"}"#);
        }
        if line.starts_with("HEAD") {
            let realm = format!("http://127.0.0.1:{port}/token?tenant=x");
            let challenge = format!("Bearer realm=\"{realm}\",service=\"x\"");
            return answer(stream, &format!("401 No\r\nWWW-Authenticate: {challenge}"), b"");
        }
        answer(stream, REGISTRYS, b"")
    }
    let entry = r#"{"auth":"dTpjYW5hcnk="}"#;
    let said = ask_as(entry, |line, stream| issue(line, stream, "127.0.0.1"));
    assert_eq!(said.causes(), ["manifest/image-tag-not-found"], "{}", said.out);
    // The form holds the password: it goes to no other host.
    let said = ask_as(entry, |line, stream| issue(line, stream, "127.0.0.2"));
    assert_eq!(codes(&said.json(), "could_not_tell"), ["token/realm-not-safe"], "{}", said.out);
}

#[test]
fn a_server_that_sends_back_what_it_was_sent() {
    // {"auth":"u:canary-password"}: the server refuses it with a message that contains it, both
    // decoded and encoded.
    let said = ask_as(r#"{"auth":"dTpjYW5hcnktcGFzc3dvcmQ="}"#, |line, stream| {
        let body = b"{\"errors\":[{\"code\":\"X\",\"message\":\"canary-password dTpjYW5hcnktcGFzc3dvcmQ=\"}]}";
        if line.starts_with("HEAD") {
            return answer(stream, "401 No\r\nWWW-Authenticate: Basic realm=\"x\"", b"");
        }
        answer(stream, "401 No", body)
    });
    assert_eq!(said.causes(), ["token/credentials-refused"], "{}", said.out);
    assert!(!said.out.contains("dTpjYW5h"), "{}", said.out);
}

#[test]
fn a_server_that_hangs_up_twice_and_then_answers() {
    static ASKED: AtomicUsize = AtomicUsize::new(0);
    let said = ask(|_, stream| {
        if ASKED.fetch_add(1, Ordering::Relaxed) < 2 {
            return Err(std::io::ErrorKind::ConnectionAborted.into());
        }
        answer(stream, REGISTRYS, b"")
    });
    assert_eq!(said.causes(), ["manifest/image-tag-not-found"], "{}", said.out);
    assert!(
        codes(&said.json(), "warnings").contains(&"registry/unsteady".to_owned()),
        "{}",
        said.out
    );
}

/// containerd asks for a token twice: for the tag, and for the content.
#[test]
fn a_token_server_that_answers_once() {
    static ASKED: AtomicUsize = AtomicUsize::new(0);
    let shelf = shelf::Shelf::of(&[b"a layer"]);
    let said = shelf::ask(
        move |head, stream| {
            if head.starts_with("GET /token") {
                let is_first = ASKED.fetch_add(1, Ordering::Relaxed) == 0;
                let status = if is_first { "200 OK" } else { "503 No" };
                return answer(stream, status, b"{\"token\":\"canary\"}");
            }
            if head.contains("Bearer canary") {
                return shelf.serve(head, stream);
            }
            let port = stream.local_addr()?.port();
            let challenge = format!("Bearer realm=\"http://127.0.0.1:{port}/token\",service=\"x\"");
            answer(stream, &format!("401 No\r\nWWW-Authenticate: {challenge}"), b"")
        },
        &[],
    );
    shelf::fails(&said, "registry/outage");
}

/// Go repeats no POST on another connection.
#[test]
fn a_token_server_that_hangs_up_once() {
    static ASKED: AtomicUsize = AtomicUsize::new(0);
    let said = ask_as(r#"{"auth":"dTpjYW5hcnk="}"#, |line, stream| {
        if line.starts_with("POST /token") {
            if ASKED.fetch_add(1, Ordering::Relaxed) == 0 {
                return Err(std::io::ErrorKind::ConnectionAborted.into());
            }
            return answer(stream, "200 OK", b"{\"access_token\":\"canary\"}");
        }
        let port = stream.local_addr()?.port();
        let challenge = format!("Bearer realm=\"http://127.0.0.1:{port}/token\",service=\"x\"");
        answer(stream, &format!("401 No\r\nWWW-Authenticate: {challenge}"), b"")
    });
    assert_eq!(ASKED.load(Ordering::Relaxed), 2);
    assert!(
        codes(&said.json(), "warnings").contains(&"registry/unsteady".to_owned()),
        "{}",
        said.out
    );
}

#[test]
fn a_token_for_nobody_that_is_good_for_nothing() {
    // {"auth":"u:canary"}: refused. An anonymous client gets no token, and the server does not
    // serve it the image.
    static ASKED: AtomicUsize = AtomicUsize::new(0);
    let said = ask_as(r#"{"auth":"dTpjYW5hcnk="}"#, |line, stream| {
        if line.starts_with("GET /token") && ASKED.fetch_add(1, Ordering::Relaxed) > 0 {
            return answer(stream, "200 OK", b"{\"token\":\"canary\"}");
        }
        let port = stream.local_addr()?.port();
        let challenge = format!("Bearer realm=\"http://127.0.0.1:{port}/token\",service=\"x\"");
        answer(stream, &format!("401 No\r\nWWW-Authenticate: {challenge}"), b"")
    });
    assert_eq!(said.causes(), ["token/credentials-refused"], "{}", said.out);
    // With the password; as an anonymous client, whose token is kept although the registry asks again.
    assert_eq!(ASKED.load(Ordering::Relaxed), 2);
}

#[test]
fn a_token_where_a_password_is_wanted() {
    let said = ask_as(r#"{"identitytoken":"canary"}"#, |_, stream| {
        answer(stream, "401 No\r\nWWW-Authenticate: Basic realm=\"x\"", b"")
    });
    assert_eq!(said.causes(), ["token/credentials-do-not-fit"], "{}", said.out);
}

#[test]
fn tls_of_another_age() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, mut buffer) = (stream.unwrap(), [0; 4096]);
            if let Ok(1..) = stream.read(&mut buffer) {
                // A ServerHello of TLS 1.1, all zeros but for the cipher suite.
                let mut hello = vec![0x16, 3, 2, 0, 42, 2, 0, 0, 38, 3, 2];
                hello.extend([0; 32]);
                hello.extend([0, 0xc0, 0x13, 0]);
                // The client closes the connection, whether it accepts the hello or not.
                let _ = stream.write_all(&hello).and_then(|()| stream.read(&mut buffer));
            }
        }
    });
    let said = run(&[&format!("{address}/team/app:v1"), "-o", "json"]);
    assert_eq!(said.code, Some(3), "{}", said.out);
    assert_eq!(codes(&said.json(), "could_not_tell"), ["tls/incompatible"]);
}

#[test]
fn a_web_server_that_knows_nothing_of_images() {
    cannot(
        |_, stream| answer(stream, "404 Not Found\r\nContent-Type: text/html", b"<html>no</html>"),
        "registry/challenge-invalid",
    );
}

#[test]
fn a_challenge_of_sixty_thousand_letters() {
    cannot(
        |_, stream| {
            let long = "x".repeat(60_000);
            answer(stream, &format!("401 No\r\nWWW-Authenticate: Digest realm=\"{long}\""), b"")
        },
        "registry/challenge-invalid",
    );
}

#[test]
fn a_redirect_to_ever_new_places() {
    cannot(
        |line, stream| {
            let path = line.split(' ').nth(1).unwrap_or_default();
            answer(stream, &format!("307 On\r\nLocation: {path}x"), b"")
        },
        "registry/redirect-loop",
    );
}

/// Go's client stops at the tenth redirect (net/http, `defaultCheckRedirect`).
#[test]
fn nine_redirects_are_followed_and_ten_are_not() {
    fn after(most: usize, line: &str, stream: &mut TcpStream) -> std::io::Result<()> {
        let path = line.split(' ').nth(1).unwrap_or_default();
        if path.matches("/on").count() < most {
            return answer(stream, &format!("307 On\r\nLocation: {path}/on"), b"");
        }
        answer(stream, REGISTRYS, b"")
    }
    cannot(|line, stream| after(9, line, stream), "manifest/image-tag-not-found");
    cannot(|line, stream| after(10, line, stream), "registry/redirect-loop");
}

#[test]
fn a_redirect_to_nowhere() {
    let said = ask(|_, stream| answer(stream, "307 On\r\nLocation: http://u:p@[?sig=x", b""));
    assert_eq!(said.causes(), ["registry/redirect-unusable"], "{}", said.out);
    assert!(
        said.out.contains("http://***@[?***") || said.out.contains("***@[?***"),
        "{}",
        said.out
    );
}

#[test]
fn this_machine_may_speak_plain_http() {
    let address = serve(|_, stream| answer(stream, REGISTRYS, b""));
    let said = run(&[&format!("{address}/team/app:v1"), "--plain-http", "-o", "json"]);
    assert!(said.out.contains("tls/plain-http"), "{}", said.out);
    assert_eq!(said.causes(), ["manifest/image-tag-not-found"]);
}

#[test]
fn this_machine_is_asked_over_tls_first() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut buffer = [0; 4096];
            // Any first message, a TLS hello or a request, gets a plain HTTP response.
            while let Ok(1..) = stream.read(&mut buffer) {
                if answer(&mut stream, REGISTRYS, b"").is_err() {
                    break;
                }
            }
        }
    });
    let said = run(&[&format!("{address}/team/app:v1"), "-o", "json"]);
    assert!(said.out.contains("tls/plain-http-here"), "{}", said.out);
    assert_eq!(said.causes(), ["manifest/image-tag-not-found"]);
}
