//! HTTP as Go's client reads and writes it: what it takes and what it refuses decides whether an image
//! can be pulled.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_types,
    reason = "a test that panics has failed, and says where; its servers may block"
)]

mod program;
mod shelf;

use std::{
    io::{Read, Result, Write},
    net::{TcpListener, TcpStream},
    thread,
    time::Instant,
};

use program::{
    Said, codes, run,
    server::{self, answer},
};
use shelf::{Shelf, ask, fails, path, pulls};

const TEXT: &[u8; 43] = b"the bytes of a layer, and some more of them";
/// The archive with that text.
const BYTES: &[u8] = &{
    let (mut bytes, mut at) = ([0; 1024 + TEXT.len()], 0);
    while at < TEXT.len() {
        bytes[1024 + at] = TEXT[at];
        at += 1;
    }
    bytes
};

/// Asserts that it could not be told, and why.
fn could_not_tell(said: &Said, code: &str) {
    assert_eq!(said.code, Some(3), "{}", said.out);
    assert_eq!(codes(&said.json(), "could_not_tell"), [code], "{}", said.out);
}

/// Checks an image whose layer is served by that script.
fn layer(
    script: impl Fn(&str, &mut TcpStream) -> Result<()> + Clone + Send + 'static,
    more: &[&str],
) -> Said {
    let shelf = Shelf::of(&[TEXT]);
    ask(
        move |head, stream| {
            let is_layer = path(head).ends_with(&shelf.layers[0]) && head.starts_with("GET");
            if is_layer { script(head, stream) } else { shelf.serve(head, stream) }
        },
        more,
    )
}

/// Checks an image whose layer is served in these bytes, after which the connection ends. A request for
/// a part of it is answered with the rest.
fn served(response: Vec<u8>) -> Said {
    served_to(&[], response)
}

/// The same for a program with more options.
fn served_to(more: &[&str], response: Vec<u8>) -> Said {
    let script = move |head: &str, stream: &mut TcpStream| {
        let from = head.lines().find_map(|line| line.strip_prefix("range: bytes="));
        if let Some(from) = from.and_then(|from| from.trim_end_matches('-').parse::<usize>().ok()) {
            let range = format!("Content-Range: bytes {from}-{}/{}", BYTES.len() - 1, BYTES.len());
            return answer(stream, &format!("206 Part\r\n{range}"), &BYTES[from..]);
        }
        stream.write_all(&response)?;
        Err(std::io::ErrorKind::ConnectionAborted.into())
    };
    layer(script, more)
}

/// Returns a response with these headers and this body.
fn response(head: &str, body: &[u8]) -> Vec<u8> {
    [format!("HTTP/1.1 200 OK\r\n{head}\r\n\r\n").as_bytes(), body].concat()
}

fn chunked(end: &str) -> Vec<u8> {
    let size = format!("{:x}\r\n", BYTES.len());
    let body = [size.as_bytes(), BYTES, b"\r\n", end.as_bytes()].concat();
    response("Transfer-Encoding: chunked", &body)
}

/// What a response says of its length, and how its body ends (net/http, `readTransfer`).
#[test]
fn lengths_and_ends_as_go_reads_them() {
    let length = BYTES.len();
    pulls(&served(response(
        &format!("Content-Length: {length}\r\nContent-Length: {length}"),
        BYTES,
    )));
    pulls(&served(response("X: y", BYTES)));
    pulls(&served(chunked("0\r\n\r\n")));
    // There is nothing to resume behind the last byte.
    pulls(&served(chunked("")));
    for head in [
        "Transfer-Encoding: identity".to_owned(),
        "Transfer-Encoding: gzip, chunked".to_owned(),
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked".to_owned(),
        format!("Content-Length: {length}, {length}"),
        format!("Content-Length: +{length}"),
    ] {
        fails(&served(response(&head, BYTES)), "registry/no-answer");
    }
    for end in ["zz\r\n", "0\r\ngarbage without a colon\r\n\r\n"] {
        fails(&served(chunked(end)), "layer/blob-unexpected-eof");
    }
}

