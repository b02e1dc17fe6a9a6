//! The report on one manifest: what the renderer draws and JSON carries.

use std::collections::BTreeSet;

use serde::Serialize;

use super::context::{Context, Current};
use super::rules;
use crate::diagnose::NotChecked;
use crate::diagnose::finding::{Finding, Role, Severity};
use crate::model::gap::{Gap, GapReason};
use crate::model::manifest::Told;
use crate::model::resource::Resource;

/// Whether the API server takes the manifest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Answer {
    /// It said yes to a dry run.
    Accepted,
    /// Nothing that is known speaks against it; it was not asked.
    Expected,
    /// It said no to a dry run, or it was not asked and would.
    Refused,
    /// It was not asked, and what the manifest would replace could not be read.
    Unknown,
}

/// One manifest's report, in the shape of the JSON contract.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CheckReport {
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
    /// The file that holds it.
    pub file: String,
    /// `create`, `update`, or null where nobody knows whether the set exists.
    pub operation: Option<&'static str>,
    /// Whether the API server takes it.
    pub answer: Answer,
    /// `server` where a dry run told, `rules` where it is predicted.
    pub decided_by: &'static str,
    /// The server's own words, where it refused.
    pub says: Option<String>,
    /// The answer's reason in one line.
    pub summary: String,
    /// Everything the rules said, worst first.
    pub findings: Vec<Finding>,
    /// What could not be looked at.
    pub not_checked: Vec<NotChecked>,
}

pub(super) fn conclude(cx: &Context<'_>, mut findings: Vec<Finding>, mut gaps: Vec<Gap>) -> CheckReport {
    findings.sort_by_key(|finding| {
        (
            finding.role != Role::Root,
            std::cmp::Reverse(finding.severity),
            finding.code,
        )
    });
    for (id, finding) in findings.iter_mut().enumerate() {
        finding.id = id;
    }
    let (operation, unread) = match &cx.current {
        Current::There(_) => (Some("update"), None),
        Current::Absent => (Some("create"), None),
        Current::Unknown(gap) => (None, Some(gap)),
    };
    let predicted = findings.iter().any(refuses);
    let (answer, decided_by) = match (&cx.told, unread) {
        (Told::Accepted(_), _) => (Answer::Accepted, "server"),
        (Told::Refused(_), _) => (Answer::Refused, "server"),
        (Told::NotAsked(_), _) if predicted => (Answer::Refused, "rules"),
        // Who asks no cluster asks about the manifest alone.
        (Told::NotAsked(_), Some(gap)) if gap.reason != GapReason::NotRequested => (Answer::Unknown, "rules"),
        (Told::NotAsked(_), _) => (Answer::Expected, "rules"),
    };
    if let Err(gap) = cx.after.stateful_sets.complete()
        && gap.reason == GapReason::NotRequested
    {
        return CheckReport {
            not_checked: vec![NotChecked {
                what: "anything on a cluster".to_owned(),
                why: "none was asked (--local)".to_owned(),
            }],
            ..report(cx, operation, answer, decided_by, findings)
        };
    }
    let mut not_checked: BTreeSet<NotChecked> = BTreeSet::new();
    let says = match &cx.told {
        Told::Refused(said) => Some(said.clone()),
        Told::Accepted(_) => None,
        Told::NotAsked(why) => {
            not_checked.insert(NotChecked {
                what: "dry run".to_owned(),
                why: why.clone(),
            });
            None
        }
    };
    gaps.extend(unread.cloned());
    not_checked.extend(gaps.iter().map(not_looked_at));
    CheckReport {
        says,
        not_checked: not_checked.into_iter().collect(),
        ..report(cx, operation, answer, decided_by, findings)
    }
}

/// Without what the server says and what was not looked at.
fn report(
    cx: &Context<'_>,
    operation: Option<&'static str>,
    answer: Answer,
    decided_by: &'static str,
    findings: Vec<Finding>,
) -> CheckReport {
    CheckReport {
        namespace: cx.namespace().to_owned(),
        name: cx.manifest.name().to_owned(),
        file: cx.manifest.file.clone(),
        operation,
        answer,
        decided_by,
        says: None,
        summary: summary(answer, operation, &findings),
        findings,
        not_checked: Vec::new(),
    }
}

/// Whether a finding is a reason for the server to refuse.
fn refuses(finding: &Finding) -> bool {
    finding.severity == Severity::Error && rules::REFUSALS.iter().any(|rule| rule.code == finding.code)
}

fn summary(answer: Answer, operation: Option<&str>, findings: &[Finding]) -> String {
    let first = findings.iter().find(|finding| refuses(finding));
    match (answer, first) {
        (Answer::Refused, Some(first)) => first.summary.clone(),
        (Answer::Refused, None) => "the API server refuses it".to_owned(),
        (Answer::Accepted, _) => match operation {
            Some("create") => "the API server would create it (dry run)".to_owned(),
            _ => "the API server would take it (dry run)".to_owned(),
        },
        (Answer::Expected, _) => "nothing known here would make the API server refuse it".to_owned(),
        (Answer::Unknown, _) => "the set that it would replace could not be read".to_owned(),
    }
}

fn not_looked_at(gap: &Gap) -> NotChecked {
    let why = match (gap.resource, &gap.name, &gap.namespace) {
        (Resource::Secrets, Some(name), Some(namespace)) if gap.reason == GapReason::NotRequested => {
            format!(
                "Secrets are not looked at without --secret-names: kubectl get secret {name} -n {namespace} -o name"
            )
        }
        _ => gap.why(),
    };
    NotChecked { what: gap.what(), why }
}
