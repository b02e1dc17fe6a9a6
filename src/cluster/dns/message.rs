//! One question as a message, and one message as an answer. Parsing is hickory's; what is believed is decided here.

use std::collections::BTreeSet;

use hickory_resolver::proto::op::{Message, MessageType, OpCode, Query, ResponseCode};
use hickory_resolver::proto::rr::{DNSClass, Name, RData, Record, RecordType as Type};

use crate::model::answer::{Answer, Authority, Outcome, Question, RecordType};

/// Bytes of text kept of one answer. A message of 64 KiB holds less where its names are not compressed, as those of SRV
/// records never are (RFC 2782); compressed ones can stand for megabytes.
const MOST_TEXT: usize = 128 * 1024;
/// Names that one question may lead through.
const MOST_ALIASES: usize = 16;
/// Bytes before the sections of a message (RFC 1035 4.1.1).
const HEADER: usize = 12;

/// What came as an answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// This.
    Whole(Answer),
    /// Its beginning: it should be asked for over TCP (the TC bit, RFC 7766 5).
    Truncated,
}

/// A question as a message, with a random id that is not `taken`.
///
/// # Errors
/// A name that no message can hold: too long, or with a label that is.
pub(super) fn encode(question: &Question, taken: impl Fn(u16) -> bool) -> Result<(u16, Vec<u8>), Outcome> {
    let impossible = |_| malformed("the DNS has no room for this name");
    let name = Name::from_ascii(format!("{}.", question.name)).map_err(|_| malformed("the DNS has no such names"))?;
    let mut message = Message::query();
    while taken(message.metadata.id) {
        message = Message::query();
    }
    // What stands between may ask on, as node-local caches do.
    message.metadata.recursion_desired = true;
    message.add_query(Query::query(name, wire(question.kind)));
    let bytes = message.to_vec().map_err(impossible)?;
    Ok((message.metadata.id, bytes))
}

/// The id of a message, if it has one.
pub(super) fn id(message: &[u8]) -> Option<u16> {
    Some(u16::from_be_bytes([*message.first()?, *message.get(1)?]))
}

/// What a message says to a question; its id is already known to be the question's.
pub(super) fn decode(question: &Question, bytes: &[u8]) -> Heard {
    match read(question, bytes) {
        Ok(heard) => heard,
        Err(why) => Heard::Whole(Answer::ended(malformed(why))),
    }
}

pub(super) fn malformed(why: &str) -> Outcome {
    Outcome::Malformed(why.to_owned())
}

fn read(question: &Question, bytes: &[u8]) -> Result<Heard, &'static str> {
    // The parser makes room for as many questions as are announced.
    match bytes.get(4..6) {
        Some([0, 0 | 1]) if bytes.len() >= HEADER => {}
        Some(_) if bytes.len() >= HEADER => return Err("the answer holds several questions"),
        _ => return Err("the answer is too short to be one"),
    }
    let message = Message::from_vec(bytes).map_err(|_| "the answer cannot be parsed")?;
    let head = &message.metadata;
    if head.message_type != MessageType::Response || head.op_code != OpCode::Query {
        return Err("a question came, and not an answer");
    }
    match message.queries.first() {
        Some(asked)
            if text(&asked.name) == question.name
                && asked.query_type == wire(question.kind)
                && asked.query_class == DNSClass::IN => {}
        Some(_) => return Err("the answer is for another question"),
        // Some servers leave it out where they refuse.
        None if head.response_code != ResponseCode::NoError => {}
        None => return Err("the answer does not say what was asked"),
    }
    if head.truncation {
        return Ok(Heard::Truncated);
    }
    let (aliases, own) = chain(question, &message.answers)?;
    let records: BTreeSet<String> = own.iter().filter_map(|record| value(question.kind, record)).collect();
    if records.iter().map(String::len).sum::<usize>() > MOST_TEXT {
        return Err("the answer holds more than any real one");
    }
    let outcome = match head.response_code {
        ResponseCode::NoError if !records.is_empty() => Outcome::Answered,
        ResponseCode::NoError if aliases.is_empty() && !message.answers.is_empty() => {
            return Err("the records of the answer are of other names or types");
        }
        ResponseCode::NoError => Outcome::NoData,
        ResponseCode::NXDomain => Outcome::NxDomain,
        ResponseCode::ServFail => Outcome::ServFail,
        ResponseCode::Refused => Outcome::Refused,
        ResponseCode::Unknown(code) => Outcome::Code(format!("RCODE {code}")),
        code => Outcome::Code(format!("{code:?}")),
    };
    // Of an error nothing is believed but the way to it.
    let records = if outcome == Outcome::Answered {
        records
    } else {
        BTreeSet::new()
    };
    Ok(Heard::Whole(Answer {
        outcome,
        records,
        aliases,
        ttl: own.iter().map(|record| record.ttl).min(),
        authoritative: head.authoritative,
        authority: message.authorities.iter().find_map(authority),
    }))
}

