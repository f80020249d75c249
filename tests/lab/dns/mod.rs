//! Name servers that resolve recursively from a table of records, each with its own fault.

mod listen;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use hickory_proto::op::{Edns, Message, MessageType, OpCode, ResponseCode};
use hickory_proto::rr::rdata::{A, AAAA, CNAME, SOA, TXT};
use hickory_proto::rr::{Name, RData, Record, RecordType};

use crate::azure::{Linked, LinkedZone};
pub(crate) use listen::{Faulty, Source, listen};

/// The number of seconds for which a negative answer may be cached.
const NEGATIVE_TTL: u32 = 30;

/// The records of a server, by name in lower case without the last dot.
#[derive(Debug, Clone, Default)]
pub(crate) struct Records(HashMap<String, Vec<Record>>);

impl Records {
    /// Parses `TTL TYPE DATA` lines. The second table overrides the first; an empty list removes a
    /// name.
    pub(crate) fn read(
        all: &BTreeMap<String, Vec<String>>,
        own: &BTreeMap<String, Vec<String>>,
    ) -> Result<Self, String> {
        let mut records = HashMap::new();
        for (name, lines) in all.iter().chain(own) {
            let owner = Name::from_ascii(format!("{}.", name.trim_end_matches('.')))
                .map_err(|why| format!("{name}: {why}"))?;
            let read: Option<Vec<_>> = lines.iter().map(|line| record(&owner, line)).collect();
            let read = read.ok_or_else(|| format!("{name}: not all are TTL TYPE DATA"))?;
            if read.is_empty() {
                records.remove(&key(&owner));
            } else {
                records.insert(key(&owner), read);
            }
        }
        Ok(Self(records))
    }

    /// Returns the same records, but for names in these private zones: only what is in them exists,
    /// and in those that redirect, what they lack as in public DNS.
    pub(crate) fn with_zones(&self, zones: &Linked) -> Self {
        let mut own = self.0.clone();
        for LinkedZone { name: zone, records, redirects } in zones {
            let below = format!(".{zone}");
            own.retain(|name, _| *redirects || (name != zone && !name.ends_with(&below)));
            for (name, lines) in
                records.iter().filter(|(_, lines)| !(*redirects && lines.is_empty()))
            {
                let Ok(owner) = Name::from_ascii(format!("{name}.")) else { continue };
                own.insert(
                    key(&owner),
                    lines.iter().filter_map(|line| record(&owner, line)).collect(),
                );
            }
        }
        Self(own)
    }

    /// Returns every owner name.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// Returns every address in a record.
    pub(crate) fn addresses(&self) -> impl Iterator<Item = IpAddr> {
        self.0.values().flatten().filter_map(|record| record.data.ip_addr())
    }

    /// Returns the addresses at the end of a name's CNAME chain, IPv4 first.
    pub(crate) fn addresses_of(&self, name: &str) -> Vec<IpAddr> {
        let Ok(name) = Name::from_ascii(format!("{name}.")) else { return Vec::new() };
        let ends = [RecordType::A, RecordType::AAAA].map(|kind| self.resolve(&name, kind).0);
        ends.iter().flatten().filter_map(|record| record.data.ip_addr()).collect()
    }

