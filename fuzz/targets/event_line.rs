//! Reads any line as an event or refuses it. An accepted event survives a round trip and contains
//! no terminal control sequence.
#![no_main]

use checks::untrusted::Event;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fuzz_target!(|line: &[u8]| {
    let Ok(event) = Event::read(line) else { return };
    let written = serde_json::to_string(&event).expect("an event is plain data");
    steers_nothing(&serde_json::from_str(&written).expect("it is JSON"));
    let again = Event::read(written.as_bytes());
    assert_eq!(again.as_ref(), Ok(&event), "{written}");
});

fn steers_nothing(value: &Value) {
    let plain = |text: &str| {
        assert!(
            !text.chars().any(|c| c.is_control() || ('\u{202a}'..='\u{202e}').contains(&c)),
            "{text:?}"
        );
        assert!(text.chars().count() <= 301, "{text:?}");
    };
    match value {
        Value::String(text) => plain(text),
        Value::Array(items) => items.iter().for_each(steers_nothing),
        Value::Object(fields) => fields.iter().for_each(|(name, value)| {
            plain(name);
            steers_nothing(value);
        }),
        _ => {}
    }
}
