//! A DNS answer as Go reads it (`net/dnsclient_unix.go`): only as much of it as a lookup needs.
//!
//! What is broken behind the answers does not matter, a response without its question is ignored,
//! and each address counts, whatever name it belongs to.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use hickory_proto::{
    op::ResponseCode,
    rr::{Name, RecordType},
    serialize::binary::{BinDecodable, BinDecoder},
};

/// The longest CNAME chain that is followed, and the most addresses that are kept. Resolvers follow
/// about a dozen names. An answer can hold thousands of records, and each step searches all of
/// them.
const MAX_CHAIN: usize = 64;

/// What was asked.
#[derive(Clone, Debug)]
pub struct Question {
    /// The number of the query.
    pub id: u16,
    /// The name.
    pub name: Name,
    /// The type of the records.
    pub kind: RecordType,
}

/// An answer to the question.
#[derive(Clone, Debug, PartialEq)]
pub struct DnsAnswer {
    /// Whether it is to be asked for over TCP.
    pub is_truncated: bool,
    /// How long it may be kept, in seconds.
    pub ttl: Option<u32>,
    /// What it says.
    pub reply: Reply,
}

/// Why bytes are no answer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum NoAnswer {
    /// They answer something else: the right ones may still come.
    Stray,
    /// Go gives the server up, in these words.
    Unusable(&'static str),
}

/// A parsed DNS answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Reply {
    /// The response code.
    pub code: ResponseCode,
    /// The CNAME chain, in order.
    pub chain: Vec<String>,
    /// The addresses at the end of the chain.
    pub addresses: Vec<IpAddr>,
}

impl Reply {
    /// Returns the response code as it is usually written; `NODATA` when the name has no address of
    /// this family.
    pub fn word(&self) -> &'static str {
        match self.code {
            ResponseCode::NoError if self.addresses.is_empty() => "NODATA",
            ResponseCode::NoError => "NOERROR",
            ResponseCode::NXDomain => "NXDOMAIN",
            ResponseCode::ServFail => "SERVFAIL",
            ResponseCode::Refused => "REFUSED",
            ResponseCode::NotImp => "NOTIMP",
            ResponseCode::FormErr => "FORMERR",
            ResponseCode::BADVERS => "BADVERS",
            _ => "ERROR",
        }
    }

    /// Returns whether a resolver accepts this answer and queries no other server.
    pub fn is_final(&self) -> bool {
        matches!(self.code, ResponseCode::NoError | ResponseCode::NXDomain)
    }
}

/// One record: its name and type, and the place of its data.
struct Record {
    name: Name,
    kind: u16,
    ttl: u32,
    at: usize,
}

