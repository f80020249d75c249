//! Registries that serve something other than an image or a layer, as no real registry does.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_types,
    reason = "a test that panics has failed, and says where; its servers may block"
)]

mod program;
mod shelf;

use std::{
    io::{Result, Write},
    net::TcpStream,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use program::{
    ask::{ask, cannot},
    server::{self, MANIFEST, answer},
};

#[test]
fn a_forbidden_operation_whatever_its_status() {
    const DISALLOWED: &[u8] =
        br#"{"errors":[{"code":"REGISTRY_DISALLOWED_OPERATION","message":"no"}]}"#;
    fn get_says(line: &str, stream: &mut TcpStream, status: &str, body: &[u8]) -> Result<()> {
        let head = line.starts_with("HEAD");
        answer(stream, if head { MANIFEST } else { status }, if head { b"" } else { body })
    }
    cannot(
        |line, stream| get_says(line, stream, "405 No", DISALLOWED),
        "registry/image-read-disabled",
    );
    cannot(
        |line, stream| get_says(line, stream, "404 No", DISALLOWED),
        "registry/image-read-disabled",
    );
    cannot(
        |line, stream| get_says(line, stream, "409 No", DISALLOWED),
        "registry/image-read-disabled",
    );
}

#[test]
fn a_data_host_that_hangs_up() {
    cannot(
        |line, stream| {
            let digest = format!("sha256:{}", "0".repeat(64));
            let manifest = format!(
                r#"{{"config":{{"mediaType":"x","digest":"{digest}","size":2}},"layers":[]}}"#
            );
            if line.contains("/elsewhere") {
                return Err(std::io::ErrorKind::ConnectionAborted.into());
            }
            if line.contains("/blobs/") {
                let port = stream.local_addr()?.port();
                let to = format!("307 On\r\nLocation: http://127.0.0.2:{port}/elsewhere");
                return answer(stream, &to, b"");
            }
            server::manifest(stream, line, manifest.as_bytes())
        },
        "registry/data-host-no-answer",
    );
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
        server::manifest(stream, line, manifest.as_bytes())
    });
    let headline = said.json()["targets"][0]["verdict"]["headline"].clone();
    assert_eq!(said.code, Some(0), "{}", said.out);
    assert!(headline.as_str().unwrap().contains("the image has no layers"), "{headline}");
}

#[test]
fn a_config_that_describes_other_layers() {
    cannot(
        |line, stream| {
            let config = r#"{"rootfs":{"diff_ids":[]}}"#;
            let layer = format!(
                r#"{{"mediaType":"application/vnd.oci.image.layer.v1.tar","digest":"sha256:{}","size":2}}"#,
                "0".repeat(64)
            );
            let digest = "sha256:1af042414ee4ede82dfd34a3741d6a3de03264be0511e5fec59a7b15ad6cf625";
            let manifest = format!(
                r#"{{"config":{{"digest":"{digest}","size":{}}},"layers":[{layer}]}}"#,
                config.len()
            );
            if line.contains("/blobs/") {
                return answer(stream, "200 OK", config.as_bytes());
            }
            server::manifest(stream, line, manifest.as_bytes())
        },
        "manifest/not-an-image",
    );
}

#[test]
fn json_that_is_a_thousand_levels_deep() {
    cannot(
        |line, stream| {
            let body = "[".repeat(100_000);
            server::manifest(stream, line, body.as_bytes())
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
            server::manifest(stream, line, manifest.as_bytes())
        },
        "layer/blob-digest-mismatch",
    );
}

