//! Parses any header as challenges or ignores it. An accepted challenge survives a round trip.
#![no_main]

use checks::kit::{
    net::{Challenge, challenges},
    rules::request_url,
};
use hyper::{
    HeaderMap,
    header::{HeaderValue, WWW_AUTHENTICATE},
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|header: &[u8]| {
    let Some(found) = read(header) else { return };
    // Nothing is invented: the result is no longer than the input, except that an invalid byte
    // becomes a replacement character of three bytes, and that lower-casing can lengthen a letter.
    let size = |c: &Challenge| {
        c.scheme.len() + c.params.iter().map(|(k, v)| k.len() + v.len()).sum::<usize>()
    };
    assert!(found.iter().map(size).sum::<usize>() <= 3 * header.len());
    for realm in found.iter().filter_map(|challenge| challenge.params.get("realm")) {
        let url = request_url(realm);
        assert!(url.is_err() || url.is_ok_and(|url| !url.authority().is_empty()), "{realm}");
    }
    let written = found.iter().map(write).collect::<Vec<_>>().join(", ");
    assert_eq!(read(written.as_bytes()), Some(found), "{written}");
});

fn read(header: &[u8]) -> Option<Vec<Challenge>> {
    let value = HeaderValue::from_bytes(header).ok()?;
    Some(challenges(&HeaderMap::from_iter([(WWW_AUTHENTICATE, value)])))
}

fn write(challenge: &Challenge) -> String {
    let quote = |value: &str| value.replace('\\', "\\\\").replace('"', "\\\"");
    let params =
        challenge.params.iter().map(|(name, value)| format!("{name}=\"{}\"", quote(value)));
    format!("{} {}", challenge.scheme, params.collect::<Vec<_>>().join(","))
}
