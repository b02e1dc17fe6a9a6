//! Every node has a taint that the pod does not tolerate.

use std::collections::BTreeSet;

use crate::diagnose::context::Context;
use crate::diagnose::finding::{Evidence, Finding, ObjectRef, Remedy, Role, Safety, Severity};
use crate::diagnose::messages::{scheduling_reasons, untolerated};
use crate::diagnose::rules::sts304_waits_for_volume::waits_for_volume;
use crate::diagnose::{Checked, Outcome, Rule};
use crate::model::pod_state::PodState;

pub(super) const RULE: Rule = Rule {
    code: "STS302",
    name: "untolerated-taint",
    explain: "\
## What it means
Taints keep pods off nodes. Each node has one that this pod does not tolerate: nodes kept for others, control planes, or
nodes in trouble (`node.kubernetes.io/…`: not-ready, disk-pressure, unschedulable), which set such taints themselves.
## How it is detected
The pod's condition PodScheduled is False, every reason that the scheduler counts is an untolerated taint, and the pod waits
for no volume. The taints are those that the nodes have now.
## What to do
Taints of trouble go with the trouble. For nodes that are kept for others, add a node, or a toleration to the template; under
OrderedReady a changed template does not reach a pod that is not Ready: the pod must be deleted for it.
## When it is fine
While nodes start, or an autoscaler is adding one.
## Source
https://kubernetes.io/docs/concepts/scheduling-eviction/taint-and-toleration/
",
    check,
};

fn check(cx: &Context<'_>) -> Checked {
    cx.need(&cx.linked.snapshot.pods)?;
    let (mut findings, mut not_checked) = (Vec::new(), Vec::new());
    for suspect in cx.suspects() {
        if !matches!(suspect.state, PodState::Unscheduled) || waits_for_volume(cx, suspect.pod) {
            continue;
        }
        let said = suspect
            .pod
            .condition("PodScheduled")
            .filter(|said| said.status == "False");
        let Some(said) = said.filter(|said| only_taints(&said.message)) else {
            continue;
        };
        let nodes: u32 = scheduling_reasons(&said.message)
            .iter()
            .filter_map(|reason| reason.nodes)
            .sum();
        let taints = taints(cx);
        let which = match taints.is_empty() {
            true => String::new(),
            false => format!(" ({})", taints.join(", ")),
        };
        let object = suspect.object();
        let path = "status.conditions[PodScheduled].message";
        let mut finding = Finding::new(
            Role::Root,
            Severity::Error,
            object.clone(),
            format!("no node takes it: each of {nodes} has a taint that it does not tolerate{which}"),
        )
        .ordinals(suspect.ordinals)
        .since(said.last_transition_time)
        .evidence(Evidence::field(object, path, said.message.as_str()))
        .remedy(remedy());
        for node in cx
            .linked
            .snapshot
            .nodes
            .items
            .iter()
            .filter(|node| !node.spec.taints.is_empty())
            .take(MOST_NODES)
        {
            let taints: Vec<_> = node
                .spec
                .taints
                .iter()
                .map(|taint| format!("{}:{}", taint.key, taint.effect))
                .collect();
            finding = finding.evidence(Evidence::field(
                ObjectRef::of("Node", &node.metadata),
                "spec.taints",
                taints,
            ));
        }
        not_checked.extend(cx.need(&cx.linked.snapshot.nodes).err());
        findings.push(finding);
    }
    Ok(Outcome { findings, not_checked })
}

/// As many nodes are shown.
const MOST_NODES: usize = 3;

/// Whether the scheduler counts nothing but taints.
pub(super) fn only_taints(message: &str) -> bool {
    let reasons = scheduling_reasons(message);
    !reasons.is_empty() && reasons.iter().all(untolerated)
}

fn taints<'a>(cx: &Context<'a>) -> Vec<&'a str> {
    let nodes = &cx.linked.snapshot.nodes.items;
    let hard = nodes
        .iter()
        .flat_map(|node| &node.spec.taints)
        .filter(|taint| taint.effect != "PreferNoSchedule");
    let keys: BTreeSet<_> = hard.map(|taint| taint.key.as_str()).collect();
    keys.into_iter().collect()
}

fn remedy() -> Remedy {
    let text =
        "repair or free a node, add one, or tolerate the taint in the template; the scheduler then goes on by itself";
    let columns = "custom-columns=NAME:.metadata.name,TAINTS:.spec.taints[*].key";
    Remedy::new(text, Safety::ReadOnly).command(&["kubectl", "get", "nodes", "-o", columns])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnose::testing::{findings, refused};
    use crate::model::resource::Resource;

    #[test]
    fn the_taints_are_named() {
        let found = findings(&RULE, "untolerated-taint");
        assert_eq!(found.len(), 1);
        assert_eq!(
            found[0].summary,
            "no node takes it: each of 3 has a taint that it does not tolerate (dedicated)"
        );
        assert_eq!(found[0].evidence.len(), 4);
    }

    #[test]
    fn other_reasons_are_not_taints() {
        for scenario in ["node-selector-matches-nothing", "insufficient-cpu", "healthy-ordered"] {
            assert!(findings(&RULE, scenario).is_empty(), "{scenario}");
        }
        assert!(!only_taints(
            "0/3 nodes are available: 1 node(s) had untolerated taint(s), 2 Insufficient cpu."
        ));
        assert!(only_taints(
            "0/1 nodes are available: 1 node(s) had taint {k: v}, that the pod didn't tolerate."
        ));
        assert!(!only_taints(""));
    }

    #[test]
    fn refused_nodes_are_named() {
        assert_eq!(
            refused(&RULE, "untolerated-taint", Resource::Nodes)[0].resource,
            Resource::Nodes
        );
        assert_eq!(
            refused(&RULE, "untolerated-taint", Resource::Pods)[0].resource,
            Resource::Pods
        );
    }
}
