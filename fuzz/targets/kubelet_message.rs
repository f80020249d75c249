//! Reads any text as the kubelet's message of a failed pull: at most four suspects, and every word is
//! safe to print.
#![no_main]

use checks::{kit::sanitize_text, untrusted::Message};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let message = Message::read(&String::from_utf8_lossy(bytes));
    assert!(message.suspects.len() <= 4);
    for text in [Some(&message.quoted), message.parts.image.as_ref(), message.parts.host.as_ref()] {
        let Some(text) = text else { continue };
        assert!(!text.contains(char::is_control));
        assert_eq!(&sanitize_text(text), text);
    }
});
