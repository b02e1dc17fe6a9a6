//! `diagnose`: the header, the verdict, the chain from the set to each root, what to do and what not.

use std::collections::BTreeMap;

use jiff::Timestamp;
use owo_colors::OwoColorize as _;
use serde_json::Value;

use super::Layout;
use super::age::age;
use super::cell::{cell, cut, shell};
use super::overview::serving;
use crate::diagnose::finding::{Certainty, Evidence, Finding, ObjectRef, Remedy, Role, Severity};
use crate::diagnose::{Link, NotChecked, SetReport, Verdict};

/// How much of a message a line of evidence holds; JSON has it whole.
pub(super) const MESSAGE: usize = 160;
/// Lines of evidence under a root.
const EVIDENCE: usize = 5;

/// The first line: where, which set, how much of it serves, how it works and since when it is as it is.
pub fn header(origin: &str, report: &SetReport, works: &str, now: Timestamp, layout: &Layout) -> String {
    let name = format!("{}/{}", cell(&report.namespace), cell(&report.name));
    let mut facts = vec![format!("serving {}", serving(report)), works.to_owned()];
    if let Some(owner) = &report.owner {
        facts.push(format!("owned by {} {}", cell(&owner.kind), cell(&owner.name)));
    }
    if let Some(since) = report.since {
        facts.push(format!("{} for {}", report.verdict.word(), age(now, since)));
    }
    let facts: Vec<_> = facts.into_iter().filter(|fact| !fact.is_empty()).collect();
    format!(
        "{}  {}   {}\n",
        cell(origin),
        name.style(layout.palette.strong),
        facts.join(" · ")
    )
}

/// The verdict and its reason, with the code of the root.
pub fn verdict(report: &SetReport, now: Timestamp, layout: &Layout) -> String {
    let word = format!("{:<11}", report.verdict.word().to_uppercase());
    let style = layout.palette.verdict(report.verdict);
    let code = headline(report)
        .map(|finding| format!("   {}{}", finding.code, likely(finding)))
        .unwrap_or_default();
    // What is held on purpose is said with since when: it may have been forgotten.
    let held = report
        .findings
        .iter()
        .find(|finding| finding.severity == Severity::Info && finding.summary == report.summary);
    let held = held.map_or(String::new(), |finding| for_age(finding, now));
    let rest = " ".repeat(12);
    let text = format!("{}{held}{code}", cut(&cell(&report.summary), 2 * MESSAGE));
    let wrapped = layout.wrap(&text, &rest, &rest);
    format!(
        "{} {}",
        word.style(style),
        wrapped.strip_prefix(rest.as_str()).unwrap_or(&wrapped)
    )
}

/// The finding that the verdict speaks of.
fn headline(report: &SetReport) -> Option<&Finding> {
    let bad = report
        .findings
        .iter()
        .filter(|finding| finding.severity >= Severity::Warning);
    bad.clone()
        .find(|finding| finding.role == Role::Root)
        .or_else(|| bad.clone().find(|finding| finding.role == Role::Risk))
}

pub(super) fn likely(finding: &Finding) -> &'static str {
    match finding.certainty {
        Certainty::Certain => "",
        Certainty::Likely => " (likely)",
    }
}

/// One set in full: chains, risks, remedies, gaps.
pub fn diagnosis(report: &SetReport, next: &str, now: Timestamp, layout: &Layout) -> String {
    let mut text = verdict(report, now, layout);
    for chain in &report.chains {
        text += &draw(chain, report, now, layout);
    }
    let armed = |finding: &&Finding| finding.role == Role::Risk && finding.severity >= Severity::Warning;
    for risk in report.findings.iter().filter(armed) {
        let line = format!(
            "RISK  {}: {}{}",
            risk.subject.spoken(),
            risk.summary,
            for_age(risk, now)
        );
        text += &layout.wrap(&cell(&line), "└─ ", "   ");
        text += &evidence(risk, now, "   ", layout);
    }
    text + &tail(report, next, layout)
}

