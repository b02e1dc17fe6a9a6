//! `dns`: a line an ordinal where its records agree, a line a record where they do not, and what to do about it.

use std::collections::BTreeSet;

use owo_colors::OwoColorize as _;

use super::Layout;
use super::cell::{cell, cut};
use super::diagnosis::{likely, not_checked, remedies};
use super::table::sparse;
use crate::diagnose::finding::Finding;
use crate::diagnose::records::{Record, ServedAnswer, SetRecords, Standing};
use crate::dns::{Absence, same};
use crate::model::answer::{RecordType, Way};

/// Longer tables fold the ordinals whose records agree.
const SCREEN: usize = 30;
/// A run of fewer ordinals is not worth folding.
const SHORTEST_RUN: usize = 4;
/// How much of a cell is shown; JSON has it whole.
const WIDEST: usize = 60;

/// One set's records. `rows`: each in a line of its own.
pub fn dns(origin: &str, set: &SetRecords, rows: bool, layout: &Layout) -> String {
    let name = format!("{}/{}", cell(&set.namespace), cell(&set.name));
    let mut text = format!(
        "{}  {}   {}\n",
        cell(origin),
        name.style(layout.palette.strong),
        service(set)
    );
    text += &headline(set, layout);
    let header = ["ORD", "NAME", "TYPE", "EXPECTED", "PUBLISHED", "SERVED"];
    let lines = match rows {
        true => set.records.iter().map(|record| single(set, record, layout)).collect(),
        false => folded(set, layout),
    };
    if !lines.is_empty() {
        text += &sparse(&header, lines, layout);
        text += &layout.labelled("Names", &names(set));
    }
    for server in &set.servers {
        text += &layout.labelled("Asked", &asked(set, &server.name, server.way));
    }
    for finding in &set.findings {
        text += &said(finding, layout);
    }
    if let ([], Some(first)) = (set.findings.as_slice(), unexplained(set)) {
        text += &layout.labelled("First", &first);
    }
    text + &not_checked(&set.not_checked, layout)
}

/// The first difference, where no rule says why.
fn unexplained(set: &SetRecords) -> Option<String> {
    let mut records = set.records.iter();
    let (record, says) = records.find_map(|record| Some((record, record.difference.as_deref()?)))?;
    Some(format!("{} {}: {}", name(set, record), record.kind.word(), cell(says)))
}

/// How the names of the table are to be read: as pods of the namespace may write them.
fn names(set: &SetRecords) -> String {
    let (namespace, suffix, known) = (cell(&set.namespace), suffix(set), cell(&set.domain_known_from));
    format!(
        "as pods in {namespace} may write them; in other namespaces with .{namespace}, in full with {} (domain {known})",
        cell(&suffix)
    )
}

fn service(set: &SetRecords) -> String {
    let name = cell(&set.service);
    match set.service_standing {
        Standing::None => "no Service is named".to_owned(),
        Standing::Headless => format!("Service {name}, headless"),
        Standing::VirtualIp => format!("Service {name}, not headless"),
        Standing::ExternalName => format!("Service {name}, an ExternalName"),
        Standing::Missing => format!("Service {name}, missing"),
        Standing::Unknown => format!("Service {name}, not read"),
    }
}

/// What all names of the set's Service end in.
fn suffix(set: &SetRecords) -> String {
    format!(".{}.svc.{}", set.namespace, set.domain)
}

/// The answer in one line.
fn headline(set: &SetRecords, layout: &Layout) -> String {
    let wanted = |record: &&Record| record.expected.as_ref().is_some_and(|expected| !expected.is_empty());
    let expected = set.records.iter().filter(wanted).count();
    let lacking = set.records.iter().filter(|record| record.lacks).count();
    let served = if set.servers.is_empty() { "" } else { " and served" };
    let silent = !set.servers.is_empty() && !set.records.iter().any(Record::heard);
    let (word, style, says) = match set.agrees {
        Some(false) if silent && set.records.iter().all(is_published) => {
            let says = format!("all {expected} records are published, and no DNS server answered");
            ("DIFFERS", layout.palette.bad, says)
        }
        Some(true) => {
            let says = match (set.service_standing, expected) {
                (Standing::None, _) => "spec.serviceName is empty: pods of this set have no DNS names".to_owned(),
                (_, 0) => "no record should exist now, and none does".to_owned(),
                (_, 1) => format!("the one record is published{served}"),
                (_, all) => format!("all {all} records are published{served}"),
            };
            match set.broken() {
                true => ("AT RISK", layout.palette.bad, says),
                false => ("AGREES", layout.palette.good, says),
            }
        }
        Some(false) if lacking > 0 => {
            let unpublished = set.records.iter().any(|record| record.lacks && !is_published(record));
            let what = if unpublished { "published" } else { "served" };
            let says = format!("{lacking} of {expected} records are not {what} as they should be");
            ("DIFFERS", layout.palette.bad, says)
        }
        Some(false) => {
            let says = "every record that should exist does, and others besides".to_owned();
            ("DIFFERS", layout.palette.watch, says)
        }
        None => {
            let unread = set.not_checked.first();
            let unread = unread.map_or(String::new(), |gap| {
                format!(": {} ({})", cell(&gap.what), cell(&gap.why))
            });
            ("UNKNOWN", layout.palette.watch, format!("it could not be read{unread}"))
        }
    };
    let code = set
        .findings
        .first()
        .filter(|_| set.broken() || set.agrees != Some(true));
    let code = code.map_or(String::new(), |finding| format!("   {}", finding.code));
    format!("{} {says}{code}\n", format!("{word:<11}").style(style))
}

