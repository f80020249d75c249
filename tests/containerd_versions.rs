//! What versions of containerd read differently: predicted for the version that is named, and otherwise
//! certain only where they all do the same.
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
    sync::Arc,
    sync::atomic::{AtomicUsize, Ordering},
};

use program::{Said, codes, run, server::answer};
use shelf::{Shelf, archive, ask, fails, path, pulls};

const FIRST: &[&str] = &["--containerd", "containerd://1.7.35-1"];
const SECOND: &[&str] = &["--containerd", "2.2.9"];
const NEWER: &[&str] = &["--containerd", "2.3.7"];

/// Asserts that it is left open for this reason alone.
fn is_open(said: &Said, code: &str) {
    assert_eq!(said.code, Some(3), "{}", said.out);
    assert_eq!(codes(&said.json(), "could_not_tell"), [code], "{}", said.out);
}

fn asked(shelf: &Shelf, version: &[&str]) -> Said {
    let shelf = shelf.clone();
    ask(move |head, stream| shelf.serve(head, stream), version)
}

/// containerd stores content by SHA-512 digests since 2.3.
#[test]
fn a_layer_by_sha512() {
    let plain = Shelf::of(&[b"a layer"]);
    let by_sha512 = checks::kit::rules::digest("sha512:", &archive(b"a layer"));
    let gone = plain.clone().rewritten(&plain.layers[0], &by_sha512);
    let shelf = gone.clone().also_named(&by_sha512, &plain.layers[0]);
    is_open(&asked(&shelf, &[]), "manifest/digest-by-sha512");
    fails(&asked(&shelf, FIRST), "manifest/not-a-manifest");
    fails(&asked(&shelf, SECOND), "manifest/not-a-manifest");
    pulls(&asked(&shelf, NEWER));
    // Without the layer no version can pull it.
    fails(&asked(&gone, &[]), "manifest/blob-unknown");
}