/// Reads an answer to that question. One that is truncated is not read further where it can still be
/// asked for over TCP.
///
/// # Errors
/// Returns why a lookup cannot use it.
pub fn read(bytes: &[u8], question: &Question, over_tcp: bool) -> Result<DnsAnswer, NoAnswer> {
    let mut from = BinDecoder::new(bytes);
    let mut header = [0; 6];
    for field in &mut header {
        *field = number(&mut from).ok_or(NoAnswer::Stray)?;
    }
    let [id, flags, questions, answers, authorities, additionals] = header;
    let is_set = |bit: u16| flags & bit != 0;
    let is_response = is_set(0x8000) && id == question.id && questions > 0;
    if !is_response || !repeats(&mut from, question).unwrap_or_default() {
        return Err(NoAnswer::Stray);
    }
    if questions > 1 {
        return Err(NoAnswer::Unusable("invalid DNS response"));
    }
    let mut found = vec![];
    let read_all =
        (0..answers).all(|_| record(&mut from, bytes).map(|it| found.push(it)).is_some());
    let is_read = read_all && (0..authorities).all(|_| record(&mut from, bytes).is_some());
    let more = if is_read { additionals } else { 0 };
    let more: Vec<Record> = (0..more).map_while(|_| record(&mut from, bytes)).collect();
    let extended = more.iter().find(|it| it.kind == u16::from(RecordType::OPT));
    let high = extended.map_or(0, |it| it.ttl.to_be_bytes()[0]);
    let code = ResponseCode::from(high, (flags & 0xf) as u8);
    let unreadable = Err(NoAnswer::Unusable("cannot unmarshal DNS message"));
    let answer = |addresses: Vec<IpAddr>| DnsAnswer {
        is_truncated: is_set(0x0200),
        ttl: found.iter().map(|it| it.ttl).min(),
        reply: Reply { code, chain: chain(&found, bytes, &question.name), addresses },
    };
    let is_to_be_repeated = is_set(0x0200) && !over_tcp;
    if code == ResponseCode::NXDomain || is_to_be_repeated {
        return Ok(answer(vec![]));
    }
    if found.is_empty() && !read_all {
        return unreadable;
    }
    if code != ResponseCode::NoError {
        return Ok(answer(vec![]));
    }
    let (is_authority, recurses) = (is_set(0x0400), is_set(0x0080));
    if found.is_empty() && !is_authority && !recurses && more.is_empty() {
        return Err(NoAnswer::Unusable("lame referral"));
    }
    if found.iter().any(|it| it.kind == u16::from(question.kind)) {
        return Ok(answer(addresses(&found, bytes)));
    }
    if read_all { Ok(answer(vec![])) } else { unreadable }
}

/// Returns whether a response repeats the question.
fn repeats(from: &mut BinDecoder<'_>, question: &Question) -> Option<bool> {
    let (name, kind, class) = (Name::read(from).ok()?, number(from)?, number(from)?);
    Some(name == question.name && kind == u16::from(question.kind) && class == 1)
}

fn number(from: &mut BinDecoder<'_>) -> Option<u16> {
    Some(from.read_u16().ok()?.unverified())
}

/// Reads one record, and skips its data.
fn record(from: &mut BinDecoder<'_>, bytes: &[u8]) -> Option<Record> {
    let name = Name::read(from).ok()?;
    let (kind, _class) = (number(from)?, number(from)?);
    let ttl = from.read_u32().ok()?.unverified();
    let length = usize::from(number(from)?);
    let at = from.index();
    from.read_slice(length).ok()?;
    (at <= bytes.len()).then_some(Record { name, kind, ttl, at })
}

/// Returns the addresses of all records, as far as they can be read.
fn addresses(found: &[Record], bytes: &[u8]) -> Vec<IpAddr> {
    let mut addresses = vec![];
    for it in found {
        let data = bytes.get(it.at..).unwrap_or_default();
        if it.kind == u16::from(RecordType::A) {
            let Some(four) = data.first_chunk::<4>() else { break };
            addresses.push(IpAddr::V4(Ipv4Addr::from(*four)));
        } else if it.kind == u16::from(RecordType::AAAA) {
            let Some(sixteen) = data.first_chunk::<16>() else { break };
            addresses.push(IpAddr::V6(Ipv6Addr::from(*sixteen)));
        } else if it.kind == u16::from(RecordType::CNAME) && target(it, bytes).is_none() {
            break;
        }
    }
    addresses.truncate(MAX_CHAIN);
    addresses
}

/// Returns the name that a CNAME record leads to.
fn target(of: &Record, bytes: &[u8]) -> Option<Name> {
    let at = u16::try_from(of.at).ok()?;
    Name::read(&mut BinDecoder::new(bytes).clone(at)).ok()
}

/// Follows the CNAME chain from the queried name, which is evidence only.
fn chain(found: &[Record], bytes: &[u8], asked: &Name) -> Vec<String> {
    let (mut name, mut chain) = (asked.clone(), vec![]);
    // Each record is followed at most once, so a loop in the chain ends.
    for _ in 0..found.len().min(MAX_CHAIN) {
        let is_next = |it: &&Record| it.kind == u16::from(RecordType::CNAME) && it.name == name;
        let Some(next) = found.iter().find(is_next).and_then(|it| target(it, bytes)) else { break };
        chain.push(next.to_string().trim_end_matches('.').to_lowercase());
        name = next;
    }
    chain
}

