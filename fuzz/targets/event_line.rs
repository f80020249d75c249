//! Any line is an event or refused; what is read can be written and read again, and steers no terminal.
#![no_main]

use checks::kit::Event;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|line: &[u8]| {
    let Ok(event) = Event::read(line) else { return };
    let written = serde_json::to_string(&event).expect("an event is plain data");
    // JSON spells control characters out by itself: what matters is what stands behind the spelling.
    assert!(!written.contains("\\u00") && !written.contains("\\n") && !written.contains('\u{202e}'), "{written}");
    let again = Event::read(written.as_bytes());
    assert_eq!(again.as_ref(), Ok(&event), "{written}");
});
