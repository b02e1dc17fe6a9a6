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
The claim of an ordinal has no volume yet: the provisioner that its class names has not answered, or there is no such class.
## How it is detected
The claim's phase is Pending, and its class does not exist or names a provisioner that is not seen running.
A class with WaitForFirstConsumer counts only once the scheduler has chosen a node (`volume.kubernetes.io/selected-node`).
## What to do
Follow the chain to its root: the claim is bound as soon as a provisioner answers for its class.
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
        let object = ObjectRef::of("PersistentVolumeClaim", &claim.metadata);
        let (summary, cause) = match &trouble {
            ClaimTrouble::Provisioner(class, provisioner) => {
                let (class_name, name) = (&class.metadata.name, &provisioner.name);
                let summary = format!("Pending: class {class_name} asked {name}, no answer");
                (summary, culprit(class, provisioner))
            }
            ClaimTrouble::ClassMissing(class) => {
                let object = ObjectRef::named("StorageClass", "", class);
                (format!("Pending: its class {class} does not exist"), object)
            }
            _ => continue,
        };
        let mut finding = Finding::new(Role::Effect, Severity::Error, object.clone(), summary)
            .ordinals([row.ordinal])
            .since(claim.metadata.creation_timestamp)
            .because(cause)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnose::testing::{findings, findings_after, refused};
    use crate::model::resource::Resource;

    fn causes(scenario: &str) -> Vec<String> {
        let found = findings(&RULE, scenario).into_iter();
        found.map(|finding| finding.because.unwrap().spoken()).collect()
    }

    #[test]
    fn the_claim_leads_to_the_workload_or_to_the_class() {
        assert_eq!(causes("provisioner-down"), ["deployment nfs-client-provisioner"]);
        assert_eq!(causes("provisioner-renamed"), ["deployment nfs-client-provisioner"]);
        assert_eq!(causes("provisioner-not-deployed"), ["class fast"]);
        assert_eq!(causes("class-missing"), ["class fats"]);
    }

    #[test]
    fn silent_where_the_claim_is_bound_or_nobody_uses_it_yet() {
        assert!(findings(&RULE, "healthy-wffc-unused").is_empty());
        let bound = findings_after(&RULE, "provisioner-down", |snapshot| {
            snapshot.claims.items[0].status.phase = "Bound".to_owned();
        });
        assert!(bound.is_empty());
        let unused = findings_after(&RULE, "provisioner-down", |snapshot| {
            snapshot.pods.items.retain(|pod| pod.metadata.namespace != "shop");
        });
        assert!(unused.is_empty());
    }

    #[test]
    fn under_wait_for_first_consumer_silent_until_a_node_is_chosen() {
        let scenario = "wffc-provisioner-not-deployed";
        let chosen = findings(&RULE, scenario);
        assert!(
            chosen[0]
                .evidence
                .iter()
                .any(|fact| fact.path.contains("selected-node"))
        );
        let found = findings_after(&RULE, scenario, |snapshot| {
            for claim in &mut snapshot.claims.items {
                claim.metadata.annotations.remove("volume.kubernetes.io/selected-node");
            }
        });
        assert!(found.is_empty());
    }

    #[test]
    fn refused_claims_are_named() {
        let gaps = refused(&RULE, "provisioner-down", Resource::PersistentVolumeClaims);
        assert_eq!(gaps[0].what(), "persistentvolumeclaims");
    }
}
