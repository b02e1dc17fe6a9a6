//! From what was read to what is wrong: rules say findings, the chain links them from the set to the root, the verdict
//! sums them up. Pure.

pub mod chain;
pub mod comparison;
pub mod context;
mod doubt;
mod egress;
pub mod endpoints;
pub mod finding;
pub mod fit;
pub mod goal;
pub mod history;
pub mod ledger;
pub mod lingering;
pub mod messages;
pub mod names;
pub mod next;
pub mod owner;
mod places;
pub mod provisioner;
pub mod readiness;
pub mod records;
mod report;
pub mod rules;
mod serving;
#[cfg(test)]
pub(crate) mod testing;
mod verdict;
pub mod waiter;
mod waiting;

pub use chain::Link;
pub use report::{NotChecked, Owner, Serving, SetReport};
pub use verdict::Verdict;

use self::context::Context;
use self::finding::Finding;
use crate::model::gap::Gap;
use crate::model::link::Linked;
use crate::model::objects::StatefulSet;

/// One rule: plain data, one file each. What it looks at is its check's: a set with its neighbours, where nothing else is
/// said.
#[derive(Debug)]
pub struct Rule<F = fn(&Context<'_>) -> Checked> {
    /// `STS` and three digits; never used again for something else.
    pub code: &'static str,
    /// The fault, in words that read after "this is".
    pub name: &'static str,
    /// Markdown for `explain`, with the headings that every rule has.
    pub explain: &'static str,
    /// What it finds.
    pub check: F,
}

impl<F> Rule<F> {
    /// Its findings under its code and name.
    pub(crate) fn name_all(&self, findings: Vec<Finding>) -> impl Iterator<Item = Finding> {
        findings.into_iter().map(|finding| Finding {
            code: self.code,
            name: self.name,
            ..finding
        })
    }
}

/// What a rule found, or the gap that kept it from looking at all.
pub type Checked = Result<Outcome, Gap>;

/// What a rule found, and what would have made it surer.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Findings.
    pub findings: Vec<Finding>,
    /// What was missing, where it was not needed altogether.
    pub not_checked: Vec<Gap>,
}

impl From<Vec<Finding>> for Outcome {
    fn from(findings: Vec<Finding>) -> Self {
        Self {
            findings,
            not_checked: Vec::new(),
        }
    }
}

/// Diagnoses one set: runs every rule, links causes, concludes.
pub fn diagnose<'a>(linked: &'a Linked<'a>, set: &'a StatefulSet) -> (Context<'a>, SetReport) {
    let cx = Context::new(linked, set);
    let (findings, gaps) = examine(&cx, |_| true);
    let report = report::conclude(&cx, findings, gaps);
    (cx, report)
}

/// What some of the rules say of a set, worst first and with their causes, and what kept them from looking.
fn examine(cx: &Context<'_>, which: impl Fn(&Rule) -> bool) -> (Vec<Finding>, Vec<Gap>) {
    let (mut findings, mut gaps) = (Vec::new(), Vec::new());
    for rule in rules::ALL.into_iter().filter(|rule| which(rule)) {
        match (rule.check)(cx) {
            Ok(outcome) => {
                findings.extend(rule.name_all(outcome.findings));
                gaps.extend(outcome.not_checked);
            }
            Err(gap) => gaps.push(gap),
        }
    }
    let mut findings = merged(findings);
    cx.doubt(&mut findings);
    owner::speak_to(cx, &mut findings);
    chain::link_causes(&mut findings);
    chain::calm_rootless(&mut findings);
    (findings, gaps)
}

/// What one rule says of one object for several ordinals is one finding.
fn merged(findings: Vec<Finding>) -> Vec<Finding> {
    let mut kept: Vec<Finding> = Vec::with_capacity(findings.len());
    for finding in findings {
        match kept
            .iter_mut()
            .find(|known| known.code == finding.code && known.subject == finding.subject)
        {
            Some(known) => {
                known.ordinals.extend(finding.ordinals);
                known.ordinals.sort_unstable();
                known.ordinals.dedup();
                known.since = known.since.min(finding.since);
            }
            None => kept.push(finding),
        }
    }
    kept
}
