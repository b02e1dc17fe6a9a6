//! A node is not Ready, and pods are on it.

use crate::diagnose::context::Context;
use crate::diagnose::finding::{Evidence, Finding, ObjectRef, Remedy, Role, Safety, Severity};
use crate::diagnose::{Checked, Rule};
use crate::model::objects::{Condition, Node, Pod};
use crate::model::pod_state::{PodState, since};

pub(super) const RULE: Rule = Rule {
    code: "STS601",
    name: "node-not-ready",
    explain: "\
## What it means
The node's agent no longer reports, or reports that it cannot run pods. Its pods are marked not Ready; after their
toleration (5 minutes as a rule) they are deleted, and stay Terminating, because nobody there confirms that they ended.
The controller makes no second pod of the same name meanwhile: two could write to one volume.
## How it is detected
The pod has this node, is not Ready or is terminating, and the node's condition Ready is not True. What the API says about
the pod's containers is then old, and not looked at.
## What to do
Bring the node back: its pods go on by themselves. Where the machine is off for sure and stays off, say so to the cluster:
delete the Node object, or taint it `node.kubernetes.io/out-of-service`; its pods are then removed and made elsewhere.
## When it is fine
While the node restarts.
## Source
https://kubernetes.io/docs/concepts/cluster-administration/node-shutdown/#non-graceful-node-shutdown
",
    check,
};

fn check(cx: &Context<'_>) -> Checked {
    cx.need(&cx.linked.snapshot.pods)?;
    let mut findings = Vec::new();
    for (row, pod, state) in cx.troubled() {
        let Some((node, ready)) = cx.lost_node(pod) else {
            continue;
        };
        findings.push(root(node, ready).ordinals([row.ordinal]));
        findings.push(effect(pod, &state, node).ordinals([row.ordinal]));
    }
    if findings.is_empty() && cx.troubled().any(|(_, pod, _)| !pod.spec.node_name.is_empty()) {
        cx.need(&cx.linked.snapshot.nodes)?;
    }
    Ok(findings.into())
}

fn root(node: &Node, ready: &Condition) -> Finding {
    let object = ObjectRef::of("Node", &node.metadata);
    let name = &node.metadata.name;
    let why = match ready.message.as_str() {
        "" => ready.reason.as_str(),
        message => message.trim_end_matches('.'),
    };
    Finding::new(
        Role::Root,
        Severity::Error,
        object.clone(),
        format!("is not Ready: {why}"),
    )
    .since(ready.last_transition_time)
    .evidence(Evidence::field(
        object,
        "status.conditions[Ready]",
        format!("{} ({})", ready.status, ready.reason),
    ))
    .remedy(
        Remedy::new(
            "bring the node back: its pods go on by themselves",
            Safety::ReadOnly,
        )
        .command(&["kubectl", "describe", "node", name])
        .avoid(format!(
            "deleting pods of {name} with --force while its machine may run: two of one pod would write to one volume"
        )),
    )
}

fn effect(pod: &Pod, state: &PodState<'_>, node: &Node) -> Finding {
    let object = ObjectRef::of("Pod", &pod.metadata);
    let name = &node.metadata.name;
    let says = match state {
        PodState::Terminating => format!("is terminating on {name}, and nobody there confirms that it ended"),
        _ => format!("is on {name} and not Ready with it"),
    };
    Finding::new(Role::Effect, Severity::Error, object.clone(), says)
        .since(since(pod))
        .because(ObjectRef::of("Node", &node.metadata))
        .evidence(Evidence::field(object, "spec.nodeName", name.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnose::testing::{findings, findings_after, refused};
    use crate::model::resource::Resource;

    #[test]
    fn the_node_is_the_root_and_its_pod_follows() {
        let found = findings(&RULE, "dead-node-three-sets");
        let said: Vec<_> = found.iter().map(|f| (f.role, f.subject.spoken())).collect();
        assert_eq!(said[0], (Role::Root, "node node-c".to_owned()));
        assert_eq!(said[1].0, Role::Effect);
        assert!(found[0].since.is_some());
    }

    #[test]
    fn a_pod_that_terminates_there_is_not_taken_for_one_that_ends_soon() {
        let found = findings_after(&RULE, "dead-node-three-sets", |snapshot| {
            let now = snapshot.taken_at;
            for pod in &mut snapshot.pods.items {
                pod.metadata.deletion_timestamp = Some(now);
            }
        });
        assert!(found[1].summary.starts_with("is terminating on node-c"));
    }

    #[test]
    fn silent_where_the_node_is_well() {
        assert!(findings(&RULE, "progressing-not-ready-yet").is_empty());
        assert!(findings(&RULE, "crash-loop-oom").is_empty());
        assert!(findings(&RULE, "healthy-ordered").is_empty());
    }

    #[test]
    fn refused_nodes_are_named_where_a_pod_is_not_well() {
        assert_eq!(
            refused(&RULE, "dead-node-three-sets", Resource::Nodes)[0].what(),
            "nodes"
        );
        assert!(refused(&RULE, "healthy-ordered", Resource::Nodes).is_empty());
    }
}
