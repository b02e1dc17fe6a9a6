//! A claim names a class that does not exist.

use crate::diagnose::context::{ClaimTrouble, Context};
use crate::diagnose::finding::{Evidence, Finding, ObjectRef, Remedy, Role, Safety, Severity};
use crate::diagnose::{Checked, Rule};
use crate::model::resource::Resource;

pub(super) const RULE: Rule = Rule {
    code: "STS101",
    name: "class-missing",
    explain: "\
## What it means
The claim asks for a volume of a class by name, and there is no class of that name: a typing error, a manifest from
another cluster, or a class that was deleted. Nobody makes the volume, and the pod waits for ever.
## How it is detected
The claim is Pending, no StorageClass has the name it gives (a read of its own confirms it after the list), and no volume
carries that name as its class. Volumes may: for those made by hand the name is free text, and no class is needed.
## What to do
Create a class of exactly that name: the claim goes on by itself. Where the name is wrong, it has to be put right in the
set's claim template, which cannot be changed: the set is made again, and the claim that never got a volume with it.
## When it is fine
Never, while a claim waits.
## Source
https://kubernetes.io/docs/concepts/storage/persistent-volumes/#class-1
",
    check,
};

fn check(cx: &Context<'_>) -> Checked {
    let snapshot = cx.linked.snapshot;
    let classes = cx.need(&snapshot.classes)?;
    let mut findings = Vec::new();
    for (row, claim, trouble) in cx.waiting_claims() {
        let ClaimTrouble::ClassMissing(name) = trouble else {
            continue;
        };
        let object = ObjectRef::named("StorageClass", "", name);
        let near = classes
            .iter()
            .map(|class| {
                (
                    strsim::damerau_levenshtein(&class.metadata.name, name),
                    &class.metadata.name,
                )
            })
            .min()
            .filter(|(distance, _)| *distance <= name.len().div_ceil(3))
            .map(|(_, near)| near.as_str());
        let claim_object = ObjectRef::of("PersistentVolumeClaim", &claim.metadata);
        let known: Vec<_> = classes.iter().map(|class| class.metadata.name.as_str()).collect();
        let mut finding = Finding::new(
            Role::Root,
            Severity::Error,
            object.clone(),
            "does not exist, and claims ask for it",
        )
        .certain(snapshot.confirmed_absent(Resource::StorageClasses, None, name))
        .ordinals([row.ordinal])
        .since(claim.metadata.creation_timestamp)
        .evidence(Evidence::field(claim_object, "spec.storageClassName", name))
        .evidence(Evidence::search(
            object,
            &match known.as_slice() {
                [] => "0 classes".to_owned(),
                known => format!("{} classes: {}", known.len(), known.join(", ")),
            },
        ))
        .remedy(remedy(name, near));
        let said = cx.events(&claim.metadata.uid, "ProvisioningFailed").next();
        finding.evidence.extend(said.map(Evidence::event));
        findings.push(finding);
    }
    Ok(findings.into())
}

fn remedy(name: &str, near: Option<&str>) -> Remedy {
    let meant = near.map_or(String::new(), |near| {
        format!("; if {near} was meant, the set has to be made again with it: claim templates cannot be changed")
    });
    Remedy::new(
        format!("create a class {name}: the claims then go on by themselves{meant}"),
        Safety::ReadOnly,
    )
    .command(&["kubectl", "get", "storageclass"])
    .avoid("deleting the pod or its claim: both come back the same")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnose::finding::Certainty;
    use crate::diagnose::testing::{findings, findings_after, refused};
    use crate::model::place::Place;

    #[test]
    fn a_class_that_is_not_there_is_the_root_and_the_near_one_is_named() {
        let found = findings(&RULE, "class-missing");
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].subject, ObjectRef::named("StorageClass", "", "fats"));
        assert_eq!(found[0].certainty, Certainty::Certain);
        assert!(found[0].remedy.as_ref().unwrap().text.contains("if fast was meant"));
    }

    #[test]
    fn silent_where_the_class_is_there_or_volumes_carry_its_name() {
        assert!(findings(&RULE, "provisioner-silent").is_empty());
        assert!(findings(&RULE, "only-released-volumes").is_empty());
        assert!(findings(&RULE, "healthy-ordered").is_empty());
    }

    #[test]
    fn only_likely_where_the_absence_was_not_confirmed() {
        let found = findings_after(&RULE, "class-missing", |snapshot| snapshot.confirmed_absent.clear());
        assert_eq!(found[0].certainty, Certainty::Likely);
    }

    #[test]
    fn refused_classes_are_named_and_prove_no_absence() {
        let gaps = refused(&RULE, "class-missing", Resource::StorageClasses);
        assert_eq!(gaps[0].what(), "storageclasses");
        // Volumes of that class could exist.
        let found = findings_after(&RULE, "class-missing", |snapshot| {
            snapshot
                .sink(Resource::PersistentVolumes, Place::Scope)
                .unwrap()
                .clear();
        });
        assert!(found.is_empty());
    }
}