/// The names that the asked one is an alias of, and the records that answer: the aliases themselves and those of the last.
fn chain<'m>(question: &Question, answers: &'m [Record]) -> Result<(Vec<String>, Vec<&'m Record>), &'static str> {
    let known: Vec<(String, &Record)> = answers
        .iter()
        .filter(|record| record.dns_class == DNSClass::IN)
        .map(|record| (text(&record.name), record))
        .collect();
    let alias = |owner: &str| {
        known.iter().find_map(|(name, record)| match &record.data {
            RData::CNAME(target) if name == owner => Some((text(&target.0), *record)),
            _ => None,
        })
    };
    let (mut at, mut aliases, mut own) = (question.name.clone(), Vec::new(), Vec::new());
    // A question for the alias is answered by it.
    if question.kind != RecordType::Cname {
        while let Some((target, record)) = alias(&at) {
            if aliases.len() == MOST_ALIASES || target == question.name || aliases.contains(&target) {
                return Err("the aliases of the answer lead round in a circle");
            }
            own.push(record);
            aliases.push(target.clone());
            at = target;
        }
    }
    let wanted = wire(question.kind);
    let last = known
        .iter()
        .filter(|(name, record)| *name == at && record.record_type() == wanted);
    own.extend(last.map(|(_, record)| *record));
    Ok((aliases, own))
}

/// A record as text, as `model::answer` has it; none where it is of another type.
fn value(kind: RecordType, record: &Record) -> Option<String> {
    match (&record.data, kind) {
        (RData::A(address), RecordType::A) => Some(address.to_string()),
        (RData::AAAA(address), RecordType::Aaaa) => Some(address.to_string()),
        (RData::SRV(srv), RecordType::Srv) => Some(format!("{} {}", srv.port, text(&srv.target))),
        (RData::CNAME(target), RecordType::Cname) => Some(text(&target.0)),
        (RData::PTR(target), RecordType::Ptr) => Some(text(&target.0)),
        _ => None,
    }
}

fn authority(record: &Record) -> Option<Authority> {
    let RData::SOA(soa) = &record.data else { return None };
    Some(Authority {
        zone: text(&record.name),
        ttl: record.ttl,
        minimum: soa.minimum,
    })
}

/// A name in lower case and without the last dot; bytes that are no letters stand there as numbers.
fn text(name: &Name) -> String {
    let text = name.to_ascii().to_ascii_lowercase();
    text.strip_suffix('.').map(str::to_owned).unwrap_or(text)
}

fn wire(kind: RecordType) -> Type {
    match kind {
        RecordType::A => Type::A,
        RecordType::Aaaa => Type::AAAA,
        RecordType::Srv => Type::SRV,
        RecordType::Cname => Type::CNAME,
        RecordType::Ptr => Type::PTR,
    }
}
