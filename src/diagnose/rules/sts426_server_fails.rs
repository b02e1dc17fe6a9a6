//! A DNS server that was asked does not answer, refuses, or fails.

use crate::diagnose::context::Context;
use crate::diagnose::finding::{Evidence, Finding, Remedy, Role, Safety, Severity};
use crate::diagnose::serving::{self, Asked, Departure, Kind};
use crate::diagnose::{Checked, Rule};
use crate::model::answer::{Outcome, Way};

pub(super) const RULE: Rule = Rule {
    code: "STS426",
    name: "server-fails",
    explain: "\
## What it means
A DNS server was asked for the set's names, and it was silent, could not be reached, refused, or failed. This says nothing
about the names: they may be published as they should be, and another server may serve them.
- *no answer in time*, *not reached*: its process hangs or is gone, or something on the way drops the questions.
- *SERVFAIL*: it could not find out. A CoreDNS says so while it has not read Services and endpoint slices: because it has just
  started, because its ClusterRole lacks a right, or because it does not reach the API server.
- *REFUSED*: no server block of its Corefile is for this name.
## How it is detected
Only where servers are asked: `kubectl sts dns NAME --query`, `--each`, `--dns-server`, `--through`.
## What to do
Look at the server's log; with SERVFAIL, at what its account may read. Ask the others with `--each`: clients get a turn of
each, so that one that fails is felt now and then.
## When it is fine
In the first seconds after a DNS server has started.
## Source
https://github.com/coredns/coredns/blob/master/plugin/kubernetes/README.md
",
    check,
};

fn check(cx: &Context<'_>) -> Checked {
    let findings = serving::asked(cx)
        .into_iter()
        .filter(|server| !server.nobody(cx))
        .flat_map(|server| {
            let kinds = [Kind::Silent, Kind::Failed, Kind::Refused];
            kinds.map(|kind| finding(cx, &server, kind))
        });
    Ok(findings.flatten().collect::<Vec<_>>().into())
}

fn finding(cx: &Context<'_>, server: &Asked<'_>, kind: Kind) -> Option<Finding> {
    let of_kind = server.departures.iter().filter(|departure| departure.kind == kind);
    let failures: Vec<Departure<'_>> = of_kind.copied().collect();
    let first = failures.first()?;
    let asked = server.served.answers.len();
    let how_many = match failures.len() {
        all if all == asked => String::new(),
        few => format!(" to {few} of {asked} questions"),
    };
    let says = first.answer.outcome.says();
    let why = match kind {
        Kind::Failed => ": it has not read the cluster, or could not",
        Kind::Refused => ": no block of its Corefile is for this name",
        _ => "",
    };
    // A port-forward can fail without the server: for want of a right, for instance.
    let way = matches!(first.answer.outcome, Outcome::Unreachable(_)) && server.pod().is_some();
    let severity = if way { Severity::Warning } else { Severity::Error };
    let mut finding = Finding::new(Role::Root, severity, server.object(), format!("{says}{how_many}{why}"))
        .certain(!way)
        .ordinals(serving::ordinals(&failures))
        .remedy(remedy(cx, server, kind));
    finding.evidence.extend(server.evidence(&failures));
    finding.evidence.extend(
        account(cx, server).map(|account| Evidence::field(server.object(), "spec.serviceAccountName", account)),
    );
    Some(finding)
}

/// The account that the server reads the cluster with.
fn account<'a>(cx: &Context<'a>, server: &Asked<'_>) -> Option<&'a str> {
    let (namespace, name) = server.pod()?;
    let pods = &cx.linked.snapshot.cluster_dns.pods.items;
    let pod = pods
        .iter()
        .find(|pod| pod.metadata.name == name && pod.metadata.namespace == namespace)?;
    Some(pod.spec.service_account_name.as_str()).filter(|account| !account.is_empty())
}

