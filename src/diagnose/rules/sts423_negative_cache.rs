//! A DNS server says that a name does not exist, because it did not a while ago.

use crate::diagnose::context::Context;
use crate::diagnose::finding::{Finding, Role, Severity};
use crate::diagnose::serving::{self, Asked, Departure, Kind, Origin};
use crate::diagnose::{Checked, Rule};

pub(super) const RULE: Rule = Rule {
    code: "STS423",
    name: "negative-cache",
    explain: "\
## What it means
Somebody asked for a name before it was published. That it does not exist went into a cache, and the server repeats it from
there, although the record is published by now: for as many seconds as the zone's SOA record allows (kubeadm: 30), or as the
cache is set up to keep an absence, whichever is less.
## How it is detected
Only where servers are asked. The record is published, and the server says NXDOMAIN or NODATA in the name of the cluster's zone.
Certain where the SOA record in the answer has aged: then it came from a cache, and what is left of it is the time to wait.
Likely where only the pattern is right: it can then also be that the server has not seen the record yet.
## What to do
Wait. Later restarts of pods change nothing. Where it happens at every start, `cache` can be told to keep no absences of the
cluster's zone (`disable denial`), as kubeadm does today.
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
    let (absent, sure) = serving::from(cx, server, |kind, origin| match (kind, origin) {
        (Kind::Absent, Origin::Cache { sure }) => Some(sure),
        _ => None,
    })?;
    let left = |departure: &Departure<'_>| departure.answer.authority.as_ref().map(|soa| soa.ttl);
    let left = absent.iter().filter_map(left).max();
    let setting = serving::setting(cx, server, &absent);
    let wait = serving::remaining(left, setting.as_ref());
    let may = if sure { "from a cache" } else { "maybe from a cache" };
    let names = serving::counted(&absent);
    let mut finding = Finding::new(
        Role::Root,
        Severity::Warning,
        server.object(),
        format!("says that {names} does not exist, {may}{wait}: it is published by now"),
    )
    .certain(sure)
    .ordinals(serving::ordinals(&absent))
    .remedy(serving::patience(left).avoid("restarting the set's pods for this: the cache is the DNS server's"));
    finding.evidence.extend(server.evidence(&absent));
    finding.evidence.extend(setting.map(|(_, line)| line));
    Some(finding)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnose::finding::Certainty;
    use crate::diagnose::testing::{caching, ended, heard, recorded, right};
    use crate::model::answer::{Outcome, RecordType};

    #[test]
    fn an_aged_absence_came_from_a_cache_and_tells_how_long_it_stays() {
        let (snapshot, pod) = caching(recorded("dns/ordered"));
        let found = heard(&RULE, &snapshot, &[&pod], |_, row| match row.ordinal {
            Some(1) => ended(Outcome::NxDomain, Some(17)),
            _ => right(row),
        });
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].certainty, Certainty::Certain);
        assert_eq!(
            found[0].summary,
            "says that web-1.web.shop.svc.cluster.local A and 1 more does not exist, from a cache, for 17 of 30 seconds at most: \
             it is published by now"
        );
        let remedy = found[0].remedy.as_ref().unwrap();
        assert!(remedy.commands.is_empty() && remedy.text.starts_with("wait 17 seconds at most"));
        assert_eq!(found[0].evidence.last().unwrap().value, "cache 30");
    }

    #[test]
    fn with_all_its_seconds_left_it_is_only_likely() {
        let (snapshot, pod) = caching(recorded("dns/ordered"));
        let found = heard(&RULE, &snapshot, &[&pod], |_, _| ended(Outcome::NxDomain, Some(30)));
        assert_eq!(found[0].certainty, Certainty::Likely);
        // The Corefile of a server that is no pod of this cluster is not known.
        let found = heard(&RULE, &snapshot, &["another"], |_, _| {
            ended(Outcome::NxDomain, Some(17))
        });
        assert_eq!(found[0].certainty, Certainty::Likely);
    }

    #[test]
    fn who_fails_is_not_heard() {
        let (snapshot, pod) = caching(recorded("dns/ordered"));
        let found = heard(&RULE, &snapshot, &[&pod], |_, row| match row.question.kind {
            RecordType::Ptr => ended(Outcome::NxDomain, Some(17)),
            _ => ended(Outcome::ServFail, Some(5)),
        });
        assert!(found.is_empty());
    }

    #[test]
    fn a_server_that_keeps_nothing_has_no_cache_to_blame_and_an_exception_explains_more() {
        for scenario in [
            "dns/ordered",
            "dns/namespaces-limited",
            "dns/noendpoints",
            "dns/zone-missing",
        ] {
            let snapshot = recorded(scenario);
            let pod = snapshot.cluster_dns.pods.items[0].metadata.name.clone();
            // Ways back lie in other zones, which are kept.
            let found = heard(&RULE, &snapshot, &[&pod], |_, row| match row.question.kind {
                RecordType::Ptr => right(row),
                _ => ended(Outcome::NxDomain, Some(17)),
            });
            assert!(found.is_empty(), "{scenario}");
        }
    }
}