/// A field of the wrong type fails the whole document, in a manifest as in a config.
#[test]
fn what_go_does_not_decode_is_no_image() {
    fn with(stream: &mut TcpStream, line: &str, config: &str, more: &str) -> Result<()> {
        if line.contains("/blobs/") {
            return answer(stream, "200 OK", config.as_bytes());
        }
        let digest = checks::kit::rules::digest("sha256:", config.as_bytes());
        let manifest = format!(
            r#"{{"schemaVersion":2,{more}"config":{{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"{digest}","size":{}}},"layers":[]}}"#,
            config.len()
        );
        server::manifest(stream, line, manifest.as_bytes())
    }
    const GOOD: &str = r#"{"rootfs":{"diff_ids":[]},"config":{"Labels":{"a":"b"}}}"#;
    assert_eq!(ask(|line, stream| with(stream, line, GOOD, "")).code, Some(0));
    cannot(
        |line, stream| with(stream, line, GOOD, r#""annotations":{"a":1},"#),
        "manifest/not-a-manifest",
    );
    cannot(
        |line, stream| {
            let config = r#"{"rootfs":{"diff_ids":[]},"config":{"Labels":[]}}"#;
            with(stream, line, config, "")
        },
        "manifest/not-a-manifest",
    );
    cannot(
        |line, stream| {
            let config = r#"{"rootfs":{"diff_ids":[]},"created":"yesterday"}"#;
            with(stream, line, config, "")
        },
        "manifest/not-a-manifest",
    );
}

/// A token that expires between the manifest and the blobs is renewed, as containerd renews it.
#[test]
fn a_token_that_expires_is_renewed() {
    let shelf = shelf::Shelf::of(&[b"a layer"]);
    let (issued, least) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let counts = issued.clone();
    let said = shelf::ask(
        move |head, stream| {
            if head.starts_with("GET /token") {
                let number = issued.fetch_add(1, Ordering::Relaxed) + 1;
                return answer(stream, "200 OK", format!(r#"{{"token":"t{number}"}}"#).as_bytes());
            }
            let token =
                head.split("Bearer t").nth(1).and_then(|rest| rest.lines().next()?.parse().ok());
            // At the first blob, every token so far is no longer good.
            if head.starts_with("GET") && head.contains("/blobs/") {
                let last = issued.load(Ordering::Relaxed);
                let _ = least.compare_exchange(0, last + 1, Ordering::Relaxed, Ordering::Relaxed);
            }
            if token.is_some_and(|token: usize| token >= least.load(Ordering::Relaxed).max(1)) {
                return shelf.serve(head, stream);
            }
            let realm = format!("http://{}/token", stream.local_addr()?);
            let error = if token.is_some() { ",error=\"invalid_token\"" } else { "" };
            let challenge = format!("WWW-Authenticate: Bearer realm=\"{realm}\"{error}");
            answer(stream, &format!("401 No\r\n{challenge}"), b"")
        },
        &[],
    );
    shelf::pulls(&said);
    // For the tag, for the content, and for the blobs.
    assert_eq!(counts.load(Ordering::Relaxed), 3);
}

/// Which of two descriptors of a blob containerd goes by depends on which it fetches first.
#[test]
fn a_blob_that_is_named_in_two_ways() {
    let plain = shelf::Shelf::of(&[b"a layer"]);
    let manifest = std::str::from_utf8(plain.bytes_of_top()).unwrap().to_owned();
    let (before, layer) = manifest.split_once(r#""layers":["#).unwrap();
    let layer = layer.strip_suffix("]}").unwrap();
    let config = before.split_once(r#""config":"#).unwrap().1.trim_end_matches(',');
    let with = |layers: &[&str]| {
        let shelf = plain.clone().rewritten(layer, &layers.join(","));
        shelf::ask(move |head, stream| shelf.serve(head, stream), &[])
    };
    let longer = layer.replace(r#""size":"#, r#""size":1"#);
    for layers in [[longer.as_str(), layer], [layer, &longer], [layer, config]] {
        let said = with(&layers);
        assert_eq!(said.code, Some(3), "{}", said.out);
        let open = program::codes(&said.json(), "could_not_tell");
        assert_eq!(open, ["manifest/not-a-manifest"], "{}", said.out);
    }
    // Of the same size it is one blob, and the config has too few diff ids.
    let said = with(&[layer, layer]);
    shelf::fails(&said, "manifest/not-a-manifest");
}
