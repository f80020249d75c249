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
    net::TcpListener,
    thread,
};

use program::{
    Said, codes, run,
    server::{MANIFEST, REGISTRYS, Script, answer, serve},
};

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

#[track_caller]
fn cannot(script: Script, code: &str) {
    let said = ask(script);
    assert_eq!((said.code, said.causes()), (Some(1), vec![code.to_owned()]), "{}", said.out);
}

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
    let said = ask(|_, stream| {
        answer(stream, "401 No\r\nWWW-Authenticate: Bearer realm=\"file:///etc/passwd\"", b"")
    });
    assert_eq!(said.code, Some(3));
    assert_eq!(codes(&said.json(), "unknown"), ["token/realm-not-safe"]);
}

#[test]
fn a_redirect_to_whoever_wants_our_password() {
    let said = ask(|line, stream| {
        if line.contains("/evil/") {
            return answer(stream, "401 No\r\nWWW-Authenticate: Basic realm=\"yours\"", b"");
        }
        // The same server by another name: another host, as far as credentials go.
        let port = stream.local_addr()?.port();
        answer(stream, &format!("307 On\r\nLocation: http://127.0.0.2:{port}/evil/"), b"")
    });
    assert_eq!(said.code, Some(3), "{}", said.out);
    assert_eq!(codes(&said.json(), "unknown"), ["registry/sign-in-elsewhere"]);
}

/// Signs in with that docker config entry.
fn ask_as(entry: &str, script: Script) -> Said {
    let address = serve(script);
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("config.json");
    std::fs::write(&config, format!(r#"{{"auths":{{"{address}":{entry}}}}}"#)).unwrap();
    let config = config.to_str().unwrap();
    let asked = format!("{address}/team/app:v1");
    let said = run(&[&asked, "--plain-http", "--auth-file", config, "-o", "json"]);
    assert!(!said.out.contains("canary"), "{}", said.out);
    said
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

#[test]
fn a_server_that_sends_back_what_it_was_sent() {
    // {"auth":"u:canary-password"}: refused in words that hold it, plain and as it came.
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
                // Whether it is taken or not, the client ends this.
                let _ = stream.write_all(&hello).and_then(|()| stream.read(&mut buffer));
            }
        }
    });
    let said = run(&[&format!("{address}/team/app:v1"), "-o", "json"]);
    assert_eq!(said.code, Some(3), "{}", said.out);
    assert_eq!(codes(&said.json(), "unknown"), ["tls/incompatible"]);
}

#[test]
fn an_image_without_layers_is_its_config() {
    let said = ask(|line, stream| {
        let config = r#"{"rootfs":{"diff_ids":[]}}"#;
        let digest = "sha256:1af042414ee4ede82dfd34a3741d6a3de03264be0511e5fec59a7b15ad6cf625";
        let manifest = format!(
            r#"{{"schemaVersion":2,"config":{{"digest":"{digest}","size":{}}},"layers":[]}}"#,
            config.len()
        );
        if line.contains("/blobs/") {
            return answer(stream, "200 OK", config.as_bytes());
        }
        answer(stream, MANIFEST, if line.starts_with("HEAD") { b"" } else { manifest.as_bytes() })
    });
    let headline = said.json()["verdict"]["headline"].clone();
    assert_eq!(said.code, Some(0), "{}", said.out);
    assert!(headline.as_str().unwrap().contains("the image has no layers"), "{headline}");
}

#[test]
fn a_config_that_describes_other_layers() {
    cannot(
        |line, stream| {
            let (config, layer) = (
                r#"{"rootfs":{"diff_ids":[]}}"#,
                r#"{"mediaType":"application/vnd.oci.image.layer.v1.tar","digest":"sha256:x","size":2}"#,
            );
            let digest = "sha256:1af042414ee4ede82dfd34a3741d6a3de03264be0511e5fec59a7b15ad6cf625";
            let manifest = format!(
                r#"{{"config":{{"digest":"{digest}","size":{}}},"layers":[{layer}]}}"#,
                config.len()
            );
            if line.contains("/blobs/") {
                return answer(stream, "200 OK", config.as_bytes());
            }
            answer(
                stream,
                MANIFEST,
                if line.starts_with("HEAD") { b"" } else { manifest.as_bytes() },
            )
        },
        "layer/not-an-image",
    );
}

#[test]
fn an_index_in_an_index() {
    let said = ask(|line, stream| {
        let index = "application/vnd.oci.image.index.v1+json";
        let entry = |digest: &str, size: usize| {
            format!(
                r#"{{"manifests":[{{"mediaType":"{index}","digest":"{digest}","size":{size}}}]}}"#
            )
        };
        let inner = entry("sha256:x", 1);
        let body = if line.contains("sha256:") {
            inner
        } else {
            entry(
                "sha256:c41a31f44ee757e2fb67e993817551c6c8d539ba765d35749343ebe65070147b",
                inner.len(),
            )
        };
        let head = format!("200 OK\r\nContent-Type: {index}");
        answer(stream, &head, if line.starts_with("HEAD") { b"" } else { body.as_bytes() })
    });
    assert_eq!(said.code, Some(3), "{}", said.out);
    assert_eq!(codes(&said.json(), "unknown"), ["manifest/index-in-index"]);
}

#[test]
fn layers_that_are_elsewhere() {
    let said = ask(|line, stream| {
        let digest = format!("sha256:{}", "0".repeat(64));
        let layer = format!(
            r#"{{"mediaType":"application/vnd.oci.image.layer.v1.tar","digest":"{digest}","size":2,"urls":["https://a.example/"]}}"#
        );
        let manifest = format!(
            r#"{{"schemaVersion":2,"config":{{"mediaType":"x","digest":"{digest}","size":2}},"layers":[{layer}]}}"#
        );
        answer(stream, MANIFEST, if line.starts_with("HEAD") { b"" } else { manifest.as_bytes() })
    });
    assert_eq!(said.code, Some(3), "{}", said.out);
    assert_eq!(codes(&said.json(), "unknown"), ["manifest/foreign-layers"]);
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