#[cfg(test)]
mod tests {
    use hickory_proto::{
        op::{Message, MessageType, OpCode, Query},
        rr::{RData, Record, rdata},
    };

    use super::*;

    fn name(number: usize) -> Name {
        Name::from_ascii(format!("n{number}.example.")).unwrap()
    }

    fn question() -> Question {
        Question { id: 7, name: name(0), kind: RecordType::A }
    }

    fn message() -> Message {
        let mut message = Message::new(7, MessageType::Response, OpCode::Query);
        message.metadata.recursion_available = true;
        message.add_query(Query::query(name(0), RecordType::A));
        message
    }

    fn address(of: usize) -> Record {
        Record::from_rdata(name(of), 60, RData::A(rdata::A::new(10, 0, 0, 4)))
    }

    fn said(bytes: &[u8]) -> Result<(&'static str, usize), NoAnswer> {
        read(bytes, &question(), false).map(|it| (it.reply.word(), it.reply.addresses.len()))
    }

    #[test]
    fn neither_a_long_chain_nor_many_addresses_keep_us_busy() {
        let mut answer = message();
        // The last link comes first, so that every step has to search all records.
        for number in (0..800).rev() {
            let next = RData::CNAME(rdata::CNAME(name(number + 1)));
            answer.add_answer(Record::from_rdata(name(number), 60, next));
        }
        for _ in 0..800 {
            answer.add_answer(address(800));
        }
        let read = read(&answer.to_vec().unwrap(), &question(), true).unwrap();
        assert_eq!((read.reply.chain.len(), read.reply.addresses.len()), (MAX_CHAIN, MAX_CHAIN));
    }

    #[test]
    fn what_go_takes_and_what_it_does_not() {
        let mut answer = message();
        // Go takes each address, whatever name it belongs to.
        answer.add_answer(address(5));
        let whole = answer.to_vec().unwrap();
        assert_eq!(said(&whole), Ok(("NOERROR", 1)));
        // Something broken behind the answers does not matter.
        let mut broken = whole.clone();
        broken[11] = 1;
        broken.extend([0xff, 0xff, 0]);
        assert_eq!(said(&broken), Ok(("NOERROR", 1)));
        // Nothing can be read of what should be an answer.
        let cut = &whole[..whole.len() - 6];
        assert_eq!(said(cut), Err(NoAnswer::Unusable("cannot unmarshal DNS message")));
        // The query itself, an answer without its question, another number, another name.
        let with = |place: usize, byte: u8| {
            let mut bytes = whole.clone();
            bytes[place] = byte;
            bytes
        };
        for stray in [with(2, 0x01), with(5, 0), with(1, 8), with(13, b'm'), b"no DNS".to_vec()] {
            assert_eq!(said(&stray), Err(NoAnswer::Stray), "{stray:?}");
        }
        assert_eq!(said(&with(5, 2)), Err(NoAnswer::Unusable("invalid DNS response")));
    }

    #[test]
    fn empty_answers() {
        let empty = message().to_vec().unwrap();
        assert_eq!(said(&empty), Ok(("NODATA", 0)));
        let mut lame = empty.clone();
        lame[3] &= 0x7f;
        assert_eq!(said(&lame), Err(NoAnswer::Unusable("lame referral")));
        for (code, word) in [(1, "FORMERR"), (2, "SERVFAIL"), (3, "NXDOMAIN"), (5, "REFUSED")] {
            let mut refused = empty.clone();
            refused[3] |= code;
            assert_eq!(said(&refused), Ok((word, 0)));
        }
    }
}
