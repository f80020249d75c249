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
    io::{Result, Write},
    net::TcpStream,
};

use program::{Said, codes, server::answer};
use shelf::{Shelf, ask, fails, path, pulls};

const BYTES: &[u8] = b"the bytes of a layer, and some more of them";

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
    let shelf = Shelf::of(&[BYTES]);
    ask(
        move |head, stream| {
            let is_layer = path(head).ends_with(&shelf.layers[0]) && head.starts_with("GET");
            if is_layer { script(head, stream) } else { shelf.serve(head, stream) }
        },
        more,
    )
}

/// Go keeps a path and a query as they are written, which a signature may depend on, and takes no other
/// spelling of an address for one (net/url).
#[test]
fn locations_as_go_reads_them() {
    let with = |location: &'static str, wanted: &'static str| {
        let shelf = Shelf::of(&[BYTES]);
        ask(
            move |head, stream| {
                let port = stream.local_addr().unwrap().port();
                if path(head) == wanted {
                    return answer(stream, "200 OK", BYTES);
                }
                if path(head).ends_with(&shelf.layers[0]) && head.starts_with("GET") {
                    let to = location.replace("STORE", &format!("127.0.0.2:{port}"));
                    return answer(stream, &format!("307 On\r\nLocation: {to}"), b"");
                }
                shelf.serve(head, stream)
            },
            &[],
        )
    };
    pulls(&with("http://STORE/x/%2e%2e/y?a='b'&c={d}|e^f`", "/x/%2e%2e/y?a='b'&c={d}|e^f`"));
    pulls(&with("//STORE/x/../y(z)", "/y(z)"));
    pulls(&with("http://STORE/%2fy{", "//y%7B"));
    // This program has no way to send these as Go does.
    for location in ["http://STORE/y?a=\"b\"", "http://STORE/y?a b"] {
        could_not_tell(&with(location, "/y"), "registry/not-replayed");
    }
    for location in ["http://STORE/\tx", "http://127.0.0.%32/x", "http:\\\\STORE\\x", "/x%zz"] {
        fails(&with(location, "/x"), "registry/unexpected");
    }
}
