//! Any token is read as a JWT or as an opaque one; what a server sends of it is never shown.
#![no_main]

use checks::{
    kit::{Secret, sanitize_text},
    untrusted::{claims, refresh_token, token_in},
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|token: &str| {
    // On a thread of its own, for what it holds as a secret is remembered by the thread.
    let done = std::thread::scope(|scope| scope.spawn(|| read(token)).join());
    done.expect("what panics has ended the program already");
});

fn read(token: &str) {
    let secret = Secret::new(token);
    if let Some(claims) = claims(&secret) {
        // Nothing is made up: claims are decoded from four letters for three bytes.
        assert!(claims.len() <= token.len());
    }
    assert_eq!(format!("{secret:?}"), "Secret");
    let _ = refresh_token(token.as_bytes()).map_err(|said| {
        assert!(["not-json", "no-token-in-it"].contains(&said.as_str()));
    });
    match token_in(token.as_bytes()) {
        Ok(issued) => assert!(!issued.expose().is_empty() && issued.expose().len() <= token.len()),
        Err(said) => assert!(["not-json", "no-token-in-it"].contains(&said.as_str())),
    }
    let echoed = sanitize_text(&format!("refused: {token}"));
    // Shorter ones could be any word.
    if token.len() >= 8 && !token.contains('*') {
        assert!(!echoed.contains(token), "{echoed:?}");
    }
    assert!(!echoed.chars().any(char::is_control), "{echoed:?}");
}
