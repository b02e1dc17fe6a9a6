//! `check`: whether the server takes a manifest, what each finding says, what to do.

use std::fmt::Write as _;

use jiff::Timestamp;
use owo_colors::OwoColorize as _;

use super::Layout;
use super::cell::{cell, cut};
use super::diagnosis::say as say_fact;
use super::diagnosis::{MESSAGE, likely, not_checked, remedies};
use crate::check::{Answer, CheckReport};
use crate::diagnose::finding::{Evidence, Finding, ObjectRef, Severity};

/// Lines of evidence under a finding: each is a field that has to be reverted.
const EVIDENCE: usize = 20;

/// One manifest in full.
pub fn check(report: &CheckReport, origin: &str, now: Timestamp, layout: &Layout) -> String {
    let name = format!("{}/{}", cell(&report.namespace), cell(&report.name));
    let does = match report.operation {
        Some("create") => "a new set, from ",
        Some(_) => "a change, from ",
        None => "from ",
    };
    let mut text = format!(
        "{}  {}   {does}{}\n{}",
        cell(origin),
        name.style(layout.palette.strong),
        match report.file.as_str() {
            "-" => "standard input".to_owned(),
            file => cell(file),
        },
        answer(report, layout)
    );
    let set = ObjectRef::named("StatefulSet", &report.namespace, &report.name);
    let loud = |finding: &&Finding| finding.severity >= Severity::Warning;
    for finding in report.findings.iter().filter(loud) {
        text += &line(finding, &set, layout);
        // The server's own words are the finding already.
        let facts = finding.evidence.iter().filter(|fact| fact.path != "dry run");
        for fact in facts.take(EVIDENCE) {
            let said = cut(&cell(&say(fact, &set, now)), MESSAGE);
            text += &layout.wrap(&said, "      ", "        ");
        }
    }
    let said = report
        .says
        .as_deref()
        .filter(|_| report.findings.iter().all(|finding| finding.code != "STS705"));
    if let Some(said) = said {
        text += &layout.labelled("Server", &cell(said));
    }
    for remedy in report
        .findings
        .iter()
        .filter(loud)
        .filter_map(|finding| finding.remedy.as_ref())
    {
        text += &remedies(remedy, layout);
    }
    for info in report
        .findings
        .iter()
        .filter(|finding| finding.severity == Severity::Info)
    {
        text += &layout.labelled("Note", &cell(&format!("{} ({})", info.summary, info.code)));
    }
    text + &not_checked(&report.not_checked, layout)
}

fn answer(report: &CheckReport, layout: &Layout) -> String {
    let (word, style) = match report.answer {
        Answer::Accepted => ("accepted", layout.palette.good),
        Answer::Expected => ("expected", layout.palette.good),
        Answer::Refused => ("refused", layout.palette.bad),
        Answer::Unknown => ("unknown", layout.palette.watch),
    };
    let word = format!("{:<11}", word.to_uppercase());
    let rest = " ".repeat(12);
    // Why it refuses is the first finding.
    let text = match (report.answer, report.says.is_some()) {
        (Answer::Refused, true) => "the API server refuses it (dry run)",
        (Answer::Refused, false) => "the API server would refuse it; it was not asked",
        _ => &report.summary,
    };
    let wrapped = layout.wrap(&cell(text), &rest, &rest);
    format!(
        "{} {}",
        word.style(style),
        wrapped.strip_prefix(rest.as_str()).unwrap_or(&wrapped)
    )
}

/// The finding, with its object where that is another than the set.
fn line(finding: &Finding, set: &ObjectRef, layout: &Layout) -> String {
    let (word, style) = match finding.severity {
        Severity::Error => ("ERROR", layout.palette.bad),
        Severity::Warning => ("WARN ", layout.palette.watch),
        Severity::Info => ("INFO ", layout.palette.faint),
    };
    let mut said = String::new();
    if finding.subject != *set {
        let _ = write!(said, "{}: ", finding.subject.spoken());
    }
    let _ = write!(said, "{}   {}{}", finding.summary, finding.code, likely(finding));
    let (rest, text) = ("         ", cell(&said));
    let wrapped = layout.wrap(&text, rest, rest);
    format!(
        "└─ {} {}",
        word.style(style),
        wrapped.strip_prefix(rest).unwrap_or(&wrapped)
    )
}

/// A fact; a field of the set itself without saying whose it is.
fn say(fact: &Evidence, set: &ObjectRef, now: Timestamp) -> String {
    let said = say_fact(fact, now);
    match said.strip_prefix(&format!("{} ", set.spoken())) {
        Some(own) if fact.object == *set => own.to_owned(),
        _ => said,
    }
}
