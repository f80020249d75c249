//! HTTP/1 as Go parses it.

use hyper::client::conn::http1;

/// The longest set of headers that is accepted.
pub(super) const MAX_HEAD_BYTES: u32 = 256 * 1024;

/// Returns a client that accepts the same unusual syntax as Go's.
pub(super) fn as_go_reads() -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        .max_buf_size(MAX_HEAD_BYTES as usize)
        .max_headers(1000)
        .allow_obsolete_multiline_headers_in_responses(true)
        .allow_spaces_after_header_name_in_responses(true);
    builder
}
