//! A DNS server does not know what the API server knows.

use crate::diagnose::context::Context;
use crate::diagnose::finding::{Finding, Remedy, Role, Safety, Severity};
use crate::diagnose::serving::{self, Asked, Origin};
use crate::diagnose::{Checked, Rule};
use crate::model::objects::Pod;

pub(super) const RULE: Rule = Rule {
    code: "STS424",
    name: "stale-replica",
    explain: "\
## What it means
One DNS server says otherwise than the endpoint slices, and it is not its cache that does. It has lost its connection to the API
server and goes on with what it knew, it lags far behind, or it still has an earlier Corefile. Clients get a turn of each
server, so that they see the right answer now and then.
## How it is detected
Only where servers are asked. Certain where another server gives the right answer to the same question (`--each` asks all of
them) and the server's Corefile keeps nothing of the zone in a cache; likely otherwise.
## What to do
Ask again after some seconds: a record that has just changed needs a moment. If it stays so, read the server's log and delete
its pod while another one is Ready: a new one begins with the cluster as it is.
## When it is fine
For a second or two after a change.
## Source
https://github.com/coredns/coredns/blob/master/plugin/kubernetes/README.md
",
    check,
};

fn check(cx: &Context<'_>) -> Checked {
    let servers = serving::asked(cx);
    let findings = servers.iter().filter_map(|server| finding(cx, server));
    Ok(findings.collect::<Vec<_>>().into())
}

fn finding(cx: &Context<'_>, server: &Asked<'_>) -> Option<Finding> {
    let (behind, sure) = serving::from(cx, server, |_, origin| match origin {
        Origin::Behind { sure } => Some(sure),
        _ => None,
    })?;
    let names = serving::counted(&behind);
    let others = match behind.iter().any(|departure| server.others_agree(departure)) {
        true => ", and another server knows it",
        false => "",
    };
    let mut finding = Finding::new(
        Role::Root,
        Severity::Error,
        server.object(),
        format!("does not know what is published of {names}{others}"),
    )
    .certain(sure)
    .ordinals(serving::ordinals(&behind))
    .remedy(remedy(cx, server, sure));
    finding.evidence.extend(server.evidence(&behind));
    Some(finding)
}

/// Its pod may go where another server is Ready, and where it is sure that it is this one.
fn remedy(cx: &Context<'_>, server: &Asked<'_>, sure: bool) -> Remedy {
    let Some((namespace, name)) = server.pod() else {
        let text = "ask each DNS pod: kubectl sts dns NAME --each";
        return Remedy::new(text, Safety::ReadOnly);
    };
    let pods = &cx.linked.snapshot.cluster_dns.pods.items;
    let other = |pod: &Pod| pod.metadata.namespace == namespace && pod.metadata.name != name && pod.ready();
    let logs = ["kubectl", "logs", "-n", namespace, name, "--tail=40"];
    match sure && pods.iter().any(other) {
        true => Remedy::new(
            "read its log, then make its pod anew: another server answers meanwhile",
            Safety::Disruptive,
        )
        .command(&logs)
        .command(&["kubectl", "delete", "pod", "-n", namespace, name]),
        false => Remedy::new("read its log, and ask again: it may only be late", Safety::ReadOnly).command(&logs),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnose::finding::Certainty;
    use crate::diagnose::testing::{caching, ended, heard, recorded, right};
    use crate::model::answer::{Answer, Authority, Outcome, RecordType};
    use crate::model::snapshot::Snapshot;

    fn dns_pods(snapshot: &Snapshot) -> Vec<String> {
        let pods = snapshot.cluster_dns.pods.items.iter();
        pods.map(|pod| pod.metadata.name.clone()).collect()
    }

    #[test]
    fn one_that_another_contradicts_may_be_made_anew() {
        let snapshot = recorded("dns/ordered");
        let pods = dns_pods(&snapshot);
        let found = heard(&RULE, &snapshot, &[&pods[0], &pods[1]], |pod, row| {
            match pod == pods[0] {
                true => ended(Outcome::NxDomain, Some(30)),
                false => right(row),
            }
        });
        assert_eq!(found.len(), 1);
        assert_eq!(
            (&found[0].subject.name, found[0].certainty),
            (&pods[0], Certainty::Certain)
        );
        let remedy = found[0].remedy.as_ref().unwrap();
        assert_eq!((remedy.safety, remedy.commands.len()), (Safety::Disruptive, 2));
        // Its only companion is not Ready: then it stays.
        let mut alone = recorded("dns/ordered");
        alone.cluster_dns.pods.items[1].status.conditions.clear();
        let found = heard(&RULE, &alone, &[&pods[0], &pods[1]], |pod, row| match pod == pods[0] {
            true => ended(Outcome::NxDomain, Some(30)),
            false => right(row),
        });
        assert_eq!(found[0].remedy.as_ref().unwrap().safety, Safety::ReadOnly);
    }

    #[test]
    fn one_that_does_not_answer_is_not_stale() {
        let snapshot = recorded("dns/ordered");
        let pods = dns_pods(&snapshot);
        for outcome in [Outcome::Timeout, Outcome::ServFail, Outcome::Refused] {
            let found = heard(&RULE, &snapshot, &[&pods[0], &pods[1]], |pod, row| {
                match pod == pods[0] {
                    true => ended(outcome.clone(), None),
                    false => right(row),
                }
            });
            assert!(found.is_empty(), "{outcome:?}");
        }
    }

    /// For instance one that still has an earlier Corefile.
    #[test]
    fn one_that_answers_in_another_zone_s_name_has_another_corefile() {
        let (snapshot, pod) = caching(recorded("dns/ordered"));
        let found = heard(&RULE, &snapshot, &[&pod], |_, row| match row.question.kind {
            RecordType::Ptr => right(row),
            _ => Answer {
                authority: Some(Authority {
                    zone: String::new(),
                    ttl: 12,
                    minimum: 86400,
                }),
                ..ended(Outcome::NxDomain, None)
            },
        });
        assert_eq!((found.len(), found[0].certainty), (1, Certainty::Likely));
    }

    #[test]
    fn alone_it_may_be_late() {
        let snapshot = recorded("dns/ordered");
        let pod = snapshot.cluster_dns.pods.items[0].metadata.name.clone();
        let found = heard(&RULE, &snapshot, &[&pod], |_, _| ended(Outcome::NxDomain, Some(30)));
        assert_eq!(found[0].certainty, Certainty::Likely);
        assert_eq!(found[0].remedy.as_ref().unwrap().safety, Safety::ReadOnly);
    }

    #[test]
    fn silent_where_a_cache_says_it_and_where_all_agree() {
        let (snapshot, pod) = caching(recorded("dns/ordered"));
        assert!(heard(&RULE, &snapshot, &[&pod], |_, _| ended(Outcome::NxDomain, Some(12))).is_empty());
        assert!(heard(&RULE, &snapshot, &[&pod], |_, row| right(row)).is_empty());
        let snapshot = recorded("dns/namespaces-limited");
        let pod = snapshot.cluster_dns.pods.items[0].metadata.name.clone();
        assert!(heard(&RULE, &snapshot, &[&pod], |_, _| ended(Outcome::NxDomain, Some(30))).is_empty());
    }
}