fn is_published(record: &Record) -> bool {
    let both = record.expected.as_ref().zip(record.published.as_ref());
    both.is_none_or(|(expected, published)| expected.is_subset(published))
}

/// A line for every ordinal whose records all stand alike, for every other record, and for the Service's own; on a long
/// table one for every run of ordinals that stand alike.
fn folded(set: &SetRecords, layout: &Layout) -> Vec<Vec<String>> {
    let mut groups: Vec<(&[Record], Option<Alike>)> = Vec::new();
    let mut rest = set.records.as_slice();
    while let Some(first) = rest.first() {
        let many = match first.ordinal {
            Some(_) => rest.iter().take_while(|record| record.ordinal == first.ordinal).count(),
            None => 1,
        };
        let (group, after) = rest.split_at(many);
        groups.push((group, alike(set, group, layout)));
        rest = after;
    }
    let fold = groups.len() > SCREEN;
    let mut lines = Vec::new();
    let mut at = 0;
    while let Some((group, how)) = groups.get(at) {
        let same = |(_, other): &&(&[Record], Option<Alike>)| how.is_some() && other == how;
        let run = groups[at..].iter().take_while(same).count();
        match how {
            Some(how) if fold && run >= SHORTEST_RUN => {
                lines.push(how.range(group, groups[at + run - 1].0, run));
                at += run;
                continue;
            }
            Some(how) => lines.push(how.whole(set, group)),
            None => lines.extend(group.iter().map(|record| single(set, record, layout))),
        }
        at += 1;
    }
    lines
}

/// How all records of an ordinal stand.
#[derive(Debug, PartialEq, Eq)]
struct Alike {
    types: String,
    absent: Option<Absence>,
    published: String,
    served: String,
}

/// How an ordinal's records stand, where all of them do so alike.
fn alike(set: &SetRecords, group: &[Record], layout: &Layout) -> Option<Alike> {
    let first = group.first().filter(|record| record.ordinal.is_some())?;
    let mut lines = group.iter().map(|record| single(set, record, layout));
    let [.., published, served] = lines.next()?.try_into().unwrap_or([const { String::new() }; 6]);
    let same = |line: Vec<String>| line[4] == published && line[5] == served;
    lines.all(same).then(|| Alike {
        types: types(group),
        absent: first.absent,
        published,
        served,
    })
}

impl Alike {
    /// A run of ordinals.
    fn range(&self, first: &[Record], last: &[Record], many: usize) -> Vec<String> {
        let expected = self.absent.map_or("one each".to_owned(), none);
        vec![
            format!("{}–{}", ordinal(&first[0]), ordinal(&last[0])),
            format!("{many} pods"),
            self.types.clone(),
            expected,
            self.published.clone(),
            self.served.clone(),
        ]
    }

    /// One ordinal: its name and its addresses.
    fn whole(&self, set: &SetRecords, group: &[Record]) -> Vec<String> {
        let named = |record: &&Record| record.kind != RecordType::Ptr;
        let shown = group.iter().find(named).unwrap_or(&group[0]);
        let addresses: BTreeSet<_> = group
            .iter()
            .filter(named)
            .filter_map(|record| record.expected.as_ref())
            .flatten()
            .collect();
        vec![
            ordinal(shown),
            name(set, shown),
            self.types.clone(),
            self.absent.map_or_else(|| list(set, addresses), none),
            self.published.clone(),
            self.served.clone(),
        ]
    }
}

fn none(absence: Absence) -> String {
    format!("none: {}", absence.says())
}

fn name(set: &SetRecords, record: &Record) -> String {
    cut(&cell(&short(set, &record.name)), WIDEST)
}

fn types(group: &[Record]) -> String {
    let kinds: BTreeSet<_> = group.iter().map(|record| record.kind).collect();
    let words: Vec<_> = kinds.into_iter().map(RecordType::word).collect();
    words.join(", ")
}

fn ordinal(record: &Record) -> String {
    record.ordinal.map_or("-".to_owned(), |ordinal| ordinal.to_string())
}

/// One record.
fn single(set: &SetRecords, record: &Record, layout: &Layout) -> Vec<String> {
    let expected = match (&record.expected, record.absent) {
        (_, Some(absence)) => none(absence),
        (Some(expected), None) => list(set, expected),
        (None, None) => "?".to_owned(),
    };
    let published = match &record.published {
        None => "?".to_owned(),
        Some(published) => beside(set, record, published, layout),
    };
    vec![
        ordinal(record),
        name(set, record),
        record.kind.word().to_owned(),
        expected,
        published,
        served(set, record, layout),
    ]
}

