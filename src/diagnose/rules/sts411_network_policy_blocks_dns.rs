//! Network policies that select the set's pods let no question out to the cluster's DNS.

use std::collections::BTreeMap;

use crate::diagnose::context::Context;
use crate::diagnose::egress::{Destination, lets_out, limiting};
use crate::diagnose::finding::{Evidence, Finding, ObjectRef, Remedy, Role, Safety, Severity};
use crate::diagnose::next::pod_names;
use crate::diagnose::{Checked, Outcome, Rule};
use crate::model::objects::NetworkPolicy;

pub(super) const RULE: Rule = Rule {
    code: "STS411",
    name: "network-policy-blocks-dns",
    explain: "\
## What it means
A NetworkPolicy limits what leaves the set's pods, and no policy that selects them lets questions out to the cluster's DNS: the
records are there and are served, and these pods cannot ask for them. Every name fails in them, not only those of the set.
## How it is detected
Policies of the namespace that select a pod of the set and limit egress are taken together: what any of them allows is allowed. None
has a rule that lets port 53 over UDP (or only over TCP) out to the DNS. A rule without `to` or `ports` restricts neither; addresses are
compared with the Service's and the servers'; a rule that hangs on labels of namespaces, which are not read, is taken to allow it.
Only likely: whether the cluster's network keeps to policies cannot be seen, and its own kinds of policy are not read.
## What to do
Add a rule that lets UDP and TCP port 53 out to the DNS pods, in one of the policies or in one of its own for all pods.
## When it is fine
When the pods resolve no name, or when the network of the cluster does not keep to policies.
## Source
https://kubernetes.io/docs/concepts/services-networking/network-policies/#default-deny-all-egress-traffic
",
    check,
};

fn check(cx: &Context<'_>) -> Checked {
    let snapshot = cx.linked.snapshot;
    let template = cx.set().spec.template.spec().unwrap_or_default();
    // Policies are about pods' own addresses, and servers of their own may be anywhere.
    let asks = ["", "ClusterFirst"].contains(&template.dns_policy.as_str()) && !template.host_network;
    if !snapshot.network_policies.asked() || !asks {
        return Ok(Outcome::default());
    }
    // One that was not read may allow it.
    let policies = cx.need(&snapshot.network_policies)?;
    let dns = Destination::of(&snapshot.cluster_dns);
    let pods = cx.model.ordinals.iter().filter_map(|row| Some((row.ordinal, row.pod?)));
    let mut of_labels: Vec<(Option<i64>, BTreeMap<String, String>)> = pods
        .map(|(ordinal, pod)| (Some(ordinal), pod.metadata.labels.clone()))
        .collect();
    if of_labels.is_empty() {
        of_labels.push((None, cx.set().spec.template.labels()));
    }
    let mut shut: BTreeMap<&'static str, (Vec<i64>, Vec<&NetworkPolicy>)> = BTreeMap::new();
    for (ordinal, labels) in of_labels {
        let limiting = limiting(policies, cx.namespace(), &labels);
        let allowed = |protocol| limiting.is_empty() || lets_out(&limiting, protocol, &dns) != Some(false);
        let lacks = match (allowed("UDP"), allowed("TCP")) {
            (true, true) => continue,
            (false, false) => "UDP or TCP",
            (false, true) => "UDP",
            (true, false) => "TCP",
        };
        let (ordinals, by) = shut.entry(lacks).or_insert_with(|| (Vec::new(), limiting));
        ordinals.extend(ordinal);
        by.dedup_by_key(|policy| policy.metadata.name.as_str());
    }
    let found = shut
        .into_iter()
        .map(|(protocols, (ordinals, by))| finding(cx, protocols, ordinals, &by));
    Ok(found.collect::<Vec<_>>().into())
}

