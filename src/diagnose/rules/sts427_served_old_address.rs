//! A DNS server gives records that were right a while ago.

use crate::diagnose::context::Context;
use crate::diagnose::finding::{Finding, Role, Severity};
use crate::diagnose::serving::{self, Asked, Departure, Kind, Origin};
use crate::diagnose::{Checked, Rule};

pub(super) const RULE: Rule = Rule {
    code: "STS427",
    name: "served-old-address",
    explain: "\
## What it means
A pod was made anew and has another address. The server repeats the earlier one from its cache, for as many seconds as the record
has left to live (kubeadm: 30 at most). Who connects there meets nobody, or another pod.
## How it is detected
Only where servers are asked. The slices have the new address, and the server answers with another. Certain where the
record's seconds have run down: then it came from a cache. Likely where only the pattern is right.
## What to do
Wait. Clients may keep the address for longer than the server: a JVM with a security manager keeps it for ever, connection
pools until a connection breaks.
## When it is fine
It ends by itself.
## Source
https://coredns.io/plugins/cache/
",
    check,
};

fn check(cx: &Context<'_>) -> Checked {
    let servers = serving::asked(cx);
    let findings = servers.iter().filter_map(|server| finding(cx, server));
    Ok(findings.collect::<Vec<_>>().into())
}

fn finding(cx: &Context<'_>, server: &Asked<'_>) -> Option<Finding> {
    let (old, sure) = serving::from(cx, server, |kind, origin| match (kind, origin) {
        (Kind::Otherwise, Origin::Cache { sure }) => Some(sure),
        _ => None,
    })?;
    let left = old
        .iter()
        .filter_map(|departure: &Departure<'_>| departure.answer.ttl)
        .max();
    let setting = serving::setting(cx, server, &old);
    let wait = serving::remaining(left, setting.as_ref());
    let may = if sure { "from a cache" } else { "maybe from a cache" };
    let names = serving::counted(&old);
    let mut finding = Finding::new(
        Role::Root,
        Severity::Warning,
        server.object(),
        format!("answers {names} with what was right before, {may}{wait}"),
    )
    .certain(sure)
    .ordinals(serving::ordinals(&old))
    .remedy(serving::patience(left));
    finding.evidence.extend(server.evidence(&old));
    finding.evidence.extend(setting.map(|(_, line)| line));
    Some(finding)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::diagnose::finding::Certainty;
    use crate::diagnose::testing::{caching, heard, recorded, right};
    use crate::dns::Row;
    use crate::model::answer::{Answer, Outcome, RecordType};

    fn old(row: &Row, left: u32) -> Answer {
        match (row.ordinal, row.question.kind) {
            (Some(1), RecordType::A) => Answer {
                records: BTreeSet::from(["10.244.0.99".to_owned()]),
                ttl: Some(left),
                ..right(row)
            },
            _ => right(row),
        }
    }

    #[test]
    fn seconds_that_have_run_down_show_the_cache() {
        let (snapshot, pod) = caching(recorded("dns/ordered"));
        for (left, certainty) in [(12, Certainty::Certain), (30, Certainty::Likely)] {
            let found = heard(&RULE, &snapshot, &[&pod], |_, row| old(row, left));
            assert_eq!(found.len(), 1);
            assert_eq!(
                (found[0].certainty, found[0].ordinals.as_slice()),
                (certainty, [1].as_slice())
            );
            assert!(
                found[0].summary.ends_with(&format!("for {left} of 30 seconds at most")),
                "{}",
                found[0].summary
            );
        }
    }

    #[test]
    fn a_way_back_to_another_service_or_domain_is_not_old() {
        let (snapshot, pod) = caching(recorded("dns/service-other-name"));
        let back = |row: &Row, to: &str| match row.question.kind {
            RecordType::Ptr => Answer {
                records: BTreeSet::from([to.to_owned()]),
                outcome: Outcome::Answered,
                ..right(row)
            },
            _ => right(row),
        };
        for to in [
            "10-244-0-3.other.shop.svc.cluster.local",
            "web-0.web.shop.svc.another.domain",
        ] {
            assert!(
                heard(&RULE, &snapshot, &[&pod], |_, row| back(row, to)).is_empty(),
                "{to}"
            );
        }
        let (snapshot, pod) = caching(recorded("dns/ordered"));
        let elsewhere = "web-0.web.shop.svc.another.domain";
        assert!(heard(&RULE, &snapshot, &[&pod], |_, row| back(row, elsewhere)).is_empty());
        assert_eq!(
            heard(&RULE, &snapshot, &[&pod], |_, row| back(
                row,
                "a.web.shop.svc.cluster.local"
            ))
            .len(),
            1
        );
    }

    #[test]
    fn silent_where_nothing_is_cached_and_where_all_is_right() {
        let snapshot = recorded("dns/ordered");
        let pod = snapshot.cluster_dns.pods.items[0].metadata.name.clone();
        assert!(heard(&RULE, &snapshot, &[&pod], |_, row| old(row, 12)).is_empty());
        let (snapshot, pod) = caching(snapshot);
        assert!(heard(&RULE, &snapshot, &[&pod], |_, row| right(row)).is_empty());
    }
}
