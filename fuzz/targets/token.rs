//! Reads any token as a JWT or as an opaque one. Bytes from a server are never shown.
#![no_main]

use checks::{
    kit::{Secret, sanitize_text},
    untrusted::{GOT, POSTED, claims, refresh_token, token_in},
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|token: &str| {
    // Runs on its own thread, because known secrets are stored per thread.
    let done = std::thread::scope(|scope| scope.spawn(|| read(token)).join());
    done.expect("what panics has ended the program already");
});

fn read(token: &str) {
    let secret = Secret::new(token);
    if let Some(claims) = claims(&secret) {
        // Nothing is invented: four base64 letters decode to three bytes.
        assert!(claims.len() <= token.len());
    }
    assert_eq!(format!("{secret:?}"), "Secret");
    let _ = refresh_token(token.as_bytes()).map_err(|said| {
        assert!(["not-json", "no-token-in-it"].contains(&said.as_str()));
    });
    for shape in [&GOT, &POSTED] {
        match token_in(token.as_bytes(), shape) {
            // What is not text becomes U+FFFD, which is longer.
            Ok(issued) => {
                assert!(!issued.expose().is_empty() && issued.expose().len() <= 3 * token.len())
            }
            Err(said) => assert!(
                ["not-json", "no-token-in-it"].contains(&said.as_str())
                    || said.starts_with("json: cannot unmarshal")
            ),
        }
    }
    let echoed = sanitize_text(&format!("refused: {token}"));
    // A shorter value could be any word.
    if token.len() >= 8 && !token.contains('*') {
        assert!(!echoed.contains(token), "{echoed:?}");
    }
    assert!(!echoed.chars().any(char::is_control), "{echoed:?}");
}
