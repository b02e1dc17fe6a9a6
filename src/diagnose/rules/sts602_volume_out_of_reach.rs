//! A pod cannot be scheduled because its volume lies where no node of the cluster is.

use crate::diagnose::context::Context;
use crate::diagnose::finding::{Evidence, Finding, ObjectRef, Remedy, Role, Safety, Severity};
use crate::diagnose::{Checked, Rule};
use crate::model::objects::{Claim, PersistentVolume, Pod};

pub(super) const RULE: Rule = Rule {
    code: "STS602",
    name: "volume-out-of-reach",
    explain: "\
## What it means
The claim is bound, and its volume can be used only from a certain node (a local disk) or zone. The cluster has no such
node: it was removed, renamed or relabelled. The pod waits for it, for ever.
## How it is detected
The pod has no node, and no node that exists satisfies the node affinity of one of its volumes.
## What to do
Bring the node back under the same name (for a zone: a node there), with its disk: the pod is scheduled by itself. Only
where the disk is lost for good, and the application can do without: give up the claim, and the pod with it; a new, empty
volume follows.
## When it is fine
While the node is replaced, or an autoscaler adds one.
## Source
https://kubernetes.io/docs/concepts/storage/persistent-volumes/#node-affinity
",
    check,
};

fn check(cx: &Context<'_>) -> Checked {
    cx.need(&cx.linked.snapshot.pods)?;
    let waits = |pod: &Pod| pod.spec.node_name.is_empty() && !pod.metadata.terminating();
    let mut findings = Vec::new();
    for row in cx.model.rows() {
        let Some(pod) = row.pod.filter(|pod| waits(pod)) else {
            continue;
        };
        let Some((claim, volume, place)) = cx.stranded(row) else {
            for claim in row
                .claims
                .iter()
                .filter_map(|slot| slot.claim)
                .filter(|claim| claim.bound())
            {
                cx.need(&cx.linked.snapshot.nodes)?;
                cx.volume(claim)?;
            }
            continue;
        };
        let pair = [root(cx, pod, claim, volume, &place), effect(pod, claim, volume, &place)];
        findings.extend(pair.map(|finding| finding.ordinals([row.ordinal]).since(pod.metadata.creation_timestamp)));
    }
    Ok(findings.into())
}

fn root(cx: &Context<'_>, pod: &Pod, claim: &Claim, volume: &PersistentVolume, place: &str) -> Finding {
    let object = ObjectRef::of("PersistentVolume", &volume.metadata);
    let nodes = cx.linked.snapshot.nodes.items.len();
    let said = pod.condition("PodScheduled").filter(|said| said.status == "False");
    let remedy = Remedy::new(
        format!("bring back {place}, with its disk: the pod is then scheduled by itself"),
        Safety::ReadOnly,
    )
    .command(&["kubectl", "get", "nodes"])
    .avoid(format!(
        "deleting claim {}: its data is on that volume, and a new one would be empty",
        claim.metadata.name
    ));
    let summary = format!("can be used only from {place}, which the cluster does not have");
    let mut root = Finding::new(Role::Root, Severity::Error, object.clone(), summary)
        .evidence(Evidence::field(object.clone(), "spec.nodeAffinity", place))
        .evidence(Evidence::search(object, &format!("{nodes} nodes")))
        .remedy(remedy);
    root.evidence.extend(said.map(|said| {
        let path = "status.conditions[PodScheduled].message";
        Evidence::field(ObjectRef::of("Pod", &pod.metadata), path, said.message.as_str())
    }));
    root
}

fn effect(pod: &Pod, claim: &Claim, volume: &PersistentVolume, place: &str) -> Finding {
    let summary = format!("Pending: claim {} ties it to {place}", claim.metadata.name);
    let object = ObjectRef::of("PersistentVolumeClaim", &claim.metadata);
    Finding::new(
        Role::Effect,
        Severity::Error,
        ObjectRef::of("Pod", &pod.metadata),
        summary,
    )
    .because(ObjectRef::of("PersistentVolume", &volume.metadata))
    .evidence(Evidence::field(
        object,
        "spec.volumeName",
        claim.spec.volume_name.as_str(),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnose::testing::{findings, findings_after, refused};
    use crate::model::resource::Resource;

    const SCENARIO: &str = "volume-on-missing-node";

    #[test]
    fn a_volume_of_a_node_that_is_gone_is_the_root() {
        let found = findings(&RULE, SCENARIO);
        assert_eq!(found[0].subject, ObjectRef::named("PersistentVolume", "", "disk-c"));
        assert_eq!(found[0].ordinals, [2]);
        assert_eq!(found[1].because.as_ref(), Some(&found[0].subject));
    }

    #[test]
    fn silent_as_soon_as_a_node_of_that_name_is_there() {
        let found = findings_after(&RULE, SCENARIO, |snapshot| {
            let mut node = snapshot.nodes.items[0].clone();
            let name = "kubernetes.io/hostname".to_owned();
            node.metadata.labels.insert(name, "node-c".to_owned());
            snapshot.nodes.items.push(node);
        });
        assert!(found.is_empty());
        assert!(findings(&RULE, "healthy-static-volumes").is_empty());
    }

    #[test]
    fn refused_nodes_and_volumes_are_named_where_they_matter() {
        assert_eq!(refused(&RULE, SCENARIO, Resource::Nodes)[0].what(), "nodes");
        assert_eq!(
            refused(&RULE, SCENARIO, Resource::PersistentVolumes)[0].what(),
            "persistentvolumes"
        );
        assert!(refused(&RULE, "healthy-static-volumes", Resource::Nodes).is_empty());
    }
}