fn remedy(cx: &Context<'_>, server: &Asked<'_>, kind: Kind) -> Remedy {
    let Some((namespace, pod)) = server.pod() else {
        let text = match server.served.way {
            Way::Address => "see whether a DNS server of this cluster listens there",
            _ => "ask a DNS pod instead: see whether it is the server or the way to it",
        };
        return Remedy::new(text, Safety::ReadOnly);
    };
    if server.served.never_reached().is_some() {
        let text = "what was not heard is not known: ask from a pod of the cluster, or with --dns-server";
        return Remedy::new(text, Safety::ReadOnly);
    }
    let logs = ["kubectl", "logs", "-n", namespace, pod, "--tail=40"];
    match (kind, account(cx, server)) {
        (Kind::Failed, Some(account)) => {
            let account = format!("--as=system:serviceaccount:{namespace}:{account}");
            let text = "it needs list and watch on services, namespaces and endpointslices.discovery.k8s.io";
            Remedy::new(text, Safety::ReadOnly)
                .command(&["kubectl", "auth", "can-i", "--list", &account])
                .command(&logs)
        }
        (Kind::Refused, _) => {
            let text = "see which zones its Corefile has, and whether the log says that it was not read";
            Remedy::new(text, Safety::ReadOnly).command(&logs)
        }
        _ => Remedy::new("see what its log says; ask the others with --each", Safety::ReadOnly).command(&logs),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnose::finding::ObjectRef;
    use crate::diagnose::testing::{ended, heard, recorded, right};

    const BOTH: [&str; 2] = ["coredns-a", "coredns-b"];

    #[test]
    fn a_server_that_is_silent_is_one_finding_about_its_pod() {
        let found = heard(&RULE, &recorded("dns/ordered"), &BOTH, |pod, row| match pod {
            "coredns-a" => ended(Outcome::Timeout, None),
            _ => right(row),
        });
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].subject, ObjectRef::named("Pod", "kube-system", "coredns-a"));
        assert_eq!(found[0].summary, "no answer in time");
        assert_eq!(found[0].ordinals, [0, 1, 2]);
        assert_eq!(found[0].evidence.len(), 4);
    }

    #[test]
    fn some_answers_are_counted() {
        let found = heard(&RULE, &recorded("dns/ordered"), &BOTH[..1], |_, row| {
            match row.ordinal {
                Some(2) => ended(Outcome::Timeout, None),
                _ => right(row),
            }
        });
        assert_eq!(found[0].summary, "no answer in time to 2 of 8 questions");
        assert_eq!(found[0].ordinals, [2]);
    }

    #[test]
    fn a_failure_asks_for_the_rights_of_the_pod_s_account() {
        let snapshot = recorded("dns/ordered");
        let pod = snapshot.cluster_dns.pods.items[0].metadata.name.clone();
        let found = heard(&RULE, &snapshot, &[&pod], |_, _| ended(Outcome::ServFail, Some(5)));
        let commands = &found[0].remedy.as_ref().unwrap().commands;
        assert_eq!(commands[0][4], "--as=system:serviceaccount:kube-system:coredns");
        assert_eq!(commands[1][..3], ["kubectl", "logs", "-n"]);
    }

    #[test]
    fn refusing_is_not_failing_and_being_wrong_is_neither() {
        let found = heard(&RULE, &recorded("dns/ordered"), &BOTH, |pod, _| match pod {
            "coredns-a" => ended(Outcome::Refused, None),
            _ => ended(Outcome::NxDomain, Some(30)),
        });
        assert_eq!(found.len(), 1);
        assert!(
            found[0].summary.starts_with("refused (REFUSED)"),
            "{}",
            found[0].summary
        );
    }

    #[test]
    fn a_port_forward_that_fails_is_not_the_server_s_fault() {
        let failed = |_: &str, _: &_| ended(Outcome::Unreachable("forbidden".to_owned()), None);
        let found = heard(&RULE, &recorded("dns/ordered"), &BOTH[..1], failed);
        assert_eq!(found[0].severity, Severity::Warning);
        assert_eq!(found[0].summary, "not reached: forbidden");
        // There was no pod to go to: STS420 says why.
        let nobody = heard(&RULE, &recorded("dns/ordered"), &["kube-dns"], failed);
        assert!(nobody.is_empty());
    }

    #[test]
    fn silent_where_nobody_was_asked() {
        assert!(heard(&RULE, &recorded("dns/ordered"), &[], |_, row| right(row)).is_empty());
    }
}
