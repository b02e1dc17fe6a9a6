//! What would become of a manifest: whether the API server takes it, what cannot be changed in place, and what its pods,
//! claims and names would meet. Pure: what the server said, and what is there, comes in as values.

pub mod compare;
mod context;
pub mod references;
mod report;
pub mod rules;
#[cfg(test)]
mod testing;

pub use context::{Context, Current, Standing, apply, wants};
pub use report::{Answer, CheckReport};

use crate::diagnose::{self, Checked};

/// A rule about one manifest.
pub type Rule = diagnose::Rule<fn(&Context<'_>) -> Checked>;

/// Checks one manifest: runs every rule, concludes.
pub fn check(cx: &Context<'_>) -> CheckReport {
    let (mut findings, mut gaps) = (Vec::new(), Vec::new());
    // Where the manifest does not have the API's shape, its parts cannot be judged.
    let rules: &[&Rule] = if cx.misshapen.is_some() {
        &rules::SHAPE
    } else {
        &rules::ALL
    };
    for rule in rules {
        match (rule.check)(cx) {
            Ok(outcome) => {
                findings.extend(rule.name_all(outcome.findings));
                gaps.extend(outcome.not_checked);
            }
            Err(gap) => gaps.push(gap),
        }
    }
    report::conclude(cx, findings, gaps)
}
