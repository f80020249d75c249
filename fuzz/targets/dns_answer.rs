//! Reads any DNS answer within bounds: arbitrary bytes, and CNAME chains that loop.
#![no_main]

use checks::{kit::net::dns::Reply, untrusted::read_dns_answer as read};
use hickory_proto::{
    op::Message,
    rr::{Name, RData, Record, rdata},
};
use libfuzzer_sys::fuzz_target;

const ASKED: &str = "n0.example";

fuzz_target!(|sent: &[u8]| {
    if let Ok(message) = Message::from_vec(sent) {
        within_bounds(&message, &read(&message, ASKED));
    }
    let message = circles(sent);
    within_bounds(&message, &read(&message, ASKED));
});

fn within_bounds(message: &Message, reply: &Reply) {
    let records = message.answers.len().min(64);
    assert!(reply.chain.len() <= records && reply.addresses.len() <= records);
    assert!(
        reply.chain.iter().all(|name| name.len() <= 1024 && name.to_lowercase() == *name),
        "{reply:?}"
    );
    // The same answer, encoded and decoded again, has the same content.
    let Ok(bytes) = message.to_vec() else { return };
    let Ok(again) = Message::from_vec(&bytes) else { return };
    assert_eq!(read(&again, ASKED), *reply);
    assert!(
        ["NODATA", "NOERROR"].contains(&reply.word())
            == (reply.word().starts_with("NO") && reply.word() != "NOTIMP")
    );
}

/// Builds an answer from eight names that refer to each other: each byte is a record.
fn circles(sent: &[u8]) -> Message {
    let mut message = Message::query();
    for byte in sent.iter().take(200) {
        let name = |number: u8| {
            Name::from_ascii(format!("n{}.example.", number % 8)).expect("it is a name")
        };
        let data = match byte >> 6 {
            0 => RData::A(rdata::A::new(10, 0, 0, *byte)),
            1 => RData::TXT(rdata::TXT::new(vec!["no".to_owned()])),
            _ => RData::CNAME(rdata::CNAME(name(byte >> 3))),
        };
        message.add_answer(Record::from_rdata(name(*byte), 60, data));
    }
    message
}
