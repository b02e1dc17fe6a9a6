//! A pod is not scheduled, or not started, because a claim of it has no volume: the scheduler is not to blame.

use crate::diagnose::context::Context;
use crate::diagnose::finding::{Evidence, Finding, ObjectRef, Role, Severity};
use crate::diagnose::{Checked, Rule};
use crate::model::objects::Pod;

pub(super) const RULE: Rule = Rule {
    code: "STS304",
    name: "waits-for-volume",
    explain: "\
## What it means
The pod is Pending because one of its claims is not bound. With an Immediate class it is not scheduled before; with
WaitForFirstConsumer the scheduler has chosen a node already and holds the pod until the volume is there.
## How it is detected
The pod has no node, and a claim of it is Pending whose turn it is. A FailedScheduling that is older than the choice of
the node is stale: it is shown, and not believed.
## What to do
Follow the chain to the claim's cause.
## When it is fine
For some seconds after the pod was made.
## Source
`pkg/scheduler/framework/plugins/volumebinding/volume_binding.go`
",
    check,
};

fn check(cx: &Context<'_>) -> Checked {
    cx.need(&cx.linked.snapshot.claims)?;
    let mut findings = Vec::new();
    for row in cx.model.rows() {
        let Some(pod) = row
            .pod
            .filter(|pod| pod.spec.node_name.is_empty() && !pod.metadata.terminating())
        else {
            continue;
        };
        let Some(claim) = cx.awaited_claims(row).next() else {
            continue;
        };
        let object = ObjectRef::of("Pod", &pod.metadata);
        let claim_object = ObjectRef::of("PersistentVolumeClaim", &claim.metadata);
        let condition = pod
            .condition("PodScheduled")
            .filter(|condition| condition.status == "False");
        let mut finding = match claim.selected_node() {
            Some(node) => {
                let path = "metadata.annotations[volume.kubernetes.io/selected-node]";
                let summary = format!("Pending: {node} is chosen, it waits for its volume");
                let finding = Finding::new(Role::Effect, Severity::Error, object.clone(), summary)
                    .evidence(Evidence::field(claim_object.clone(), path, node));
                let stale = condition.map(|condition| {
                    let path = "status.conditions[PodScheduled].message";
                    Evidence::field(object, path, condition.message.as_str()).stale()
                });
                stale.into_iter().fold(finding, Finding::evidence)
            }
            None => {
                let finding = Finding::new(
                    Role::Effect,
                    Severity::Error,
                    object.clone(),
                    "Pending: it is scheduled once its volume is there",
                );
                let said = condition.map(|condition| {
                    Evidence::field(
                        object,
                        "status.conditions[PodScheduled].message",
                        condition.message.as_str(),
                    )
                });
                said.into_iter().fold(finding, Finding::evidence)
            }
        };
        finding = finding
            .ordinals([row.ordinal])
            .since(pod.metadata.creation_timestamp)
            .because(claim_object.clone())
            .evidence(Evidence::field(
                claim_object,
                "status.phase",
                claim.status.phase.as_str(),
            ));
        findings.push(finding);
    }
    Ok(findings.into())
}

/// Whether this pod of the set waits for a volume; then what the scheduler once said about it explains nothing.
pub(super) fn waits_for_volume(cx: &Context<'_>, pod: &Pod) -> bool {
    let row = cx
        .model
        .rows()
        .find(|row| row.pod.is_some_and(|own| own.metadata.uid == pod.metadata.uid));
    row.is_some_and(|row| cx.awaited_claims(row).next().is_some())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnose::testing::{findings, refused};
    use crate::model::resource::Resource;

    #[test]
    fn the_claim_is_the_cause() {
        let found = findings(&RULE, "provisioner-down");
        assert_eq!(found[0].role, Role::Effect);
        assert_eq!(found[0].because.as_ref().unwrap().kind, "PersistentVolumeClaim");
    }

    #[test]
    fn what_the_scheduler_said_before_it_chose_a_node_is_stale() {
        let found = findings(&RULE, "wffc-stale-condition");
        assert!(
            found[0].summary.contains("is chosen, it waits for its volume"),
            "{}",
            found[0].summary
        );
        assert!(found[0].evidence.iter().any(|fact| fact.stale));
    }

    #[test]
    fn a_pod_with_bound_claims_waits_for_none() {
        for scenario in [
            "healthy-static-volumes",
            "insufficient-cpu",
            "claim-terminating-under-running-pod",
        ] {
            assert!(findings(&RULE, scenario).is_empty(), "{scenario}");
        }
    }

    #[test]
    fn refused_claims_are_named() {
        let gaps = refused(&RULE, "provisioner-down", Resource::PersistentVolumeClaims);
        assert_eq!(gaps[0].resource, Resource::PersistentVolumeClaims);
    }
}
