//! A client of the DNS that shares no code with the tool: one datagram there, one back (RFC 1035 4.1).

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, Ipv6Addr, UdpSocket};
use std::time::Duration;

/// What a server says: how it ended, in the words of the tool's JSON, and the records, written as the tool writes them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    pub outcome: String,
    pub records: BTreeSet<String>,
}

/// Asks once. Silence is an outcome too.
pub fn ask(server: &str, name: &str, kind: &str, patience: Duration) -> Said {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(patience)).unwrap();
    let mut question = vec![0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    for label in name.split('.') {
        question.push(u8::try_from(label.len()).unwrap());
        question.extend(label.as_bytes());
    }
    question.extend([0, 0, number(kind), 0, 1]);
    socket.send_to(&question, server).unwrap();
    let mut buffer = [0; 4096];
    let Ok(length) = socket.recv(&mut buffer) else {
        return said("timeout", BTreeSet::new());
    };
    let message = &buffer[..length];
    assert_eq!(message[..2], question[..2], "another question's answer");
    let records = records(message, number(kind));
    let outcome = match message[3] & 15 {
        0 if records.is_empty() => "noData",
        0 => "answered",
        2 => "servFail",
        3 => "nxDomain",
        5 => "refused",
        _ => "code",
    };
    said(outcome, records)
}

fn said(outcome: &str, records: BTreeSet<String>) -> Said {
    Said {
        outcome: outcome.to_owned(),
        records,
    }
}

fn number(kind: &str) -> u8 {
    match kind {
        "A" => 1,
        "CNAME" => 5,
        "PTR" => 12,
        "AAAA" => 28,
        "SRV" => 33,
        other => panic!("no type {other}"),
    }
}

/// The records of one type in the answer section.
fn records(message: &[u8], wanted: u8) -> BTreeSet<String> {
    let pair = |at: usize| usize::from(message[at]) << 8 | usize::from(message[at + 1]);
    let mut at = name_at(message, 12).1 + 4;
    let mut found = BTreeSet::new();
    for _ in 0..pair(6) {
        at = name_at(message, at).1;
        let (kind, length, data) = (pair(at), pair(at + 8), at + 10);
        let bytes = &message[data..data + length];
        let text = match kind {
            1 => Ipv4Addr::from(<[u8; 4]>::try_from(bytes).unwrap()).to_string(),
            28 => Ipv6Addr::from(<[u8; 16]>::try_from(bytes).unwrap()).to_string(),
            33 => format!("{} {}", pair(data + 4), name_at(message, data + 6).0),
            _ => name_at(message, data).0,
        };
        // An alias comes with the address that it leads to.
        if kind == usize::from(wanted) {
            found.insert(text);
        }
        at = data + length;
    }
    found
}

/// A name, and where what follows it begins.
fn name_at(message: &[u8], mut at: usize) -> (String, usize) {
    let (mut labels, mut after) = (Vec::new(), None);
    loop {
        match usize::from(message[at]) {
            0 => return (labels.join("."), after.unwrap_or(at + 1)),
            length if length < 64 => {
                labels.push(String::from_utf8(message[at + 1..=at + length].to_vec()).unwrap());
                at += length + 1;
            }
            pointer => {
                after.get_or_insert(at + 2);
                at = (pointer & 63) << 8 | usize::from(message[at + 1]);
            }
        }
    }
}