/// What follows the picture: what comes next, what to do, what not, what was not looked at.
pub fn tail(report: &SetReport, next: &str, layout: &Layout) -> String {
    let mut text = layout.labelled("Next", &cell(next));
    let acted_on = report
        .findings
        .iter()
        .filter(|finding| finding.role != Role::Effect && finding.severity >= Severity::Warning);
    for finding in acted_on {
        if let Some(remedy) = &finding.remedy {
            text += &remedies(remedy, layout);
        }
    }
    for info in report
        .findings
        .iter()
        .filter(|finding| finding.severity == Severity::Info && report.summary != finding.summary)
    {
        // A risk is about a thing beside the set.
        let whose = match info.role {
            Role::Risk => format!("{}: ", info.subject.spoken()),
            Role::Root | Role::Effect => String::new(),
        };
        text += &layout.labelled("Note", &cell(&format!("{whose}{} ({})", info.summary, info.code)));
    }
    text + &not_checked(&report.not_checked, layout)
}

/// What to do about a finding, and what not.
pub(super) fn remedies(remedy: &Remedy, layout: &Layout) -> String {
    let mut text = layout.labelled("Do", &cell(&remedy.text));
    for command in &remedy.commands {
        text += &layout.labelled_whole("", &shell(command));
    }
    for avoid in &remedy.avoid {
        text += &layout.labelled("Don't", &cell(avoid));
    }
    text
}

/// The gaps, a line each; of the same reason together.
pub fn not_checked(gaps: &[NotChecked], layout: &Layout) -> String {
    let mut by_reason: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for gap in gaps {
        by_reason.entry(&gap.why).or_default().push(&gap.what);
    }
    let lines = by_reason
        .iter()
        .map(|(why, what)| layout.labelled("Not checked", &cell(&format!("{} ({why})", listed(what)))));
    lines.collect()
}

/// Names, with what several of them begin with said once: `cluster DNS: pods, services`.
fn listed(what: &[&str]) -> String {
    let mut text = String::new();
    let mut place = "";
    for what in what {
        let (own, name) = what.split_once(": ").unwrap_or(("", what));
        let between = match (text.is_empty(), own == place) {
            (true, _) => "",
            (false, true) => ", ",
            (false, false) => "; ",
        };
        text += between;
        text += if own == place { name } else { what };
        place = own;
    }
    text
}

fn draw(chain: &[Link], report: &SetReport, now: Timestamp, layout: &Layout) -> String {
    let mut text = String::new();
    for (depth, link) in chain.iter().enumerate() {
        let indent = " ".repeat(3 * depth);
        let hanging = format!("{indent}   ");
        let Some(finding) = report.findings.get(link.finding) else {
            continue;
        };
        let root = if finding.role == Role::Root { "ROOT  " } else { "" };
        let line = format!(
            "{root}{}: {}{}{}",
            place(&link.object, report),
            link.says,
            for_age(finding, now),
            likely(finding)
        );
        text += &layout.wrap(&cut(&cell(&line), 2 * MESSAGE), &format!("{indent}└─ "), &hanging);
        if finding.role == Role::Root {
            text += &evidence(finding, now, &format!("{hanging}      "), layout);
        } else {
            let stale = finding.evidence.iter().filter(|fact| fact.stale);
            for fact in stale {
                let line = format!("stale: {} {}", fact.path, quoted(&fact.value));
                text += &layout.wrap(&cut(&cell(&line), MESSAGE), &hanging, &hanging);
            }
        }
    }
    text
}

/// Kind and name; the namespace where it is another than the set's.
fn place(object: &ObjectRef, report: &SetReport) -> String {
    match &object.namespace {
        Some(namespace) if *namespace != report.namespace => {
            let kind = object.spoken();
            let kind = kind.split(' ').next().unwrap_or_default();
            format!("{kind} {namespace}/{}", object.name)
        }
        _ => object.spoken(),
    }
}