fn finding(cx: &Context<'_>, protocols: &str, ordinals: Vec<i64>, by: &[&NetworkPolicy]) -> Finding {
    let object = |policy: &NetworkPolicy| ObjectRef::of("NetworkPolicy", &policy.metadata);
    let whose = match ordinals.len() {
        0 => "the set's pods".to_owned(),
        _ => pod_names(&cx.model, &ordinals),
    };
    let others = match by.len() {
        1 => String::new(),
        _ => ", nor does another policy that selects them".to_owned(),
    };
    let (severity, so) = match protocols {
        // Resolvers go over to TCP when an answer does not fit.
        "TCP" => (Severity::Info, "; answers that do not fit into one packet need it"),
        _ => (Severity::Warning, ""),
    };
    let names: Vec<_> = by.iter().map(|policy| policy.metadata.name.as_str()).collect();
    let summary = format!("lets no question to the cluster's DNS out of {whose} over {protocols}{others}{so}");
    let subject = by.first().map_or_else(
        || ObjectRef::of("StatefulSet", &cx.set().metadata),
        |policy| object(policy),
    );
    let mut command = vec!["kubectl", "get", "networkpolicy"];
    command.extend(&names);
    command.extend(["-n", cx.namespace(), "-o", "yaml"]);
    let text = "let UDP and TCP port 53 out to the cluster's DNS, in a rule here or in a policy of its own";
    let finding = Finding::new(Role::Risk, severity, subject, summary)
        .certain(false)
        .ordinals(ordinals)
        .remedy(Remedy::new(text, Safety::ReadOnly).command(&command));
    by.iter().fold(finding, |finding, policy| {
        let rules = policy.egress().count();
        let value = match rules {
            0 => "no rule".to_owned(),
            1 => "1 rule, not for the DNS".to_owned(),
            _ => format!("{rules} rules, none for the DNS"),
        };
        finding.evidence(Evidence::field(object(policy), "spec.egress", value))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnose::finding::Certainty;
    use crate::diagnose::testing::{findings, findings_after, recorded, refused, run};
    use crate::model::gap::{Gap, GapReason};
    use crate::model::resource::Resource;
    use crate::model::snapshot::Snapshot;
    use serde_json::{Value, json};

    const CASE: &str = "dns/policies-and-node-cache";

    /// The recording with one more rule in its policy.
    fn with_rule(rule: &Value) -> Vec<Finding> {
        findings_after(&RULE, CASE, |snapshot| {
            let mut policies = snapshot.network_policies.items.iter_mut();
            let peers = policies.find(|policy| policy.metadata.name == "peers-only").unwrap();
            peers
                .spec
                .egress
                .as_mut()
                .unwrap()
                .push(serde_json::from_value(rule.clone()).unwrap());
        })
    }

    #[test]
    fn pods_that_cannot_ask_are_named_and_the_policies_with_them() {
        let found = findings(&RULE, CASE);
        assert_eq!(found.len(), 1);
        let found = &found[0];
        assert_eq!(
            (found.role, found.severity, found.certainty),
            (Role::Risk, Severity::Warning, Certainty::Likely)
        );
        assert_eq!(
            (found.subject.name.as_str(), found.ordinals.as_slice()),
            ("default-deny", [0, 1].as_slice())
        );
        assert_eq!(
            found.summary,
            "lets no question to the cluster's DNS out of web-0 and web-1 over UDP or TCP, nor does another policy that \
             selects them"
        );
        let facts: Vec<_> = found
            .evidence
            .iter()
            .map(|fact| (fact.object.name.as_str(), fact.value.as_str().unwrap()))
            .collect();
        assert_eq!(
            facts,
            [("default-deny", "no rule"), ("peers-only", "1 rule, not for the DNS")]
        );
        let command = found.remedy.as_ref().unwrap().commands[0].join(" ");
        assert_eq!(
            command,
            "kubectl get networkpolicy default-deny peers-only -n shop -o yaml"
        );
    }

    #[test]
    fn a_rule_for_the_dns_is_enough() {
        let to = json!([{"namespaceSelector": {}, "podSelector": {"matchLabels": {"k8s-app": "kube-dns"}}}]);
        let ports = json!([{"port": 53, "protocol": "UDP"}, {"port": 53, "protocol": "TCP"}]);
        assert!(with_rule(&json!({"to": to, "ports": ports})).is_empty());
        assert!(with_rule(&json!({"to": [{"namespaceSelector": {"matchLabels": {"team": "dns"}}}]})).is_empty());
        let udp = with_rule(&json!({"to": to, "ports": [{"port": 53, "protocol": "UDP"}]}));
        assert_eq!((udp.len(), udp[0].severity), (1, Severity::Info));
        assert!(udp[0].summary.contains("over TCP"), "{}", udp[0].summary);
    }

    #[test]
    fn without_pods_the_template_is_looked_at() {
        let found = findings_after(&RULE, CASE, |snapshot| snapshot.pods.items.clear());
        assert!(
            found[0].summary.contains("out of the set's pods"),
            "{}",
            found[0].summary
        );
        assert!(found[0].ordinals.is_empty());
    }

    #[test]
    fn pods_that_do_not_ask_the_cluster_are_left_alone() {
        let with = |path: &str, value: Value| {
            findings_after(&RULE, CASE, |snapshot| {
                let template = &mut snapshot.stateful_sets.items[0].spec.template.0;
                template["spec"][path] = value;
            })
        };
        assert!(with("hostNetwork", json!(true)).is_empty());
        assert!(with("dnsPolicy", json!("None")).is_empty());
    }

    #[test]
    fn policies_that_were_refused_are_named_and_unasked_ones_are_not() {
        let gap = Gap::list(Resource::NetworkPolicies, None, GapReason::Forbidden);
        assert_eq!(refused(&RULE, CASE, Resource::NetworkPolicies), [gap]);
        // No policy of theirs is known: not even that none is.
        let unasked: Snapshot = recorded("healthy-ordered");
        let outcome = run(&RULE, &unasked).unwrap();
        assert!(outcome.findings.is_empty() && outcome.not_checked.is_empty());
    }
}
