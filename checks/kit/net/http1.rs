//! HTTP/1 as Go parses it.

use hyper::{
    HeaderMap, Version,
    client::conn::http1,
    header::{CONTENT_LENGTH, TRANSFER_ENCODING},
};

/// The longest set of headers that is accepted, as by Go (net/http, `maxHeaderResponseSize`).
pub(super) const MAX_HEAD_BYTES: u32 = 10 << 20;
/// The most headers that are accepted, of which Go has no limit.
const MAX_HEADERS: usize = 20_000;

/// Returns a client that accepts the same unusual syntax as Go's.
pub(super) fn as_go_reads() -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        .max_buf_size(MAX_HEAD_BYTES as usize)
        .max_headers(MAX_HEADERS)
        .allow_obsolete_multiline_headers_in_responses(true)
        .allow_spaces_after_header_name_in_responses(true);
    builder
}

/// Returns whether Go refuses a response for what it says of its length (net/http, `readTransfer`): hyper
/// takes more.
pub(super) fn is_refused(version: Version, headers: &HeaderMap) -> bool {
    if version == Version::HTTP_2 {
        return false;
    }
    let encodings: Vec<_> = headers.get_all(TRANSFER_ENCODING).iter().collect();
    let is_chunked = |named: &[u8]| named.eq_ignore_ascii_case(b"chunked");
    let is_known = match encodings.as_slice() {
        [] => true,
        [one] => is_chunked(one.as_bytes()),
        _ => false,
    };
    let mut lengths =
        headers.get_all(CONTENT_LENGTH).iter().map(|value| value.as_bytes().trim_ascii());
    let first = lengths.next();
    let is_number = first.is_none_or(|first| {
        let number = std::str::from_utf8(first).ok().and_then(|first| first.parse::<i64>().ok());
        first.iter().all(u8::is_ascii_digit) && number.is_some()
    });
    let is_one = lengths.all(|length| Some(length) == first);
    (version != Version::HTTP_10 && !is_known) || !is_number || !is_one
}
