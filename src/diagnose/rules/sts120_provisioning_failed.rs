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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnose::finding::Certainty;
    use crate::diagnose::testing::{findings, findings_after, refused};
    use crate::model::resource::Resource;

    #[test]
    fn the_provisioner_s_own_words_are_the_root() {
        let found = findings(&RULE, "provisioning-fails");
        assert_eq!(found.len(), 1);
        assert!(found[0].summary.contains("permission denied"));
        assert_eq!(found[0].certainty, Certainty::Certain);
        assert!(found[0].evidence[0].count.unwrap() >= 2);
        assert_eq!(found[0].remedy.as_ref().unwrap().safety, Safety::ReadOnly);
    }

    #[test]
    fn silent_where_it_said_nothing_and_where_the_volume_is_there() {
        assert!(findings(&RULE, "provisioner-silent").is_empty());
        assert!(findings(&RULE, "healthy-ordered").is_empty());
        // Its failures are history once the claim is bound.
        let found = findings_after(&RULE, "provisioning-fails", |snapshot| {
            snapshot.claims.items[0].status.phase = "Bound".to_owned();
        });
        assert!(found.is_empty());
    }

    #[test]
    fn the_binder_s_word_on_a_class_that_is_missing_is_no_failure_of_a_provisioner() {
        assert!(findings(&RULE, "class-missing").is_empty());
    }

    #[test]
    fn refused_claims_are_named() {
        let gaps = refused(&RULE, "provisioning-fails", Resource::PersistentVolumeClaims);
        assert_eq!(gaps[0].what(), "persistentvolumeclaims");
    }
}
