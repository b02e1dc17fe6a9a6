//! Where the answers to one question first differ: between what should be and what slices publish, or between those and
//! what a server says.

use std::collections::BTreeSet;

use super::comparison::{Heard, Row, same};
use crate::model::answer::Outcome;

/// The first difference of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The server that says otherwise; `None` where the slices already do.
    pub server: Option<String>,
    /// Answers that should be there and are not.
    pub missing: BTreeSet<String>,
    /// Answers that should not be there.
    pub extra: BTreeSet<String>,
    /// How a server's answer ended, where it has no records.
    pub outcome: Option<Outcome>,
}

/// The first difference, from left to right: expected, published, served. `None` where nothing is known to differ.
pub(super) fn first(row: &Row) -> Option<Difference> {
    if let (Some(expected), Some(published)) = (&row.expected, &row.published)
        && !same(row.question.kind, expected, published)
    {
        return Some(between(expected, published));
    }
    row.served.iter().find_map(|heard| served(row, heard))
}

/// How one server's answer differs from what should be: from what is published, where nobody knows what should.
pub(super) fn served(row: &Row, heard: &Heard) -> Option<Difference> {
    let none = BTreeSet::new();
    let right = row.expected.as_ref().or(row.published.as_ref());
    let records = match heard.answer.outcome {
        Outcome::Answered => &heard.answer.records,
        _ => &none,
    };
    let agrees = match heard.answer.outcome {
        Outcome::Answered => same(row.question.kind, right?, records),
        // Whether other records keep the name alive is no matter of this one.
        Outcome::NoData | Outcome::NxDomain => right?.is_empty(),
        _ => false,
    };
    (!agrees).then(|| Difference {
        server: Some(heard.server.clone()),
        outcome: Some(heard.answer.outcome.clone()).filter(|outcome| *outcome != Outcome::Answered),
        ..between(right.unwrap_or(&none), records)
    })
}

fn between(right: &BTreeSet<String>, answers: &BTreeSet<String>) -> Difference {
    Difference {
        server: None,
        missing: right.difference(answers).cloned().collect(),
        extra: answers.difference(right).cloned().collect(),
        outcome: None,
    }
}

impl Difference {
    /// In words, for instance `not published` or `published as 10.244.0.99`.
    pub fn says(&self) -> String {
        let list = |records: &BTreeSet<String>| match records.len() {
            0..=2 => records.iter().map(String::as_str).collect::<Vec<_>>().join(" and "),
            many => format!("{many} answers"),
        };
        let (missing, extra) = (list(&self.missing), list(&self.extra));
        let (server, verb) = match &self.server {
            None => (String::new(), "published"),
            Some(server) => (format!("{server}: "), "served"),
        };
        let said = match (&self.outcome, self.missing.len(), self.extra.len()) {
            (Some(outcome), ..) => outcome.says(),
            (None, 0, _) => format!("also {verb}: {extra}"),
            (None, 1.., 0) => format!("not {verb}: {missing}"),
            (None, 1, _) => format!("{verb} as {extra}"),
            (None, ..) => format!("not {verb}: {missing}; {verb} in their place: {extra}"),
        };
        server + &said
    }
}
