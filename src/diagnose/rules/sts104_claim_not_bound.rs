//! A claim waits for a provisioner that does not answer: the link between the pod and whatever keeps the provisioner.

use crate::diagnose::context::{ClaimTrouble, Context};
use crate::diagnose::finding::{Evidence, Finding, ObjectRef, Role, Severity};
use crate::diagnose::provisioner::{Provisioner, Standing};
use crate::diagnose::{Checked, Rule};
use crate::model::objects::StorageClass;

pub(super) const RULE: Rule = Rule {
    code: "STS104",
    name: "claim-not-bound",
    explain: "\
## What it means
The claim of an ordinal has no volume yet. Its class names a provisioner, and that provisioner has not answered.
## How it is detected
The claim's phase is Pending, its class exists, and the provisioner that the class names is not seen running.
A class with WaitForFirstConsumer counts only once the scheduler has chosen a node (`volume.kubernetes.io/selected-node`).
## What to do
Follow the chain to its root: the claim itself is in order, and is bound as soon as the provisioner answers.
## When it is fine
For some seconds after the claim was made.
## Source
https://kubernetes.io/docs/concepts/storage/persistent-volumes/#binding
",
    check,
};

fn check(cx: &Context<'_>) -> Checked {
    cx.need(&cx.linked.snapshot.claims)?;
    let mut findings = Vec::new();
    for (row, claim, trouble) in cx.waiting_claims() {
        let ClaimTrouble::Provisioner(class, provisioner) = trouble else {
            continue;
        };
        let object = ObjectRef::of("PersistentVolumeClaim", &claim.metadata);
        let summary = format!(
            "Pending: class {} asked {}, no answer",
            class.metadata.name, provisioner.name
        );
        let mut finding = Finding::new(Role::Effect, Severity::Error, object.clone(), summary)
            .ordinals([row.ordinal])
            .since(claim.metadata.creation_timestamp)
            .because(culprit(class, &provisioner))
            .evidence(Evidence::field(
                object.clone(),
                "status.phase",
                claim.status.phase.as_str(),
            ));
        if let Some(node) = claim.selected_node() {
            let path = "metadata.annotations[volume.kubernetes.io/selected-node]";
            finding = finding.evidence(Evidence::field(object, path, node));
        }
        if let Some(event) = cx.events(&claim.metadata.uid, "ExternalProvisioning").next() {
            finding = finding.evidence(Evidence::event(event));
        }
        findings.push(finding);
    }
    Ok(findings.into())
}

/// The object that somebody must look at: the workload where there is one, else the class that asks in vain.
fn culprit(class: &StorageClass, provisioner: &Provisioner<'_>) -> ObjectRef {
    match &provisioner.standing {
        Standing::Running(runner) | Standing::Down(runner) | Standing::Renamed(runner, _) => runner.object.clone(),
        Standing::Hidden | Standing::Absent => ObjectRef::of("StorageClass", &class.metadata),
    }
}
