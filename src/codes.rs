//! Every code that a finding can have, whatever kind of rule says it, with its page for `explain`.

use crate::check;
use crate::diagnose;
use crate::diagnose::Rule;

/// What a code means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Code {
    /// `STS` and three digits; never used again for something else.
    pub code: &'static str,
    /// The fault, in words that read after "this is".
    pub name: &'static str,
    /// Markdown, with the headings that every page has.
    pub explain: &'static str,
}

impl<F> From<&Rule<F>> for Code {
    fn from(rule: &Rule<F>) -> Self {
        Self {
            code: rule.code,
            name: rule.name,
            explain: rule.explain,
        }
    }
}

/// Codes that once had a meaning and get no other.
pub const RETIRED: [&str; 0] = [];

/// All of them, in order.
pub fn all() -> Vec<Code> {
    let of_sets = diagnose::rules::ALL.into_iter().map(Code::from);
    let of_manifests = check::rules::ALL.into_iter().map(Code::from);
    let mut all: Vec<_> = of_sets.chain(of_manifests).collect();
    all.sort_by_key(|code| code.code);
    all
}

/// The one with this code or name, in any case.
pub fn find(text: &str) -> Option<Code> {
    let is = |code: &Code| code.code.eq_ignore_ascii_case(text) || code.name.eq_ignore_ascii_case(text);
    all().into_iter().find(is)
}
