//! A class that only people make volumes for has none that could serve a claim.

use crate::diagnose::context::Context;
use crate::diagnose::fit::{Lack, findings, lack, make_one, tally};
use crate::diagnose::{Checked, Rule};

pub(super) const RULE: Rule = Rule {
    code: "STS107",
    name: "no-volume-fits",
    explain: "\
## What it means
Nobody makes volumes for this class but people, and there is none left for this claim: all are taken, or differ in access
mode, volume mode or labels. One volume serves one claim, so a set needs as many as it has ordinals.
## How it is detected
The claim is Pending, its class has no provisioner (or is no object at all, while volumes carry its name), and each of
its volumes is shown with what keeps it. One that is only too small, or Released, is told by another rule.
## What to do
Make one more volume of this class; the claim then binds by itself.
## When it is fine
Never, while a claim waits.
## Source
`staging/src/k8s.io/component-helpers/storage/volume/pv_helpers.go` (FindMatchingVolume)
",
    check,
};

fn check(cx: &Context<'_>) -> Checked {
    findings(cx, |claim, volumes| {
        let class = claim.class().filter(|class| !class.is_empty())?;
        if lack(volumes) != Lack::NoVolume {
            return None;
        }
        let summary = match volumes.len() {
            0 => format!("there is no volume of class {class:?}, and nobody makes them but by hand"),
            _ => format!("no volume of class {class:?} is left: {}", tally(volumes)),
        };
        Some((summary, make_one(claim, &format!("of class {class:?}"))))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnose::testing::{findings, findings_after, refused};
    use crate::model::resource::Resource;

    #[test]
    fn volumes_that_are_all_taken_leave_none() {
        let found = findings(&RULE, "static-volumes-all-taken");
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].summary, "no volume of class \"local\" is left: 2 taken");
        let holders = found[0].evidence.iter().filter(|fact| fact.path == "spec.claimRef");
        assert_eq!(holders.count(), 2);
    }

    #[test]
    fn a_class_made_by_hand_may_have_no_volume_at_all() {
        let found = findings_after(&RULE, "static-volume-too-small", |snapshot| {
            snapshot.volumes.items.clear()
        });
        assert!(found[0].summary.starts_with("there is no volume of class \"local\""));
    }

    #[test]
    fn silent_where_another_rule_says_more_and_where_all_is_bound() {
        for scenario in [
            "only-released-volumes",
            "static-volume-too-small",
            "healthy-static-volumes",
        ] {
            assert!(findings(&RULE, scenario).is_empty(), "{scenario}");
        }
    }

    #[test]
    fn refused_volumes_are_named() {
        let gaps = refused(&RULE, "static-volumes-all-taken", Resource::PersistentVolumes);
        assert_eq!(gaps[0].what(), "persistentvolumes");
    }
}
