//! The provisioner tried to make the volume and failed; it says why.

use crate::diagnose::context::{ClaimTrouble, Context};
use crate::diagnose::finding::{Evidence, Finding, ObjectRef, Remedy, Role, Safety, Severity};
use crate::diagnose::{Checked, Rule};

pub(super) const RULE: Rule = Rule {
    code: "STS120",
    name: "provisioning-failed",
    explain: "\
## What it means
The provisioner answered, and could not make the volume. It tries again with growing delays.
## How it is detected
The claim is Pending and its newest event of reason ProvisioningFailed is shown word for word.
## What to do
Act on the provisioner's own words: quota, credentials, zone, parameters of the class.
## When it is fine
When it is followed by success within a minute.
## Source
https://github.com/kubernetes-sigs/sig-storage-lib-external-provisioner
",
    check,
};

fn check(cx: &Context<'_>) -> Checked {
    cx.need(&cx.linked.snapshot.claims)?;
    let mut findings = Vec::new();
    for (row, claim, trouble) in cx.waiting_claims() {
        let ClaimTrouble::Failed(event) = trouble else { continue };
        let object = ObjectRef::of("PersistentVolumeClaim", &claim.metadata);
        let remedy = Remedy::new(
            "act on the provisioner's words; it tries again by itself",
            Safety::ReadOnly,
        )
        .command(&[
            "kubectl",
            "describe",
            "pvc",
            &claim.metadata.name,
            "-n",
            &claim.metadata.namespace,
        ])
        .avoid("deleting the pod or its claim: both come back the same");
        findings.push(
            Finding::new(
                Role::Root,
                Severity::Error,
                object,
                format!("its volume could not be made: {}", event.message),
            )
            .ordinals([row.ordinal])
            .since(event.first_seen())
            .evidence(Evidence::event(event))
            .remedy(remedy),
        );
    }
    Ok(findings.into())
}
