//! Reads any body as an OCI error or as none. Nothing is invented, and the result is safe to print.
#![no_main]

use checks::{kit::sanitize_text, untrusted::ErrorBody};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &[u8]| {
    for plain in [false, true] {
        let error = ErrorBody::read(body, plain);
        // Each byte that is not valid UTF-8 becomes a replacement character of three bytes.
        assert!(error.code.len() + error.message.len() <= 3 * body.len());
        let Some(words) = error.words() else {
            assert_eq!(error, ErrorBody::default());
            continue;
        };
        let shown = sanitize_text(&words);
        assert!(shown.chars().count() <= 301 && !shown.chars().any(char::is_control), "{shown:?}");
        assert_eq!(sanitize_text(&shown), shown, "what is fit to print stays as it is");
        // The error, written in the registry's own format, reads back the same.
        let written =
            serde_json::json!({ "errors": [{ "code": error.code, "message": error.message }] });
        assert_eq!(ErrorBody::read(written.to_string().as_bytes(), plain), error);
    }
});
