//! Servers that do their worst: one clear finding each, in bounded time, and nothing of theirs
//! reaches the terminal as it came.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_types,
    reason = "a test that panics has failed, and says where; its servers may block"
)]

mod program;

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    thread,
};

use program::{Said, run};

/// What a server does with a request: it gets the first line and writes what it likes.
type Script = fn(&str, &mut TcpStream) -> std::io::Result<()>;

/// Serves on loopback for as long as the test runs.
fn serve(script: Script) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            thread::spawn(move || {
                let mut stream = stream.unwrap();
                let (mut request, mut buffer) = (vec![], [0; 4096]);
                // The client hangs up when it has had enough: that ends the conversation.
                while let Ok(read @ 1..) = stream.read(&mut buffer) {
                    request.extend_from_slice(&buffer[..read]);
                    if request.windows(4).any(|end| end == b"\r\n\r\n") {
                        let line = String::from_utf8_lossy(&request)
                            .lines()
                            .next()
                            .unwrap_or_default()
                            .to_owned();
                        request.clear();
                        if script(&line, &mut stream).is_err() {
                            return;
                        }
                    }
                }
            });
        }
    });
    address
}

fn ask(script: Script) -> Said {
    let asked = format!("{}/team/app:v1", serve(script));
    let began = std::time::Instant::now();
    let said =
        run(&[&asked, "--plain-http", "--timeout", "30s", "-o", "json", "--as", "anonymous"]);
    assert!(began.elapsed().as_secs() < 40, "it hangs");
    assert!(!said.out.contains('\u{1b}') && said.out.len() < 200_000, "{}", said.out);
    assert_eq!(said.err, "");
    said
}

fn answer(stream: &mut TcpStream, head: &str, body: &[u8]) -> std::io::Result<()> {
    write!(stream, "HTTP/1.1 {head}\r\nContent-Length: {}\r\n\r\n", body.len())?;
    stream.write_all(body)
}

#[track_caller]
fn cannot(script: Script, code: &str) {
    let said = ask(script);
    assert_eq!((said.code, said.causes()), (Some(1), vec![code.to_owned()]), "{}", said.out);
}

const REGISTRYS: &str = "404 No\r\nDocker-Distribution-Api-Version: registry/2.0";
const MANIFEST: &str = "200 OK\r\nContent-Type: application/vnd.oci.image.manifest.v1+json";

#[test]
fn noise_instead_of_http() {
    cannot(|_, stream| stream.write_all(&[0x80; 1000]), "registry/no-answer");
}

#[test]
fn headers_without_end() {
    cannot(
        |_, stream| {
            stream.write_all(b"HTTP/1.1 200 OK\r\n")?;
            loop {
                stream.write_all(
                    b"X-More: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\r\n",
                )?;
            }
        },
        "registry/no-answer",
    );
}

#[test]
fn a_hundred_continues_without_end() {
    cannot(
        |_, stream| loop {
            stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
        },
        "registry/no-answer",
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
            answer(stream, "401 No\r\nWWW-Authenticate: Bearer realm=\"file:///etc/passwd\"", b"")
        },
        "token/realm-not-safe",
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
fn json_that_is_a_thousand_levels_deep() {
    cannot(
        |line, stream| {
            let body = "[".repeat(100_000);
            answer(stream, MANIFEST, if line.starts_with("HEAD") { b"" } else { body.as_bytes() })
        },
        "manifest/not-a-manifest",
    );
}

#[test]
fn a_manifest_that_claims_to_be_enormous() {
    cannot(
        |line, stream| {
            if line.starts_with("HEAD") {
                return answer(stream, MANIFEST, b"");
            }
            write!(stream, "HTTP/1.1 {MANIFEST}\r\nContent-Length: 99999999999\r\n\r\n")?;
            loop {
                stream.write_all(&[b'x'; 4096])?;
            }
        },
        "manifest/unreadable",
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

#[test]
fn a_redirect_to_nowhere() {
    cannot(|_, stream| answer(stream, "307 On\r\nLocation: http://[", b""), "registry/unexpected");
}

#[test]
fn a_layer_that_is_longer_than_it_says() {
    cannot(
        |line, stream| {
            let digest = format!("sha256:{}", "0".repeat(64));
            let manifest = format!(
                r#"{{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{{"mediaType":"x","digest":"{digest}","size":2}},"layers":[]}}"#
            );
            if line.contains("/blobs/") {
                stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n")?;
                loop {
                    stream.write_all(&[b'x'; 4096])?;
                }
            }
            answer(
                stream,
                MANIFEST,
                if line.starts_with("HEAD") { b"" } else { manifest.as_bytes() },
            )
        },
        "layer/blob-digest-mismatch",
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
            // Whatever comes first, a hello or a request, is answered in plain HTTP.
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