    /// Follows the CNAME chain of a name: returns the records on it and how it ended.
    fn resolve(
        &self,
        asked: &Name,
        kind: RecordType,
    ) -> (Vec<Record>, ResponseCode, Option<Record>) {
        let mut answers = Vec::new();
        let mut name = asked.clone();
        let mut seen = HashSet::new();
        while seen.insert(key(&name)) {
            let Some(here) = self.0.get(&key(&name)) else {
                let below = format!(".{}", key(&name));
                let above = self.0.keys().any(|known| known.ends_with(&below));
                let code = if above { ResponseCode::NoError } else { ResponseCode::NXDomain };
                return (answers, code, start_of_authority(&name));
            };
            let alias = here.iter().find_map(|record| match &record.data {
                RData::CNAME(CNAME(target)) if kind != RecordType::CNAME => {
                    Some((record.clone(), target.clone()))
                }
                _ => None,
            });
            if let Some((record, target)) = alias {
                answers.push(record);
                name = target;
                continue;
            }
            let before = answers.len();
            answers.extend(
                here.iter()
                    .filter(|record| kind == RecordType::ANY || record.record_type() == kind)
                    .cloned(),
            );
            let none = answers.len() == before;
            let authority = if none { start_of_authority(&name) } else { None };
            return (answers, ResponseCode::NoError, authority);
        }
        // A loop: each of its records is returned once, and it has no address.
        (answers, ResponseCode::NoError, None)
    }

    /// Returns the answer of a healthy server.
    pub(crate) fn answer(&self, question: &Message) -> Message {
        let mut answer = reply(question, ResponseCode::NoError);
        match &question.queries[..] {
            [query] if question.metadata.op_code == OpCode::Query => {
                let (answers, code, authority) = self.resolve(&query.name, query.query_type);
                answer.metadata.response_code = code;
                answer.add_answers(answers);
                answer.add_authorities(authority);
            }
            _ => answer.metadata.response_code = ResponseCode::FormErr,
        }
        answer
    }
}

/// Returns an answer without records.
fn reply(question: &Message, code: ResponseCode) -> Message {
    let mut answer =
        Message::new(question.metadata.id, MessageType::Response, question.metadata.op_code);
    answer.metadata.recursion_desired = question.metadata.recursion_desired;
    answer.metadata.recursion_available = true;
    answer.metadata.response_code = code;
    answer.add_queries(question.queries.iter().cloned());
    if question.edns.is_some() {
        let mut edns = Edns::new();
        edns.set_max_payload(1232);
        answer.set_edns(edns);
    }
    answer
}

/// Returns NXDOMAIN for any name.
fn denial(question: &Message) -> Message {
    let mut answer = reply(question, ResponseCode::NXDomain);
    answer.add_authorities(
        question.queries.first().and_then(|query| start_of_authority(&query.name)),
    );
    answer
}

fn record(owner: &Name, line: &str) -> Option<Record> {
    let mut words = line.splitn(3, ' ');
    let ttl = words.next()?.parse().ok()?;
    let kind = words.next()?;
    let data = words.next()?;
    let data = match kind {
        "A" => RData::A(A(Ipv4Addr::from_str(data).ok()?)),
        "AAAA" => RData::AAAA(AAAA(Ipv6Addr::from_str(data).ok()?)),
        "CNAME" => {
            let target = format!("{}.", data.trim_end_matches('.'));
            RData::CNAME(CNAME(Name::from_ascii(target).ok()?))
        }
        "TXT" => RData::TXT(TXT::new(vec![data.to_owned()])),
        _ => return None,
    };
    Some(Record::from_rdata(owner.clone(), ttl, data))
}

fn key(name: &Name) -> String {
    name.to_lowercase().to_ascii().trim_end_matches('.').to_owned()
}

/// Returns the zone whose SOA record proves a negative answer: the private zone if the name is in
/// one, else the last two labels.
fn start_of_authority(name: &Name) -> Option<Record> {
    let text = key(name);
    let zone = match text.find("privatelink.") {
        Some(at) => &text[at..],
        None => text.rmatch_indices('.').nth(1).map_or(&text[..], |(at, _)| &text[at + 1..]),
    };
    let zone = Name::from_ascii(format!("{zone}.")).ok()?;
    let server = Name::from_ascii(format!("ns1.{zone}")).ok()?;
    let owner = Name::from_ascii(format!("hostmaster.{zone}")).ok()?;
    let soa = SOA::new(server, owner, 1, 3600, 300, 86_400, NEGATIVE_TTL);
    Some(Record::from_rdata(zone, NEGATIVE_TTL, RData::SOA(soa)))
}