/// What stands before the headers, and names of headers that nobody asks for (net/http, `ReadResponse`;
/// net/textproto, `ReadMIMEHeader`).
#[test]
fn heads_as_go_reads_them() {
    let length = BYTES.len();
    let whole = |first: &str, rest: &str| {
        let head = format!("{first}\r\nContent-Length: 000{length}{rest}\r\n\r\n");
        served([head.as_bytes(), BYTES].concat())
    };
    pulls(&whole(&format!("{}HTTP/1.1 200 OK", "HTTP/1.1 103 Hint\r\n\r\n".repeat(6)), ""));
    pulls(&whole("HTTP/1.1  200 O\u{1}K", "\r\nBad Name: x\r\nContent-Encoding : odd"));
    for first in ["\r\nHTTP/1.1 200 OK", "HTTP/1.1\t200 OK", "http/1.1 200 OK"] {
        fails(&whole(first, ""), "registry/no-answer");
    }
    fails(&whole("HTTP/1.1 200 OK", "\r\n: x"), "registry/no-answer");
    for status in ["000", "099", "+20"] {
        could_not_tell(&whole(&format!("HTTP/1.1 {status} OK"), ""), "registry/not-replayed");
    }
}

/// A connection carries one response after the other.
#[test]
fn every_head_of_a_connection() {
    let shelf = Shelf::of(&[TEXT, b"another layer"]);
    let said = ask(
        move |head, stream| {
            stream.write_all(&b"HTTP/1.9  103 \x01\r\nA B : c\r\n\r\n".repeat(9))?;
            shelf.serve(head, stream)
        },
        &[],
    );
    pulls(&said);
}

/// An encoded body that ends early is resumed where its content ends, which may be behind the last byte
/// (core/remotes/docker/httpreadseeker.go).
#[test]
fn an_encoded_body_that_is_cut() {
    let mut encoder = flate2::write::GzEncoder::new(vec![], flate2::Compression::fast());
    encoder.write_all(BYTES).unwrap();
    let gzip = encoder.finish().unwrap();
    // Two blocks: of one that is cut nothing comes out.
    let (first, second) = BYTES.split_at(1050);
    let mut encoder = zstd::Encoder::new(vec![], 1).unwrap();
    encoder.write_all(first).unwrap();
    encoder.flush().unwrap();
    encoder.write_all(second).unwrap();
    let zstd = encoder.finish().unwrap();
    let with = |encoding: &str, body: &[u8], length: usize| {
        served(response(&format!("Content-Encoding: {encoding}\r\nContent-Length: {length}"), body))
    };
    pulls(&with("gzip", &gzip, gzip.len()));
    pulls(&with("gzip", &gzip, 999_999));
    let cut = gzip.len() - 8;
    pulls(&with("gzip", &gzip[..cut], cut));
    pulls(&with("gzip", &gzip[..cut - 20], cut));
    pulls(&with("gzip", &gzip[..cut - 20], cut - 20));
    let mut wrong = gzip.clone();
    wrong[cut] ^= 1;
    fails(&with("gzip", &wrong, wrong.len()), "layer/blob-unexpected-eof");
    let cut = &zstd[..zstd.len() - 9];
    let head = format!("Content-Encoding: zstd\r\nContent-Length: {}", cut.len());
    pulls(&served_to(&["--containerd", "2.2.9"], response(&head, cut)));
}

