//! A claim asks for class "", which only volumes made by hand can serve, and none does.

use crate::diagnose::context::Context;
use crate::diagnose::fit::{Lack, findings, lack, make_one, tally};
use crate::diagnose::{Checked, Rule};

pub(super) const RULE: Rule = Rule {
    code: "STS103",
    name: "no-classless-volume",
    explain: "\
## What it means
`storageClassName: \"\"` is not the same as leaving the field out: it asks for a volume without a class, made by hand, and
the default class never takes its place. No such volume is there, or each is taken or differs.
## How it is detected
The claim is Pending, its class is the empty string, and no volume without a class could serve it: each is shown with what
keeps it.
## What to do
Make such a volume; the claim binds by itself. Where a class was meant, the field has to go from the set's claim template,
which cannot be changed: the set is made again.
## When it is fine
Never, while a claim waits.
## Source
https://kubernetes.io/docs/concepts/storage/persistent-volumes/#class-1
",
    check,
};

fn check(cx: &Context<'_>) -> Checked {
    findings(cx, |claim, volumes| {
        if claim.class() != Some("") || lack(volumes) != Lack::NoVolume {
            return None;
        }
        let mut remedy = make_one(claim, "without a class");
        remedy.text += "; if a class was meant, make the set again without storageClassName \"\" in its claim template";
        let there = match volumes.len() {
            0 => "there is none".to_owned(),
            _ => format!("none is left: {}", tally(volumes)),
        };
        Some((
            format!("asks for a volume without a class (storageClassName \"\"), and {there}"),
            remedy,
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnose::testing::{findings, findings_after, refused};
    use crate::model::objects::ClaimReference;
    use crate::model::resource::Resource;
    use crate::model::snapshot::Snapshot;

    fn lay_out_one_without_class(snapshot: &mut Snapshot) {
        snapshot.volumes.items[0].spec.storage_class_name.clear();
    }

    #[test]
    fn an_empty_class_without_a_volume_is_the_root() {
        let found = findings(&RULE, "empty-class-no-volume");
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].subject.name, "data-web-0");
        assert!(found[0].summary.ends_with("there is none"));
    }

    #[test]
    fn silent_where_a_volume_without_a_class_is_free() {
        assert!(findings_after(&RULE, "empty-class-no-volume", lay_out_one_without_class).is_empty());
        assert!(findings(&RULE, "no-default-class").is_empty());
    }

    #[test]
    fn a_volume_that_another_claim_has_is_shown() {
        let found = findings_after(&RULE, "empty-class-no-volume", |snapshot| {
            lay_out_one_without_class(snapshot);
            snapshot.volumes.items[0].spec.claim_ref = Some(ClaimReference {
                namespace: "shop".to_owned(),
                name: "data-db-0".to_owned(),
                uid: "other".to_owned(),
            });
        });
        assert!(found[0].summary.ends_with("none is left: 1 taken"));
        assert!(found[0].evidence.iter().any(|fact| fact.value == "shop/data-db-0"));
    }

    #[test]
    fn refused_volumes_are_named() {
        let gaps = refused(&RULE, "empty-class-no-volume", Resource::PersistentVolumes);
        assert_eq!(gaps[0].what(), "persistentvolumes");
    }
}
