//! The volumes that would fit a claim are Released: their claims are gone, and they were kept.

use crate::diagnose::context::Context;
use crate::diagnose::finding::{Remedy, Safety};
use crate::diagnose::fit::{Lack, Misfit, findings, lack, same_name};
use crate::diagnose::{Checked, Rule};
use crate::model::objects::PersistentVolume;

pub(super) const RULE: Rule = Rule {
    code: "STS106",
    name: "only-released-volumes",
    explain: "\
## What it means
With reclaim policy Retain a volume outlives its claim, with the data. It is then Released and serves nobody, not even a
new claim of the same name: it remembers its claim by uid.
## How it is detected
The claim is Pending, nobody but people makes volumes for its class, no volume is free, and Released ones would fit.
## What to do
Look whose data it is (`spec.claimRef`). A volume whose claim had just this name goes back to it when the uid is taken out
of its claimRef: it stays reserved for this claim and no other, and nothing on it is changed. Otherwise make a new volume,
or empty an old one by hand before it is freed.
## When it is fine
Never, while a claim waits.
## Source
https://kubernetes.io/docs/concepts/storage/persistent-volumes/#reserving-a-persistentvolume
",
    check,
};

const FORGET_UID: &str = r#"{"spec":{"claimRef":{"uid":null,"resourceVersion":null}}}"#;

fn check(cx: &Context<'_>) -> Checked {
    findings(cx, |claim, volumes| {
        if lack(volumes) != Lack::OnlyReleased {
            return None;
        }
        let class = claim.class().unwrap_or_default();
        let released = volumes.iter().filter(|(_, misfit)| *misfit == Misfit::Released);
        let released: Vec<_> = released.map(|(volume, _)| *volume).collect();
        let names: Vec<_> = released.iter().map(|volume| volume.metadata.name.as_str()).collect();
        let shown = match names.as_slice() {
            [a, b, c, _, ..] => format!("{a}, {b}, {c} and {} more are", names.len() - 3),
            [one] => format!("{one} is"),
            few => format!("{} are", few.join(", ")),
        };
        let summary =
            format!("no volume of class {class:?} is free: {shown} Released, with the data of earlier claims");
        Some((summary, remedy(cx, &claim.metadata.name, &released)))
    })
}

/// Gives every claim of the set that waits, or is still to be made, the volume that its predecessor had. Only where the
/// claim that waits has one: the order of the others follows from it.
fn remedy(cx: &Context<'_>, waiting: &str, released: &[&PersistentVolume]) -> Remedy {
    let had = |claim: &str| {
        let mut of_it = released.iter().filter(|volume| {
            let of = volume.spec.claim_ref.as_ref();
            of.is_some_and(|of| same_name(of, cx.namespace(), claim))
        });
        let first = of_it.next()?;
        // Of two volumes that a claim of this name had, which one is meant is not to be guessed.
        of_it.next().is_none().then_some(first.metadata.name.as_str())
    };
    let keep = "deleting a Released volume, or emptying its claimRef: its data could go, or to any claim";
    if had(waiting).is_none() {
        return Remedy::new(
            "look whose data each holds (spec.claimRef); free one by hand, or make a new volume",
            Safety::ReadOnly,
        )
        .command(&["kubectl", "get", "pv"])
        .avoid(keep);
    }
    let slots = cx.model.ordinals.iter().flat_map(|row| &row.claims);
    let lacking = slots.filter(|slot| slot.claim.is_none_or(|claim| claim.status.phase == "Pending"));
    let back = lacking.filter_map(|slot| had(&slot.name));
    let text = "where the old data is wanted: give each volume back to the claim of the name that had it; \
                the pods go on with the data that is on it";
    let remedy = back.fold(Remedy::new(text, Safety::Disruptive), |remedy, volume| {
        remedy.command(&["kubectl", "patch", "pv", volume, "-p", FORGET_UID])
    });
    remedy.avoid(keep)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnose::testing::{findings, findings_after, refused};
    use crate::model::resource::Resource;

    #[test]
    fn each_volume_goes_back_to_the_claim_of_its_name() {
        let found = findings(&RULE, "only-released-volumes");
        assert_eq!(found.len(), 1);
        let remedy = found[0].remedy.as_ref().unwrap();
        assert_eq!(remedy.commands.len(), 3);
        assert_eq!(remedy.safety, Safety::Disruptive);
        assert!(
            remedy
                .commands
                .iter()
                .all(|command| command.contains(&FORGET_UID.to_owned()))
        );
    }

    #[test]
    fn a_volume_of_another_claim_is_given_to_nobody() {
        let found = findings_after(&RULE, "only-released-volumes", |snapshot| {
            for volume in &mut snapshot.volumes.items {
                let of = volume.spec.claim_ref.as_mut().unwrap();
                of.name = format!("other-{}", of.name);
            }
        });
        let remedy = found[0].remedy.as_ref().unwrap();
        assert_eq!(remedy.safety, Safety::ReadOnly);
        assert_eq!(remedy.commands[0], ["kubectl", "get", "pv"]);
    }

    #[test]
    fn of_two_volumes_of_one_name_none_is_chosen() {
        let found = findings_after(&RULE, "only-released-volumes", |snapshot| {
            for volume in &mut snapshot.volumes.items {
                volume.spec.claim_ref.as_mut().unwrap().name = "data-web-0".to_owned();
            }
        });
        assert_eq!(found[0].remedy.as_ref().unwrap().safety, Safety::ReadOnly);
    }

    #[test]
    fn silent_as_soon_as_one_is_free() {
        let found = findings_after(&RULE, "only-released-volumes", |snapshot| {
            let volume = &mut snapshot.volumes.items[2];
            volume.spec.claim_ref = None;
            volume.status.phase = "Available".to_owned();
        });
        assert!(found.is_empty());
        assert!(findings(&RULE, "healthy-static-volumes").is_empty());
    }

    #[test]
    fn refused_volumes_are_named() {
        let gaps = refused(&RULE, "only-released-volumes", Resource::PersistentVolumes);
        assert_eq!(gaps[0].what(), "persistentvolumes");
    }
}
