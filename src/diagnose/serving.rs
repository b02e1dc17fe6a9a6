//! Where the answers of DNS servers depart from what the slices publish: the facts that the rules about servers share.
//! Compared is with what is published, because a server cannot know better; why that may be wrong is for other rules.

use serde_json::Value;

use super::context::Context;
use super::finding::{Evidence, ObjectRef, Remedy, Safety};
use crate::dns::configured::{self, Configured};
use crate::dns::corefile::{Directive, ServerBlock, is_reverse, within};
use crate::dns::{Heard, Row, same};
use crate::model::answer::{Answer, Authority, Outcome, Question, RecordType, Served, Way};

/// A server that was asked, and where it says otherwise.
#[derive(Debug)]
pub struct Asked<'c> {
    /// The server.
    pub served: &'c Served,
    /// What it says otherwise, in the order of the records.
    pub departures: Vec<Departure<'c>>,
}

/// An answer that is not what is published.
#[derive(Clone, Copy, Debug)]
pub struct Departure<'c> {
    /// The record.
    pub row: &'c Row,
    /// What was said of it.
    pub answer: &'c Answer,
    /// How that departs.
    pub kind: Kind,
}

/// How an answer departs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// None was heard, or none that can be used.
    Silent,
    /// The server does not answer for this name.
    Refused,
    /// The server could not find out.
    Failed,
    /// No such record, though one is published.
    Absent,
    /// Other records than those that are published.
    Otherwise,
}

/// All servers that were asked, in their order.
pub fn asked<'c>(cx: &'c Context<'_>) -> Vec<Asked<'c>> {
    let rows = &cx.records().rows;
    let each = |served: &'c Served| {
        let heard = |row: &'c Row| row.served.iter().find(|heard| heard.server == served.server);
        let departures = rows.iter().filter_map(|row| departure(row, heard(row)?));
        Asked {
            served,
            departures: departures.collect(),
        }
    };
    cx.served.iter().map(each).collect()
}

fn departure<'c>(row: &'c Row, heard: &'c Heard) -> Option<Departure<'c>> {
    let right = row.published.as_ref().or(row.expected.as_ref());
    let kind = match &heard.answer.outcome {
        Outcome::Timeout | Outcome::Unreachable(_) | Outcome::Malformed(_) => Kind::Silent,
        Outcome::Refused => Kind::Refused,
        Outcome::ServFail | Outcome::Code(_) => Kind::Failed,
        Outcome::NoData | Outcome::NxDomain if right?.is_empty() => return None,
        Outcome::NoData | Outcome::NxDomain => Kind::Absent,
        Outcome::Answered if same(row.question.kind, right?, &heard.answer.records) => return None,
        // An address leads back to a name below every Service that has it.
        Outcome::Answered if row.question.kind == RecordType::Ptr && right?.is_empty() => return None,
        Outcome::Answered => Kind::Otherwise,
    };
    Some(Departure {
        row,
        answer: &heard.answer,
        kind,
    })
}

impl<'c> Asked<'c> {
    /// The server as an object: its pod, where it was reached as one.
    pub fn object(&self) -> ObjectRef {
        match (self.served.way, self.served.server.split_once('/')) {
            (Way::PortForward, Some((namespace, pod))) => ObjectRef::named("Pod", namespace, pod),
            _ => ObjectRef::named("Server", "", &self.served.server),
        }
    }

    /// Its namespace and pod, where it was reached as one.
    pub fn pod(&self) -> Option<(&'c str, &'c str)> {
        let pod = self.served.way == Way::PortForward;
        self.served.server.split_once('/').filter(|_| pod)
    }

    /// Whether there was no server to ask: a port-forward leads to a pod, and none was found.
    pub fn nobody(&self, cx: &Context<'_>) -> bool {
        let services = &cx.linked.snapshot.cluster_dns.services.items;
        let service = |(namespace, name): (&str, &str)| {
            let mut known = services.iter().map(|service| &service.metadata);
            known.any(|known| known.namespace == namespace && known.name == name)
        };
        self.served.way == Way::PortForward && self.pod().is_none_or(service)
    }

    /// Whether another server says what is published of this record.
    pub fn others_agree(&self, departure: &Departure<'_>) -> bool {
        let others = departure.row.served.iter();
        let mut others = others.filter(|heard| heard.server != self.served.server);
        others.any(|heard| self::departure(departure.row, heard).is_none())
    }

