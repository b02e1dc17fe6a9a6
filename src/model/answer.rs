//! Questions to a DNS server, and what came back.

use core::net::IpAddr;
use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "UPPERCASE")]
#[expect(missing_docs, reason = "names of the DNS")]
pub enum RecordType {
    A,
    Aaaa,
    Srv,
    Cname,
    Ptr,
}

impl RecordType {
    /// The type that holds such an address.
    pub fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(_) => Self::A,
            IpAddr::V6(_) => Self::Aaaa,
        }
    }

    /// As it is written.
    pub fn word(self) -> &'static str {
        match self {
            Self::A => "A",
            Self::Aaaa => "AAAA",
            Self::Srv => "SRV",
            Self::Cname => "CNAME",
            Self::Ptr => "PTR",
        }
    }
}

/// A name and a type. Names are absolute, in lower case and without the last dot.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Question {
    /// The name.
    pub name: String,
    /// The type.
    pub kind: RecordType,
}

/// How a question ended. What a server said and what was never heard are kept apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// NOERROR, with records.
    Answered,
    /// NOERROR, without: the name exists, and has no record of this type.
    NoData,
    /// There is no such name.
    NxDomain,
    /// The server could not find out.
    ServFail,
    /// The server does not answer such questions, or not this client's.
    Refused,
    /// Another response code, as RFC 6895 names it.
    Code(String),
    /// Nothing came in time.
    Timeout,
    /// There was no connection, or it broke: why.
    Unreachable(String),
    /// What came is no answer to the question: why.
    Malformed(String),
}

impl Outcome {
    /// In words: the code's own name where a server answered.
    pub fn says(&self) -> String {
        match self {
            Self::Answered => "answered".to_owned(),
            Self::NoData => "no such record (NODATA)".to_owned(),
            Self::NxDomain => "no such name (NXDOMAIN)".to_owned(),
            Self::ServFail => "the server failed (SERVFAIL)".to_owned(),
            Self::Refused => "refused (REFUSED)".to_owned(),
            Self::Code(code) => format!("answered {code}"),
            Self::Timeout => "no answer in time".to_owned(),
            Self::Unreachable(why) => format!("not reached: {why}"),
            Self::Malformed(why) => format!("no usable answer: {why}"),
        }
    }

    /// As JSON spells it.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::NoData => "noData",
            Self::NxDomain => "nxDomain",
            Self::ServFail => "servFail",
            Self::Refused => "refused",
            Self::Code(_) => "code",
            Self::Timeout => "timeout",
            Self::Unreachable(_) => "unreachable",
            Self::Malformed(_) => "malformed",
        }
    }

    /// What the word leaves open: the code, or why nothing was heard.
    pub fn detail(&self) -> Option<&str> {
        match self {
            Self::Code(detail) | Self::Unreachable(detail) | Self::Malformed(detail) => Some(detail),
            _ => None,
        }
    }
}

/// What one server said to one question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// How it ended.
    pub outcome: Outcome,
    /// Addresses, the name that a PTR or CNAME leads to, or `PORT NAME` of an SRV record.
    pub records: BTreeSet<String>,
    /// The names that the asked one is an alias of, in order (CNAME), where the question was for something else.
    pub aliases: Vec<String>,
    /// Seconds that the records may be kept: the least of theirs.
    pub ttl: Option<u32>,
    /// Whether the server said it as the zone's own (the AA bit), and not from a cache.
    pub authoritative: bool,
    /// The SOA record that came with it.
    pub authority: Option<Authority>,
}

/// Whose zone an answer without records is from, and how long its absence may be believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authority {
    /// The zone, without the last dot.
    pub zone: String,
    /// Seconds that the record may be kept.
    pub ttl: u32,
    /// Seconds that an absence may be kept, at most (RFC 2308 5).
    pub minimum: u32,
}

/// How a server was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Way {
    /// As this system resolves names.
    System,
    /// At an address that was given.
    Address,
    /// Through the API server, to a pod.
    PortForward,
}

/// A pod that answers questions, and the port on which it takes them over TCP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DnsPod {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// The port in the pod.
    pub port: u16,
}

/// One server and all that it said.
#[derive(Clone, Debug)]
pub struct Served {
    /// `NAMESPACE/POD`, or the address with its port.
    pub server: String,
    /// How it was reached.
    pub way: Way,
    /// By question; one that was not put to it is not there.
    pub answers: BTreeMap<Question, Answer>,
}

impl Answer {
    /// One that holds nothing but how it ended.
    pub fn ended(outcome: Outcome) -> Self {
        Self {
            outcome,
            records: BTreeSet::new(),
            aliases: Vec::new(),
            ttl: None,
            authoritative: false,
            authority: None,
        }
    }
}

impl Served {
    /// What is known where a server could not even be found or named: to every question, why.
    pub fn unreachable(server: &str, way: Way, questions: &[Question], why: &str) -> Self {
        let answer = |question: &Question| (question.clone(), Answer::ended(Outcome::Unreachable(why.to_owned())));
        Self {
            server: server.to_owned(),
            way,
            answers: questions.iter().map(answer).collect(),
        }
    }

    /// Why no question was answered, where the same was said of each: there was no connection.
    pub fn never_reached(&self) -> Option<&str> {
        let mut reasons = self.answers.values().map(|answer| match &answer.outcome {
            Outcome::Unreachable(why) => Some(why.as_str()),
            _ => None,
        });
        let first = reasons.next()??;
        reasons.all(|why| why == Some(first)).then_some(first)
    }
}
