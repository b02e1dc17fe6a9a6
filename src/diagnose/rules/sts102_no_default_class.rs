//! A claim names no class, and no class is the default.

use crate::diagnose::context::{ClaimTrouble, Context};
use crate::diagnose::finding::{Evidence, Finding, ObjectRef, Remedy, Role, Safety, Severity};
use crate::diagnose::provisioner::Standing;
use crate::diagnose::{Checked, Rule};

pub(super) const RULE: Rule = Rule {
    code: "STS102",
    name: "no-default-class",
    explain: "\
## What it means
The claim leaves the choice of its class to the cluster, and the cluster has no default. Such a claim then means a volume
without a class, made by hand, and none fits.
## How it is detected
The claim is Pending and names no class, no StorageClass is marked `storageclass.kubernetes.io/is-default-class: \"true\"`,
and no volume without a class could serve it.
## What to do
Mark a class as the default: claims that name none get it within seconds, also those that wait already. Or name a class
in the set's claim template, which means to make the set again.
## When it is fine
Never, while a claim waits.
## Source
https://kubernetes.io/docs/concepts/storage/persistent-volumes/#retroactive-default-storageclass-assignment
",
    check,
};

fn check(cx: &Context<'_>) -> Checked {
    let classes = cx.need(&cx.linked.snapshot.classes)?;
    let mut findings = Vec::new();
    for (row, claim, trouble) in cx.waiting_claims() {
        if !matches!(trouble, ClaimTrouble::NoDefault) {
            continue;
        }
        let object = ObjectRef::of("PersistentVolumeClaim", &claim.metadata);
        let names: Vec<_> = classes.iter().map(|class| class.metadata.name.as_str()).collect();
        let looked_at = match names.as_slice() {
            [] => "0 classes".to_owned(),
            names => format!("{} classes, none the default: {}", names.len(), names.join(", ")),
        };
        let mut finding = Finding::new(
            Role::Root,
            Severity::Error,
            object.clone(),
            "names no class, and no class is the default",
        )
        .ordinals([row.ordinal])
        .since(claim.metadata.creation_timestamp)
        .evidence(Evidence::search(object, &looked_at))
        .remedy(remedy(cx));
        let said = cx.events(&claim.metadata.uid, "FailedBinding").next();
        finding.evidence.extend(said.map(Evidence::event));
        findings.push(finding);
    }
    Ok(findings.into())
}

fn remedy(cx: &Context<'_>) -> Remedy {
    let classes = cx.linked.snapshot.classes.items.iter();
    let running = classes.filter(|class| {
        !class.by_hand() && matches!(cx.provisioner(&class.provisioner).standing, Standing::Running(_))
    });
    let names: Vec<_> = running.map(|class| class.metadata.name.as_str()).collect();
    let remedy = match names.as_slice() {
        [one] => Remedy::new(
            format!("make class {one} the default: its provisioner runs, and the waiting claims get it by themselves"),
            Safety::Reversible,
        )
        .command(&[
            "kubectl",
            "annotate",
            "storageclass",
            one,
            "storageclass.kubernetes.io/is-default-class=true",
        ]),
        // Which of several classes data lies on is not to be guessed.
        names => {
            let which = match names {
                [] => String::new(),
                names => format!(" ({} have a running provisioner)", names.join(", ")),
            };
            Remedy::new(
                format!("make a class the default{which}: the waiting claims get it by themselves"),
                Safety::ReadOnly,
            )
            .command(&["kubectl", "get", "storageclass"])
        }
    };
    remedy.avoid("deleting the pod or its claim: both come back the same")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnose::testing::{findings, findings_after, refused};
    use crate::model::resource::Resource;

    #[test]
    fn the_one_class_whose_provisioner_runs_is_proposed() {
        let found = findings(&RULE, "no-default-class");
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].subject.name, "data-web-0");
        let remedy = found[0].remedy.as_ref().unwrap();
        assert_eq!(remedy.safety, Safety::Reversible);
        assert_eq!(remedy.commands[0][3], "fast");
    }

    #[test]
    fn of_several_classes_none_is_chosen() {
        let found = findings_after(&RULE, "no-default-class", |snapshot| {
            let mut second = snapshot.classes.items[0].clone();
            second.metadata.name = "slow".to_owned();
            snapshot.classes.items.push(second);
        });
        let remedy = found[0].remedy.as_ref().unwrap();
        assert_eq!(remedy.safety, Safety::ReadOnly);
        assert!(remedy.text.contains("fast, slow"));
    }

    #[test]
    fn silent_where_a_default_exists_also_by_its_old_mark() {
        let found = findings_after(&RULE, "no-default-class", |snapshot| {
            let mark = "storageclass.beta.kubernetes.io/is-default-class".to_owned();
            let class = &mut snapshot.classes.items[0].metadata;
            class.annotations.insert(mark, "true".to_owned());
        });
        assert!(found.is_empty());
        assert!(findings(&RULE, "empty-class-no-volume").is_empty());
        assert!(findings(&RULE, "healthy-ordered").is_empty());
    }

    #[test]
    fn refused_classes_are_named() {
        assert_eq!(
            refused(&RULE, "no-default-class", Resource::StorageClasses)[0].what(),
            "storageclasses"
        );
    }
}