    /// What it said, as evidence: of the first few records, and how many more there are.
    pub fn evidence(&self, departures: &[Departure<'_>]) -> Vec<Evidence> {
        const SHOWN: usize = 3;
        let shown = departures.iter().take(SHOWN).map(|departure| {
            let path = format!("answer/{}", spelled(departure));
            Evidence::field(self.object(), &path, said(departure.answer))
        });
        let rest = departures.len().saturating_sub(SHOWN);
        let rest = (rest > 0).then(|| Evidence::field(self.object(), "answer", format!("{rest} more such answers")));
        shown.chain(rest).collect()
    }
}

/// The record's name and type.
pub fn spelled(departure: &Departure<'_>) -> String {
    let question = &departure.row.question;
    format!("{} {}", question.name, question.kind.word())
}

/// The ordinals whose records these are, each once.
pub fn ordinals(departures: &[Departure<'_>]) -> Vec<i64> {
    let mut ordinals: Vec<i64> = departures
        .iter()
        .filter_map(|departure| departure.row.ordinal)
        .collect();
    ordinals.sort_unstable();
    ordinals.dedup();
    ordinals
}

/// How many records, by the names that people use: the pods' and the Service's own before the ways back.
pub fn counted(departures: &[Departure<'_>]) -> String {
    let forward = departures
        .iter()
        .find(|departure| departure.row.question.kind != RecordType::Ptr);
    let first = forward.or(departures.first()).map(spelled).unwrap_or_default();
    match departures.len() {
        0 | 1 => first,
        many => format!("{first} and {} more", many - 1),
    }
}

/// An answer in words, with the seconds for which it may be believed.
fn said(answer: &Answer) -> Value {
    let records: Vec<_> = answer.records.iter().map(String::as_str).collect();
    let what = match &answer.outcome {
        Outcome::Answered => records.join(" "),
        other => other.says(),
    };
    let kept = match (&answer.authority, answer.ttl) {
        (Some(soa), _) => format!("; SOA {} ttl {} minimum {}", soa.zone, soa.ttl, soa.minimum),
        (None, Some(ttl)) => format!("; ttl {ttl}"),
        (None, None) => String::new(),
    };
    (what + &kept).into()
}

/// To wait for as long as a cache may keep what it has.
pub fn patience(left: Option<u32>) -> Remedy {
    let how_long = left.map_or("a minute".to_owned(), |left| format!("{left} seconds at most"));
    Remedy::new(
        format!("wait {how_long}, then ask again; nothing to type"),
        Safety::ReadOnly,
    )
}

/// Where an answer that departs comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// From what the server was asked before. Sure where its seconds have run down.
    Cache {
        /// Whether that is shown.
        sure: bool,
    },
    /// From what the server knew of the cluster before. Sure where another server knows better.
    Behind {
        /// Whether that is shown.
        sure: bool,
    },
    /// The server's configuration wants it so.
    Configured,
    /// Nobody knows: the answer is not in the name of the cluster's zone.
    Elsewhere,
}

/// The answers of a server, where it gave some, that a rule is about, and whether one of them is sure: it shows where they all come from.
pub fn from<'c>(
    cx: &Context<'_>,
    server: &Asked<'c>,
    about: impl Fn(Kind, Origin) -> Option<bool>,
) -> Option<(Vec<Departure<'c>>, bool)> {
    // Who fails has read nothing, or half: then its other answers show nothing.
    if server.departures.iter().any(|departure| departure.kind == Kind::Failed) {
        return None;
    }
    let answered = |departure: &&Departure<'_>| matches!(departure.kind, Kind::Absent | Kind::Otherwise);
    let chosen = server.departures.iter().filter(answered).filter_map(|departure| {
        let sure = about(departure.kind, origin(cx, server, departure))?;
        Some((*departure, sure))
    });
    let (departures, sure): (Vec<_>, Vec<_>) = chosen.unzip();
    (!departures.is_empty()).then(|| (departures, sure.contains(&true)))
}

fn origin(cx: &Context<'_>, server: &Asked<'_>, departure: &Departure<'_>) -> Origin {
    let (question, answer) = (&departure.row.question, departure.answer);
    let name = question.name.as_str();
    let astray = |record: &String| !within(record, &cx.domain.name);
    if question.kind == RecordType::Ptr && departure.kind == Kind::Otherwise && answer.records.iter().all(astray) {
        return Origin::Elsewhere;
    }
    let foreign = |soa: &Authority| !within(&soa.zone, &cx.domain.name) && !is_reverse(&soa.zone);
    let Some(configured) = server.pod().and_then(|pod| corefile_of(cx, pod)) else {
        return match &answer.authority {
            Some(soa) if departure.kind == Kind::Absent && foreign(soa) => Origin::Elsewhere,
            _ => Origin::Cache { sure: false },
        };
    };
    let block = configured.corefile.server(name, None);
    let Some(block) = block.filter(|block| withheld(cx, block, name).is_none()) else {
        return Origin::Configured;
    };
    let other = server.others_agree(departure);
    let zones = block.kubernetes().map(|plugin| plugin.zones).unwrap_or_default();
    let own = answer.authority.as_ref().filter(|soa| zones.contains(&soa.zone));
    let left = match departure.kind {
        // Not in the name of the zone that it should have: it does not have this Corefile. Ways back may fall through.
        Kind::Absent if own.is_none() && question.kind != RecordType::Ptr => return Origin::Behind { sure: other },
        Kind::Absent => own.map(|soa| soa.ttl),
        _ => answer.ttl,
    };
    match (repeats(block, departure), left) {
        (None, _) => Origin::Behind { sure: other },
        (Some(fresh), Some(left)) if left < fresh => Origin::Cache { sure: true },
        // What another server knows and this one does not, with all its seconds left, it may never have known.
        _ if other => Origin::Behind { sure: false },
        _ => Origin::Cache { sure: false },
    }
}

/// Seconds that a server with this block repeats such an answer; `None` where it looks each time.
fn repeats(block: &ServerBlock, departure: &Departure<'_>) -> Option<u32> {
    let name = departure.row.question.name.as_str();
    match departure.kind {
        Kind::Absent => block.repeats_denial(name),
        _ => block.repeats(name),
    }
}

/// How long the server repeats such answers: the seconds, and the line of its Corefile that says so.
pub fn setting(cx: &Context<'_>, server: &Asked<'_>, departures: &[Departure<'_>]) -> Option<(u32, Evidence)> {
    let (configured, first) = (corefile_of(cx, server.pod()?)?, departures.first()?);
    let block = configured.corefile.server(&first.row.question.name, None)?;
    let seconds = repeats(block, first)?;
    let cache = block.plugins("cache").next()?;
    Some((seconds, line(&configured, cache)))
}

/// How long the answer may still be repeated, after `for`, as far as it is known.
pub fn remaining(left: Option<u32>, setting: Option<&(u32, Evidence)>) -> String {
    match (left, setting) {
        (Some(left), Some((seconds, _))) => format!(", for {left} of {seconds} seconds at most"),
        (Some(left), None) => format!(", for {left} seconds at most"),
        (None, _) => String::new(),
    }
}

/// The ConfigMap that a Corefile stands in.
pub fn config_map(configured: &Configured) -> ObjectRef {
    let (namespace, name) = configured.config_map.split_once('/').unwrap_or_default();
    ObjectRef::named("ConfigMap", namespace, name)
}

/// A line of a Corefile as evidence.
pub fn line(configured: &Configured, directive: &Directive) -> Evidence {
    let path = format!("data.Corefile line {}", directive.line);
    Evidence::field(config_map(configured), &path, directive.text())
}

/// A look at the whole of it.
pub fn look(configured: &Configured, text: String) -> Remedy {
    let (namespace, name) = configured.config_map.split_once('/').unwrap_or_default();
    let command = ["kubectl", "get", "configmap", name, "-n", namespace, "-o", "yaml"];
    Remedy::new(text, Safety::ReadOnly).command(&command)
}

/// The Corefile of one DNS pod, as far as it is known.
fn corefile_of(cx: &Context<'_>, (namespace, name): (&str, &str)) -> Option<Configured> {
    let mut pods = cx.linked.snapshot.cluster_dns.pods.items.iter();
    let pod = pods.find(|pod| pod.metadata.namespace == namespace && pod.metadata.name == name)?;
    configured::corefile(cx.linked.snapshot, pod).ok().flatten()
}

/// Why a server block does not answer a name with what is published.
#[derive(Clone, Copy, Debug)]
pub enum Withheld<'b> {
    /// It does not answer the zone from the cluster.
    Zone,
    /// This plugin, or its setting, keeps the record back.
    By(&'b Directive, Keeps),
}

/// What a plugin does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keeps {
    /// Serves other namespaces only.
    Namespaces,
    /// Serves no endpoints.
    Endpoints,
    /// Answers, or changes the question, itself. Sure where no expression decides.
    Name {
        /// Whether that is so for this name.
        sure: bool,
    },
}

/// What the configuration does to a name of this set; `None` where the record is served from the cluster.
pub fn withheld<'b>(cx: &Context<'_>, block: &'b ServerBlock, name: &str) -> Option<Withheld<'b>> {
    if let Some(touch) = block.touches(name).into_iter().max_by_key(|touch| touch.certain) {
        return Some(Withheld::By(touch.plugin, Keeps::Name { sure: touch.certain }));
    }
    let (Some(kubernetes), Some(plugin)) = (block.kubernetes(), block.plugins("kubernetes").next()) else {
        return Some(Withheld::Zone);
    };
    let named = &kubernetes.namespaces;
    match kubernetes.serves(name) {
        false => Some(Withheld::Zone),
        true if kubernetes.no_endpoints => Some(Withheld::By(plugin, Keeps::Endpoints)),
        true if !named.is_empty() && !named.iter().any(|known| known == cx.namespace()) => {
            Some(Withheld::By(plugin, Keeps::Namespaces))
        }
        true => None,
    }
}

/// The questions for names of this set whose records are published; ways back go by the zones of addresses.
pub fn names<'c>(cx: &'c Context<'_>) -> Vec<&'c Question> {
    let published = |row: &&Row| {
        let known = row.published.as_ref().or(row.expected.as_ref());
        known.is_some_and(|records| !records.is_empty()) && row.question.kind != RecordType::Ptr
    };
    cx.records()
        .rows
        .iter()
        .filter(published)
        .map(|row| &row.question)
        .collect()
}