/// What stands beside what should: that it is the same, or what it is.
fn beside(set: &SetRecords, record: &Record, actual: &BTreeSet<String>, layout: &Layout) -> String {
    let Some(expected) = &record.expected else {
        return list(set, actual);
    };
    if same(record.kind, expected, actual) {
        return if actual.is_empty() { "none" } else { "same" }.to_owned();
    }
    let text = match actual.len() {
        0..=2 => list(set, actual),
        many if expected.is_disjoint(actual) => format!("{many} others"),
        many => {
            let missing: Vec<_> = expected.difference(actual).collect();
            let extra: Vec<_> = actual.difference(expected).collect();
            let without = (!missing.is_empty()).then(|| format!("without {}", list(set, missing)));
            let with = (!extra.is_empty()).then(|| format!("with {}", list(set, extra)));
            let parts: Vec<_> = without.into_iter().chain(with).collect();
            format!("{many}, {}", parts.join(", "))
        }
    };
    text.style(layout.palette.bad).to_string()
}

/// What servers said; who said it where they differ.
fn served(set: &SetRecords, record: &Record, layout: &Layout) -> String {
    let nothing = record
        .expected
        .as_ref()
        .or(record.published.as_ref())
        .is_some_and(BTreeSet::is_empty);
    let says = |answer: &ServedAnswer| {
        let word = match (answer.outcome, nothing) {
            ("answered", _) => return beside(set, record, &answer.records, layout),
            ("noData" | "nxDomain", true) => return "none".to_owned(),
            ("noData", _) => "NODATA",
            ("nxDomain", _) => "NXDOMAIN",
            ("servFail", _) => "SERVFAIL",
            ("refused", _) => "REFUSED",
            ("timeout", _) => "no answer",
            ("code", _) => answer.detail.as_deref().unwrap_or("another code"),
            _ => "not heard",
        };
        cell(word).style(layout.palette.bad).to_string()
    };
    let heard = match record.served.as_deref() {
        None => return String::new(),
        Some([]) => return "not asked".to_owned(),
        Some(heard) => heard,
    };
    let mut all: Vec<_> = heard.iter().map(|answer| (&answer.server, says(answer))).collect();
    if all.iter().all(|(_, said)| *said == all[0].1) {
        return all.swap_remove(0).1;
    }
    let each = all.iter().map(|(server, said)| {
        let name = server.rsplit('/').next().unwrap_or(server);
        format!("{}: {said}", cell(name))
    });
    each.collect::<Vec<_>>().join("; ")
}

/// Answers in a cell; many as their number.
fn list<'a>(set: &SetRecords, answers: impl IntoIterator<Item = &'a String>) -> String {
    let shown: Vec<_> = answers.into_iter().map(|answer| cell(&short(set, answer))).collect();
    match shown.len() {
        0 => "none".to_owned(),
        1 | 2 => cut(&shown.join(", "), WIDEST),
        many => format!("{many} answers"),
    }
}

/// A name without what all of them end in.
fn short(set: &SetRecords, name: &str) -> String {
    name.strip_suffix(suffix(set).as_str()).unwrap_or(name).to_owned()
}

/// How one server answered on the whole.
fn asked(set: &SetRecords, server: &str, way: Way) -> String {
    let answers = set.records.iter().flat_map(|record| record.served.iter().flatten());
    let answers: Vec<_> = answers.filter(|answer| answer.server == server).collect();
    let how = match way {
        Way::System => "as this system resolves names",
        Way::Address => "directly",
        Way::PortForward => "through a port-forward",
    };
    let ttls: BTreeSet<_> = answers.iter().filter_map(|answer| answer.ttl).collect();
    let ttl = match (ttls.first(), ttls.last()) {
        (Some(least), Some(most)) if least == most => format!(", to be kept for {least}s"),
        (Some(least), Some(most)) => format!(", to be kept for {least}–{most}s"),
        _ => String::new(),
    };
    let own = answers.iter().any(|answer| answer.authoritative);
    let own = if own { ", as the zone's own" } else { "" };
    // Other absences are of other zones: that of an address, backwards, may be the root's.
    let authorities = answers.iter().filter_map(|answer| answer.authority.as_ref());
    let seconds = authorities
        .filter(|zone| zone.zone == set.domain)
        .map(|zone| zone.ttl.min(zone.minimum));
    let zone = seconds.max().map_or(String::new(), |seconds| {
        format!("; an absence in {} for {seconds}s", cell(&set.domain))
    });
    let heard = answers.iter().filter(|answer| answer.heard()).count();
    let heard = match answers.len() {
        all if all == heard => format!("{all} answers"),
        all => format!("{heard} answers to {all} questions"),
    };
    format!("{} {how}: {heard}{own}{ttl}{zone}", cell(server))
}

/// A finding with what to do about it.
fn said(finding: &Finding, layout: &Layout) -> String {
    let line = format!("{}: {}{}", finding.subject.spoken(), finding.summary, likely(finding));
    let mut text = layout.labelled(finding.code, &cell(&line));
    if let Some(remedy) = &finding.remedy {
        text += &remedies(remedy, layout);
    }
    text
}