/// containerd compares `os.features` since 2.3.
#[test]
fn features_of_the_system() {
    let index = |features: &str, architecture: &str| {
        let platform = format!(
            r#""platform":{{"os":"linux","architecture":"{architecture}","os.features":{features}}},"digest""#
        );
        Shelf::of(&[b"a layer"]).indexed().rewritten(r#""digest""#, &platform)
    };
    let named = index(r#"["x"]"#, "amd64");
    is_open(&asked(&named, &[]), "manifest/os-features");
    pulls(&asked(&named, SECOND));
    fails(&asked(&named, NEWER), "manifest/platform-no-match");
    // The same is chosen without them.
    pulls(&asked(&index("[]", "amd64"), &[]));
    fails(&asked(&index(r#"["x"]"#, "arm64"), &[]), "manifest/platform-no-match");
    // What older versions take is not there, and newer ones take nothing.
    fails(&asked(&named.without_children(), &[]), "manifest/child-manifest-gone");
}

/// Since 2.1 containerd fetches every manifest for the platform, and takes no other processor.
#[test]
fn two_manifests_for_a_platform() {
    let other = "0".repeat(64);
    let own = r#""platform":{"os":"linux","architecture":"amd64"}"#;
    let one =
        Shelf::of(&[b"a layer"]).indexed().rewritten(r#""digest""#, &format!(r#"{own},"digest""#));
    let entry = format!(
        r#",{{"mediaType":"application/vnd.oci.image.manifest.v1+json","size":7,{own},"digest":"sha256:{other}"}}]}}"#
    );
    let two = one.rewritten("]}", &entry);
    is_open(&asked(&two, &[]), "manifest/second-manifest");
    pulls(&asked(&two, FIRST));
    fails(&asked(&two, SECOND), "manifest/child-manifest-gone");
    fails(&asked(&two.without_children(), &[]), "manifest/child-manifest-gone");

    let lesser = r#""platform":{"os":"linux","architecture":"386"},"digest""#;
    let lesser = Shelf::of(&[b"a layer"]).indexed().rewritten(r#""digest""#, lesser);
    is_open(&asked(&lesser, &[]), "manifest/lesser-platform");
    pulls(&asked(&lesser, FIRST));
    fails(&asked(&lesser, SECOND), "manifest/platform-no-match");
}

/// The second of two manifests for a platform is unpacked like the first.
#[test]
fn the_second_manifest_for_a_platform() {
    const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";
    let wrong = checks::kit::rules::digest("sha256:", b"another layer");
    let beside = |second: Shelf| Shelf::of(&[b"a layer"]).beside(second);
    let full = |version: &[&'static str]| [version, &["--full"]].concat();
    let broken = beside(Shelf::with(&[(LAYER, &archive(b"a second"), Some(&wrong))], ""));
    is_open(&asked(&broken, &full(&[])), "manifest/second-manifest");
    pulls(&asked(&broken, &full(FIRST)));
    fails(&asked(&broken, &full(SECOND)), "layer/wrong-diff-id");
    pulls(&asked(&beside(Shelf::of(&[b"a second"])), &full(SECOND)));
    // Of another platform it is unpacked all the same.
    let other = r#""architecture":"s390x","os":"linux","#;
    let other = beside(Shelf::with(&[(LAYER, &archive(b"a second"), Some(&wrong))], other));
    fails(&asked(&other, &full(SECOND)), "layer/wrong-diff-id");

    let undecoded = beside(Shelf::with(&[(LAYER, &archive(b"a second"), None)], r#""os":5,"#));
    is_open(&asked(&undecoded, &[]), "manifest/second-manifest");
    pulls(&asked(&undecoded, FIRST));
    fails(&asked(&undecoded, SECOND), "manifest/not-a-manifest");
    // Without a layer nothing is unpacked along it.
    pulls(&asked(&beside(Shelf::with(&[], r#""os":5,"#)), SECOND));
    let helm = "application/vnd.cncf.helm.config.v1+json";
    let chart = Shelf::of(&[b"a chart"]);
    let chart = chart.rewritten("application/vnd.oci.image.config.v1+json", helm);
    pulls(&asked(&beside(chart), SECOND));
}

/// containerd decompresses what a server compresses since 2.0. Before, Go does, which knows gzip alone.
#[test]
fn an_encoding_of_content() {
    let with = |encoding: &'static str, version| {
        let shelf = Shelf::of(&[b"a layer"]);
        let script = move |head: &str, stream: &mut TcpStream| -> Result<()> {
            if !head.starts_with("GET") || !path(head).ends_with(&shelf.layers[0]) {
                return shelf.serve(head, stream);
            }
            write!(stream, "HTTP/1.1 200 OK\r\nContent-Encoding: {encoding}\r\n")?;
            let bytes = archive(b"a layer");
            write!(stream, "Content-Length: {}\r\n\r\n", bytes.len())?;
            stream.write_all(&bytes)
        };
        ask(script, version)
    };
    pulls(&with("identity", &[]));
    for encoding in ["deflate", "zstd", "br", "gzip, gzip"] {
        is_open(&with(encoding, &[]), "registry/encoded-for-newer");
        pulls(&with(encoding, FIRST));
        assert_eq!(with(encoding, SECOND).code, Some(1), "{encoding}");
    }
    assert_eq!(with("gzip", &[]).code, Some(1));
}

/// containerd repeats a request to a server that fails since 2.1. The kubelet tries again in any case.
#[test]
fn a_failure_that_passes() {
    let with = |version| {
        let (shelf, failed) = (Shelf::of(&[b"a layer"]), Arc::new(AtomicUsize::new(0)));
        let script = move |head: &str, stream: &mut TcpStream| {
            let is_layer = head.starts_with("GET") && path(head).ends_with(&shelf.layers[0]);
            if is_layer && failed.fetch_add(1, Ordering::Relaxed) == 0 {
                return answer(stream, "503 No", b"");
            }
            shelf.serve(head, stream)
        };
        ask(script, version)
    };
    for version in [&[], SECOND] {
        let said = with(version);
        pulls(&said);
        assert_eq!(codes(&said.json(), "warnings"), ["registry/unsteady"], "{}", said.out);
    }
    assert_eq!(with(FIRST).code, Some(1));
}

/// Checks an image on a registry that wants a token, and that is busy the first few times when it is asked
/// for content: for the manifest by its digest, or for the layer. With `more`, which goes into the challenge, it
/// is busy before it asks for the token.
fn ask_busy(times: usize, is_manifest: bool, more: &'static str, version: &[&str]) -> Said {
    let (shelf, failed) = (Shelf::of(&[b"a layer"]), Arc::new(AtomicUsize::new(0)));
    let busy = if is_manifest { shelf.top() } else { &shelf.layers[0] }.to_owned();
    let script = move |head: &str, stream: &mut TcpStream| {
        if head.starts_with("GET /token") {
            return answer(stream, "200 OK", br#"{"token":"canary"}"#);
        }
        let is_signed = head.contains("Bearer canary");
        let is_asked = head.starts_with("GET") && path(head).ends_with(&busy);
        let counts = is_asked && (is_signed || !more.is_empty());
        if counts && failed.fetch_add(1, Ordering::Relaxed) < times {
            return answer(stream, "429 No", b"");
        }
        if is_signed {
            return shelf.serve(head, stream);
        }
        let realm = format!("http://{}/token", stream.local_addr()?);
        let challenge = format!("WWW-Authenticate: Bearer realm=\"{realm}\"{more}");
        answer(stream, &format!("401 No\r\n{challenge}"), b"")
    };
    ask(script, version)
}

/// containerd sends a request six times at most, and five times since 2.3.2. For the first content one of
/// them asks for the sign-in.
#[test]
fn how_often_a_request_is_sent() {
    for (version, manifests, layers) in [(&[][..], 4, 5), (SECOND, 4, 5), (NEWER, 3, 4)] {
        for (is_manifest, most) in [(true, manifests), (false, layers)] {
            let said = ask_busy(most, is_manifest, "", version);
            pulls(&said);
            assert_eq!(codes(&said.json(), "warnings"), ["registry/unsteady"], "{}", said.out);
            fails(&ask_busy(most + 1, is_manifest, "", version), "registry/throttled");
        }
    }
}

/// containerd takes a challenge that names an error for the end of a request that failed before. That happens
/// where it asks for the first content, without a token.
#[test]
fn a_failure_before_a_challenge_that_names_an_error() {
    let error = ",error=\"invalid_token\"";
    for version in [&[], SECOND] {
        pulls(&ask_busy(0, true, error, version));
        is_open(&ask_busy(1, true, error, version), "registry/unsteady-before-sign-in");
        pulls(&ask_busy(1, false, error, version));
    }
}

/// containerd pulls no images of schema 1 since 2.0.
#[test]
fn schema1() {
    let with =
        |world, version: &[&str]| run(&[&["lab", world, "-o", "json"][..], version].concat());
    pulls(&with("manifest-schema1", &[]));
    let with = |version| with("manifest-schema1-undecided", version);
    pulls(&with(FIRST));
    let said = with(&[]);
    let codes = codes(&said.json(), "could_not_tell");
    assert_eq!(
        (said.code, &codes[..]),
        (Some(3), &["manifest/manifest-schema1-undecided".to_owned()][..])
    );
    fails(&with(SECOND), "manifest/manifest-schema1-refused");
}

/// A config of another kind describes no layers, whatever the version.
#[test]
fn a_config_of_another_kind() {
    let shelf = Shelf::of(&[b"a layer"]);
    let helm = "application/vnd.cncf.helm.config.v1+json";
    let shelf = shelf.rewritten("application/vnd.oci.image.config.v1+json", helm);
    for version in [&[], FIRST, SECOND, NEWER] {
        fails(&asked(&shelf, version), "manifest/not-an-image");
    }
}