/// Where this program reads less than Go, or takes less, it does not blame the server.
#[test]
fn more_than_this_program_reads() {
    let length = format!("Content-Length: {}", BYTES.len());
    let many = format!("{length}{}", "\r\nX-Many: yes".repeat(5000));
    pulls(&served(response(&many, BYTES)));
    let long = format!("{length}\r\nX-Long: {}", "y".repeat(600 << 10));
    pulls(&served(response(&long, BYTES)));
    let more = format!("{length}{}", "\r\nX-Many: yes".repeat(30_000));
    could_not_tell(&served(response(&more, BYTES)), "registry/not-replayed");
    for version in ["HTTP/1.2", "HTTP/2.0"] {
        let later = String::from_utf8(response(&length, BYTES)).unwrap();
        pulls(&served(later.replace("HTTP/1.1", version).into_bytes()));
    }
    let token = |head: &str, stream: &mut TcpStream| {
        if path(head).starts_with("/token") {
            let token = format!(r#"{{"x":"{}","token":"t"}}"#, "y".repeat(1 << 20));
            return answer(stream, "200 OK", token.as_bytes());
        }
        let port = stream.local_addr().unwrap().port();
        let challenge = format!("Bearer realm=\"http://127.0.0.1:{port}/token\",service=\"x\"");
        answer(stream, &format!("401 No\r\nWWW-Authenticate: {challenge}"), b"")
    };
    could_not_tell(&ask(token, &[]), "registry/not-replayed");
}

/// Go keeps a path and a query as they are written, which a signature may depend on, and takes no other
/// spelling of an address for one (net/url).
#[test]
fn locations_as_go_reads_them() {
    let to = |location: &'static str, wanted: &'static str, name: &'static str| {
        let shelf = Shelf::of(&[TEXT]);
        ask(
            move |head, stream| {
                let port = stream.local_addr().unwrap().port().to_string();
                if path(head) == wanted {
                    let host = format!("host: {}", name.replace("PORT", &port));
                    assert!(head.lines().any(|line| line == host), "{head}");
                    return answer(stream, "200 OK", BYTES);
                }
                if path(head).ends_with(&shelf.layers[0]) && head.starts_with("GET") {
                    let to = location.replace("STORE", "127.0.0.2:PORT").replace("PORT", &port);
                    return answer(stream, &format!("307 On\r\nLocation: {to}"), b"");
                }
                shelf.serve(head, stream)
            },
            &[],
        )
    };
    let with = |location, wanted| to(location, wanted, "127.0.0.2:PORT");
    pulls(&with("http://STORE/x/%2e%2e/y?a='b'&c={d}|e^f`", "/x/%2e%2e/y?a='b'&c={d}|e^f`"));
    pulls(&with("//STORE/x/../y(z)", "/y(z)"));
    pulls(&with("http://STORE/%2fy{", "//y%7B"));
    // `Host` is what the location says, which a signature may depend on as well.
    for (location, name) in [
        ("http://LOCALHOST:PORT/y", "LOCALHOST:PORT"),
        ("http://127.0.0.2:0PORT/y", "127.0.0.2:0PORT"),
    ] {
        pulls(&to(location, "/y", name));
    }
    // This program has no way to send these as Go does.
    for location in ["http://STORE/y?a=\"b\"", "http://STORE/y?a b"] {
        could_not_tell(&with(location, "/y"), "registry/not-replayed");
    }
    for location in [
        "http://STORE/\tx",
        "http://127.0.0.%32/x",
        "http:\\\\STORE\\x",
        "/x%zz",
        "/x#%zz",
        "https:/STORE/x",
    ] {
        fails(&with(location, "/x"), "registry/redirect-unusable");
    }
    for location in ["STORE/x", "ftp://STORE/x", "http://127.0.0.2:99999/x", "http://a!b/x"] {
        fails(&with(location, "/x"), "registry/redirect-unusable");
    }
    could_not_tell(&with("http://[fe80::1%25lo]/x", "/x"), "registry/not-replayed");
}

/// containerd asks for content by its digest with the media type that names it (core/remotes/docker,
/// `fetcher.go`).
#[test]
fn what_is_accepted_for_content() {
    let shelf = Shelf::of(&[TEXT]).indexed();
    let said = ask(
        move |head, stream| {
            let is_layer = path(head).ends_with(&shelf.layers[0]);
            let kind = match path(head) {
                blob if blob.contains("/blobs/") && is_layer => "layer.v1.tar",
                blob if blob.contains("/blobs/") => "config.v1+json",
                top if top.ends_with(shelf.top()) => "index.v1+json",
                child if child.contains("sha256:") => "manifest.v1+json",
                _ => return shelf.serve(head, stream),
            };
            let wanted = format!("accept: application/vnd.oci.image.{kind}, */*");
            let is_asked = head.lines().any(|line| line == wanted);
            if is_asked { shelf.serve(head, stream) } else { answer(stream, "406 No", b"") }
        },
        &[],
    );
    pulls(&said);
}

