//! Reads any DNS answer within bounds: arbitrary bytes, and CNAME chains that loop.
#![no_main]

use checks::untrusted::{Question, read_dns_answer as read};
use hickory_proto::{
    op::{Message, MessageType, OpCode, Query},
    rr::{Name, RData, Record, RecordType, rdata},
};
use libfuzzer_sys::fuzz_target;

/// Arbitrary bytes are tried as a whole response, and as what follows an answer's header and question.
fuzz_target!(|sent: &[u8]| {
    let question = question();
    let built = circles(sent).to_vec().expect("it is encoded");
    let answered = [&built[..12], &QUESTION[..], sent].concat();
    for bytes in [sent, &built, &answered] {
        for over_tcp in [false, true] {
            within_bounds(bytes, &question, over_tcp);
        }
    }
});

/// `n0.example. A IN`.
const QUESTION: &[u8] = b"\x02n0\x07example\0\0\x01\0\x01";

fn question() -> Question {
    let name = Name::from_ascii("n0.example.").expect("it is a name");
    Question { id: 7, name, kind: RecordType::A }
}

fn within_bounds(bytes: &[u8], question: &Question, over_tcp: bool) {
    let Ok(answer) = read(bytes, question, over_tcp) else { return };
    let reply = &answer.reply;
    // A record takes eleven bytes at least.
    let records = (bytes.len() / 11).min(64);
    assert!(reply.chain.len() <= records && reply.addresses.len() <= records);
    assert!(
        reply.chain.iter().all(|name| name.len() <= 1024 && name.to_lowercase() == *name),
        "{reply:?}"
    );
    assert!(reply.addresses.is_empty() || (reply.is_final() && reply.word() == "NOERROR"));
}

/// Builds an answer from eight names that refer to each other: each byte is a record.
fn circles(sent: &[u8]) -> Message {
    let mut message = Message::new(7, MessageType::Response, OpCode::Query);
    message.add_query(Query::query(question().name, RecordType::A));
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
