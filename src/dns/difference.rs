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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::answer::{Answer, Question, RecordType};

    fn set(answers: &[&str]) -> BTreeSet<String> {
        answers.iter().map(|answer| (*answer).to_owned()).collect()
    }

    fn row(
        kind: RecordType,
        expected: Option<&[&str]>,
        published: Option<&[&str]>,
        served: &[(Outcome, &[&str])],
    ) -> Row {
        let heard = served.iter().enumerate().map(|(at, (outcome, records))| Heard {
            server: format!("dns-{at}"),
            answer: Answer {
                outcome: outcome.clone(),
                records: set(records),
                aliases: Vec::new(),
                ttl: None,
                authoritative: true,
                authority: None,
            },
        });
        let name = "web-0.web.shop.svc.cluster.local".to_owned();
        Row {
            ordinal: Some(0),
            question: Question { name, kind },
            expected: expected.map(set),
            absence: None,
            published: published.map(set),
            served: heard.collect(),
        }
    }

    /// In words, whether it agrees, and whether something lacks.
    fn judged(row: &Row) -> (Option<String>, Option<bool>, bool) {
        let says = row.difference().map(|difference| difference.says());
        (says, row.agrees(), row.lacks())
    }

    fn differs(says: &str, lacks: bool) -> (Option<String>, Option<bool>, bool) {
        (Some(says.to_owned()), Some(false), lacks)
    }

    const IP: Option<&[&str]> = Some(&["10.0.0.1"]);
    const RIGHT: (Outcome, &[&str]) = (Outcome::Answered, &["10.0.0.1"]);

    #[test]
    fn the_first_difference_is_the_one_to_the_left() {
        let a = |published, served: &[(Outcome, &[&str])]| judged(&row(RecordType::A, IP, published, served));
        assert_eq!(a(IP, &[]), (None, Some(true), false));
        assert_eq!(a(IP, &[RIGHT, RIGHT]), (None, Some(true), false));
        let nothing = (Outcome::NxDomain, &[] as &[&str]);
        assert_eq!(
            a(Some(&[]), std::slice::from_ref(&nothing)),
            differs("not published: 10.0.0.1", true)
        );
        assert_eq!(a(Some(&["10.0.0.9"]), &[]), differs("published as 10.0.0.9", true));
        assert_eq!(
            a(Some(&["10.0.0.1", "10.0.0.9"]), &[]),
            differs("also published: 10.0.0.9", false)
        );
        assert_eq!(
            a(IP, &[RIGHT, nothing]),
            differs("dns-1: no such name (NXDOMAIN)", true)
        );
        let stale = (Outcome::Answered, &["10.0.0.9"] as &[&str]);
        assert_eq!(a(IP, &[stale]), differs("dns-0: served as 10.0.0.9", true));
        assert_eq!(a(None, &[]), (None, None, false));
        assert_eq!(a(None, &[RIGHT]), (None, Some(true), false));
    }

    #[test]
    fn outcomes_are_kept_apart() {
        for (outcome, says) in [
            (Outcome::NoData, "dns-0: no such record (NODATA)"),
            (Outcome::ServFail, "dns-0: the server failed (SERVFAIL)"),
            (Outcome::Refused, "dns-0: refused (REFUSED)"),
            (Outcome::Code("NOTIMP".to_owned()), "dns-0: answered NOTIMP"),
            (Outcome::Timeout, "dns-0: no answer in time"),
            (
                Outcome::Unreachable("no route".to_owned()),
                "dns-0: not reached: no route",
            ),
            (
                Outcome::Malformed("a loop".to_owned()),
                "dns-0: no usable answer: a loop",
            ),
        ] {
            let row = row(RecordType::A, IP, IP, &[(outcome, &[])]);
            assert_eq!(judged(&row), differs(says, true));
        }
    }

    #[test]
    fn of_what_should_not_be_there_both_kinds_of_nothing_are_right() {
        for outcome in [Outcome::NoData, Outcome::NxDomain] {
            let row = row(RecordType::A, Some(&[]), Some(&[]), &[(outcome, &[])]);
            assert_eq!(judged(&row), (None, Some(true), false));
        }
        // A server that says nothing does not say that nothing is there.
        let silent = row(RecordType::A, Some(&[]), Some(&[]), &[(Outcome::Timeout, &[])]);
        assert_eq!(judged(&silent), differs("dns-0: no answer in time", false));
        let remembered = row(RecordType::A, Some(&[]), Some(&[]), &[RIGHT]);
        assert_eq!(judged(&remembered), differs("dns-0: also served: 10.0.0.1", false));
    }

    #[test]
    fn a_way_back_may_lead_to_more_names() {
        let more: &[&str] = &["10-0-0-1.other", "web-0.web"];
        let row = |served| {
            row(
                RecordType::Ptr,
                Some(&["web-0.web"]),
                Some(&["web-0.web"]),
                &[(Outcome::Answered, served)],
            )
        };
        assert_eq!(judged(&row(more)), (None, Some(true), false));
        assert_eq!(
            judged(&row(&["10-0-0-1.other"])),
            differs("dns-0: served as 10-0-0-1.other", true)
        );
    }

    #[test]
    fn where_pods_were_not_read_what_is_published_is_the_measure() {
        let wrong = row(RecordType::A, None, IP, &[(Outcome::NxDomain, &[])]);
        assert_eq!(judged(&wrong), differs("dns-0: no such name (NXDOMAIN)", true));
        let right = row(RecordType::A, None, IP, &[RIGHT]);
        assert_eq!(judged(&right), (None, None, false));
    }
}
