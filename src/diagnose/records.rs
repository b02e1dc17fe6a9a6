//! What `dns` says of a set: every record that it should have beside what is published and served, and the rules' words
//! on what differs.

use std::collections::BTreeSet;

use serde::Serialize;

use super::context::Context;
use super::examine;
use super::finding::{Finding, Severity};
use super::report::NotChecked;
use crate::dns::{Absence, Heard, Row};
use crate::model::answer::{RecordType, Served, Way};
use crate::model::rounds::DNS;

/// One set's records, in the shape of the JSON contract.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SetRecords {
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
    /// The cluster domain.
    pub domain: String,
    /// How it is known.
    pub domain_known_from: String,
    /// `spec.serviceName`; empty where the set names none.
    pub service: String,
    /// What that is.
    pub service_standing: Standing,
    /// Whether everything is as it should be; `None` where that is not known.
    pub agrees: Option<bool>,
    /// The servers that were asked.
    pub servers: Vec<Server>,
    /// In the order of the ordinals; then the Service's own.
    pub records: Vec<Record>,
    /// What the rules said of names, roots first.
    pub findings: Vec<Finding>,
    /// What could not be looked at.
    pub not_checked: Vec<NotChecked>,
}

/// What the governing Service is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Standing {
    /// The set names no Service: its pods have no names.
    None,
    /// Each pod has a name.
    Headless,
    /// It has an address of its own.
    VirtualIp,
    /// Another name for something outside.
    ExternalName,
    /// It does not exist.
    Missing,
    /// Services could not be read.
    Unknown,
}

/// A server that was asked.
#[derive(Clone, Debug, Serialize)]
pub struct Server {
    /// `NAMESPACE/POD`, or the address with its port.
    pub name: String,
    /// How it was reached.
    pub way: Way,
}

/// One question with its answers.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    /// The ordinal whose record it is; null for the Service's own, and for those of strangers.
    pub ordinal: Option<i64>,
    /// What is asked for.
    pub name: String,
    /// The type.
    #[serde(rename = "type")]
    pub kind: RecordType,
    /// What the answer should be; null when pods could not be read.
    pub expected: Option<BTreeSet<String>>,
    /// Why there should be none now.
    pub absent: Option<Absence>,
    /// What the slices say; null when they could not be read.
    pub published: Option<BTreeSet<String>>,
    /// What servers say; null where none was asked.
    pub served: Option<Vec<ServedAnswer>>,
    /// Whether all of it is the same; null where nothing is known.
    pub agrees: Option<bool>,
    /// Whether an answer that should be there is not published or not served.
    pub lacks: bool,
    /// The first difference in words.
    pub difference: Option<String>,
}

/// What one server said.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ServedAnswer {
    /// Which.
    pub server: String,
    /// How it ended.
    pub outcome: &'static str,
    /// The response code, or why nothing was heard.
    pub detail: Option<String>,
    /// The records.
    pub records: BTreeSet<String>,
    /// The names that the asked one is an alias of, in order.
    pub aliases: Vec<String>,
    /// Seconds that they may be kept.
    pub ttl: Option<u32>,
    /// Whether the server said it as the zone's own.
    pub authoritative: bool,
    /// The zone's SOA record that came with it.
    pub authority: Option<Zone>,
}

/// Whose zone an answer without records is from.
#[derive(Clone, Debug, Serialize)]
pub struct Zone {
    /// Its name.
    pub zone: String,
    /// Seconds that the record may be kept.
    pub ttl: u32,
    /// Seconds that an absence may be kept at most.
    pub minimum: u32,
}

/// Lays out the records of one set, and asks the rules about names.
pub fn records(cx: &Context<'_>) -> SetRecords {
    let rows = &cx.records().rows;
    let (findings, mut gaps) = examine(cx, |rule| rule.code.starts_with("STS4"));
    // A recording may lack more than names are about.
    gaps.extend(cx.gaps().filter(|gap| DNS.resources.contains(&gap.resource)).cloned());
    let snapshot = cx.linked.snapshot;
    gaps.extend(
        snapshot
            .network_policies
            .gaps
            .iter()
            .chain(snapshot.cluster_dns.gaps())
            .cloned(),
    );
    let not_checked: BTreeSet<_> = gaps.iter().map(NotChecked::from).collect();
    let differs = rows.iter().any(|row| row.agrees() == Some(false));
    let blind = !cx.set().spec.service_name.is_empty() && cx.need(&cx.linked.snapshot.pods).is_err();
    let unknown = blind || rows.iter().any(|row| row.agrees().is_none());
    let set = cx.set();
    SetRecords {
        namespace: set.metadata.namespace.clone(),
        name: set.metadata.name.clone(),
        domain: cx.domain.name.to_string(),
        domain_known_from: cx.domain.known_from.words(),
        service: set.spec.service_name.clone(),
        service_standing: standing(cx),
        agrees: match (differs, unknown) {
            (true, _) => Some(false),
            (false, true) => None,
            (false, false) => Some(true),
        },
        servers: cx.served.iter().map(server).collect(),
        records: rows.iter().map(|row| record(row, !cx.served.is_empty())).collect(),
        findings,
        not_checked: not_checked.into_iter().collect(),
    }
}

fn standing(cx: &Context<'_>) -> Standing {
    match cx.model.service {
        _ if cx.set().spec.service_name.is_empty() => Standing::None,
        Some(service) if service.headless() => Standing::Headless,
        Some(service) if service.external() => Standing::ExternalName,
        Some(_) => Standing::VirtualIp,
        None if cx.need(&cx.linked.snapshot.services).is_ok() => Standing::Missing,
        None => Standing::Unknown,
    }
}

fn server(served: &Served) -> Server {
    Server {
        name: served.server.clone(),
        way: served.way,
    }
}

fn record(row: &Row, asked: bool) -> Record {
    Record {
        ordinal: row.ordinal,
        name: row.question.name.clone(),
        kind: row.question.kind,
        expected: row.expected.clone(),
        absent: row.absence,
        published: row.published.clone(),
        served: asked.then(|| row.served.iter().map(answer).collect()),
        agrees: row.agrees(),
        lacks: row.lacks(),
        difference: row.difference().map(|difference| difference.says()),
    }
}

fn answer(heard: &Heard) -> ServedAnswer {
    let answer = &heard.answer;
    ServedAnswer {
        server: heard.server.clone(),
        outcome: answer.outcome.word(),
        detail: answer.outcome.detail().map(str::to_owned),
        records: answer.records.clone(),
        aliases: answer.aliases.clone(),
        ttl: answer.ttl,
        authoritative: answer.authoritative,
        authority: answer.authority.as_ref().map(|authority| Zone {
            zone: authority.zone.clone(),
            ttl: authority.ttl,
            minimum: authority.minimum,
        }),
    }
}

impl ServedAnswer {
    /// Whether the server said anything that can be used.
    pub fn heard(&self) -> bool {
        !["timeout", "unreachable", "malformed"].contains(&self.outcome)
    }
}

impl Record {
    /// Whether any server said anything to it, whatever it was.
    pub fn heard(&self) -> bool {
        self.served.iter().flatten().any(ServedAnswer::heard)
    }
}

impl SetRecords {
    /// Whether a rule found something broken.
    pub fn broken(&self) -> bool {
        self.findings.iter().any(|finding| finding.severity == Severity::Error)
    }

    /// Whether the answer is no: a record that should be there is not, nobody can say, or something is broken.
    pub fn fails(&self) -> bool {
        self.agrees.is_none() || self.broken() || self.records.iter().any(|record| record.lacks)
    }
}
