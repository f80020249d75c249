//! Reads any termination message, and any compressed bytes in one: its events, or why there are none.
//! Events that are accepted survive a message of ours, unless they are too long for one.
#![no_main]

use base64::{Engine, prelude::BASE64_STANDARD};
use check_acr::termination::{Messages, NoEvents, encode};
use checks::kit::engine::EventKind;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let mut messages = Messages::default();
    let _ = messages.decode(&String::from_utf8_lossy(bytes));
    let packed = format!("check-acr/1:{}", BASE64_STANDARD.encode(bytes));
    let Ok(mut events) = messages.decode(&packed) else { return };
    let is_kept = |kind: &EventKind| {
        !matches!(
            kind,
            EventKind::Exchanged { .. } | EventKind::Started { .. } | EventKind::Verdict { .. }
        )
    };
    events.retain(|event| is_kept(&event.kind));
    match messages.decode(&encode(&events)) {
        Ok(again) => assert_eq!(again, events),
        Err(why) => assert_eq!(why, NoEvents::InLog),
    }
});