/// What containerd never asks for holds up no verdict.
#[test]
fn probes_that_are_never_answered() {
    let shelf = Shelf::of(&[TEXT, b"another layer", b"a third layer"]);
    let began = Instant::now();
    let said = ask(
        move |head, stream| {
            let is_blob = path(head).contains("/blobs/") && head.starts_with("HEAD");
            let is_tag = path(head).ends_with("/v1") && head.starts_with("GET");
            if is_blob || is_tag {
                // The client hangs up.
                stream.read_exact(&mut [0]).ok();
                return Ok(());
            }
            shelf.serve(head, stream)
        },
        &["--timeout", "60s"],
    );
    pulls(&said);
    assert!(began.elapsed().as_secs() < 15, "{:?}", began.elapsed());
    assert!(!said.out.contains("\"present\""), "{}", said.out);
}

/// A firewall that lets containerd through and nobody else.
#[test]
fn a_firewall_that_goes_by_the_user_agent() {
    let shelf = Shelf::of(&[TEXT, b"another layer"]);
    let said = ask(
        move |head, stream| {
            if head.lines().any(|line| line.starts_with("user-agent: containerd/")) {
                return shelf.serve(head, stream);
            }
            answer(stream, "403 Forbidden", b"<html>no</html>")
        },
        &[],
    );
    pulls(&said);
    assert!(said.out.contains("registry/user-agent-refused"), "{}", said.out);
    assert!(said.out.contains("containerd/v"), "{}", said.out);
}

/// A manifest that never ends: containerd takes none above its limit by a tag, whether it ends or not.
#[test]
fn a_manifest_without_end() {
    let said = ask(
        |head, stream| {
            let kind = "Content-Type: application/vnd.oci.image.manifest.v1+json";
            write!(stream, "HTTP/1.1 200 OK\r\n{kind}\r\nTransfer-Encoding: chunked\r\n\r\n")?;
            let chunk = format!("10000\r\n{}\r\n", " ".repeat(0x10000));
            while head.starts_with("GET") {
                stream.write_all(chunk.as_bytes())?;
            }
            Ok(())
        },
        &[],
    );
    fails(&said, "manifest/unreadable");
}

/// Without a setting, containerd goes on without TLS on this machine; not where the node's `hosts.toml` names
/// TLS for it (core/remotes/docker/config/hosts.go, `ConfigureHosts`).
#[test]
fn this_machine_by_its_hosts_file() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, mut buffer) = (stream.unwrap(), [0; 4096]);
            // A TLS hello gets a response as well.
            while let Ok(1..) = stream.read(&mut buffer) {
                if answer(&mut stream, server::REGISTRYS, b"").is_err() {
                    break;
                }
            }
        }
    });
    let with = |hosts: &str| {
        let root = tempfile::tempdir().unwrap();
        let containerd = root.path().join("etc/containerd");
        let folder = containerd.join(format!("certs.d/{address}"));
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::create_dir_all(root.path().join("etc/kubernetes")).unwrap();
        std::fs::write(root.path().join("etc/kubernetes/azure.json"), "{}").unwrap();
        let config = "version = 2\n[plugins.'io.containerd.grpc.v1.cri'.registry]\n\
            config_path = '/etc/containerd/certs.d'\n";
        std::fs::write(containerd.join("config.toml"), config).unwrap();
        std::fs::write(folder.join("hosts.toml"), hosts).unwrap();
        let asked = format!("{address}/team/app:v1");
        let root = root.path().to_str().unwrap();
        run(&[&asked, "--identity", "anonymous", "-o", "json", "--node-root", root])
    };
    for plain in ["# nothing".to_owned(), format!("server = 'http://{address}'")] {
        assert_eq!(with(&plain).causes(), ["manifest/image-tag-not-found"], "{plain}");
    }
    for server in [format!("https://{address}"), format!("{address}"), format!("{address}/v2")] {
        let said = with(&format!("server = '{server}'"));
        assert_eq!(said.causes(), ["tls/not-tls"], "{server} {}", said.out);
    }
}