fn for_age(finding: &Finding, now: Timestamp) -> String {
    finding
        .since
        .map_or(String::new(), |since| format!(", for {}", age(now, since)))
}

fn evidence(finding: &Finding, now: Timestamp, indent: &str, layout: &Layout) -> String {
    let lines = finding.evidence.iter().take(EVIDENCE).map(|fact| {
        let line = cut(&cell(&say(fact, now)), MESSAGE);
        layout.wrap(&line, indent, &format!("{indent}  "))
    });
    lines.collect()
}

/// A fact in a line.
pub(super) fn say(fact: &Evidence, now: Timestamp) -> String {
    if fact.path == "search" {
        return format!("looked at: {}", quoted(&fact.value));
    }
    let seen = match (fact.count, fact.last_seen) {
        (Some(count), Some(last)) => format!(" ({count}x, last {} ago)", age(now, last)),
        _ => String::new(),
    };
    let value = match &fact.to {
        Some(to) => format!("{} → {}", held(&fact.value), held(to)),
        None => quoted(&fact.value),
    };
    format!("{} {} = {value}{seen}", fact.object.spoken(), fact.path)
}

/// One side of a change.
fn held(value: &Value) -> String {
    match value {
        Value::Null => "(none)".to_owned(),
        Value::String(text) if text.is_empty() => "(none)".to_owned(),
        value => quoted(value),
    }
}

/// A value as it reads in a line.
pub(super) fn quoted(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(quoted).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}

/// Several sets: those that are not fine, grouped by their root with the one that explains most first; then one line
/// for the rest.
pub fn several(reports: &[(SetReport, String)], origin: &str, now: Timestamp, layout: &Layout) -> String {
    let trouble = |report: &SetReport| !matches!(report.verdict, Verdict::Healthy | Verdict::Progressing);
    let mut groups: Vec<Vec<&(SetReport, String)>> = Vec::new();
    for entry in reports.iter().filter(|(report, _)| trouble(report)) {
        let key = |report: &SetReport| report.root().map(|root| (root.code, root.subject.clone()));
        let same = groups
            .iter_mut()
            .find(|group| key(&entry.0).is_some() && group.first().is_some_and(|first| key(&first.0) == key(&entry.0)));
        match same {
            Some(group) => group.push(entry),
            None => groups.push(vec![entry]),
        }
    }
    groups.sort_by_key(|group| {
        (
            std::cmp::Reverse(group.len()),
            std::cmp::Reverse(group.first().map(|(report, _)| report.verdict)),
        )
    });
    let mut blocks = Vec::new();
    for group in groups {
        let Some(((report, next), others)) = group.split_first() else {
            continue;
        };
        let mut text = header(origin, report, "", now, layout);
        text += &diagnosis(report, next, now, layout);
        if !others.is_empty() {
            let names: Vec<_> = others
                .iter()
                .map(|(other, _)| format!("{}/{} {}", other.namespace, other.name, serving(other)))
                .collect();
            text += &layout.labelled(
                "Reach",
                &cell(&format!("the same root holds back {}", names.join(", "))),
            );
        }
        blocks.push(text);
    }
    blocks.extend(Some(rest(reports, layout)).filter(|rest| !rest.is_empty()));
    blocks.join("\n")
}

fn rest(reports: &[(SetReport, String)], layout: &Layout) -> String {
    let names = |verdict: Verdict| -> Vec<String> {
        let of = reports.iter().filter(|(report, _)| report.verdict == verdict);
        of.map(|(report, _)| format!("{}/{}", report.namespace, report.name))
            .collect()
    };
    let mut text = String::new();
    for (label, verdict) in [("Progressing", Verdict::Progressing), ("Healthy", Verdict::Healthy)] {
        let names = names(verdict);
        let shown = match names.as_slice() {
            [] => continue,
            [first, .., last] if names.len() > 8 => format!("{} sets, {first} to {last}", names.len()),
            names => names.join(", "),
        };
        text += &layout.labelled(label, &cell(&shown));
    }
    text
}
