//! Free volumes were made by hand for a claim's class, and all are smaller than what it asks for.

use crate::diagnose::context::Context;
use crate::diagnose::fit::{Lack, Misfit, findings, lack, make_one};
use crate::diagnose::{Checked, Rule};

pub(super) const RULE: Rule = Rule {
    code: "STS105",
    name: "volume-too-small",
    explain: "\
## What it means
Nobody makes volumes for this class but people, and the free ones that they made are smaller than the claim asks for.
A volume must be at least as large; `10G` (10^10) is smaller than `10Gi` (10 × 2^30).
## How it is detected
The claim is Pending, its class has no provisioner (or is no object at all), and every free volume of the class that has
the right modes is smaller than the request.
## What to do
Make a volume that is large enough, or correct the capacity of one whose disk is: the claim then binds by itself.
The size in the set's claim template cannot be changed: for a smaller claim the set is made again.
## When it is fine
Never, while a claim waits.
## Source
`staging/src/k8s.io/component-helpers/storage/volume/pv_helpers.go` (FindMatchingVolume)
",
    check,
};

fn check(cx: &Context<'_>) -> Checked {
    findings(cx, |claim, volumes| {
        if lack(volumes) != Lack::TooSmall {
            return None;
        }
        let class = claim.class().unwrap_or_default();
        let small = volumes.iter().filter(|(_, misfit)| *misfit == Misfit::TooSmall);
        let small: Vec<_> = small
            .map(|(volume, _)| format!("{} {}", volume.metadata.name, volume.size()))
            .collect();
        let asked = claim.request().unwrap_or_default();
        let shown = match small.as_slice() {
            [a, b, c, _, ..] => format!("{a}, {b}, {c} and {} more", small.len() - 3),
            few => few.join(", "),
        };
        let summary = format!("asks for {asked}, and the free volumes of class {class:?} are smaller: {shown}");
        Some((summary, make_one(claim, &format!("of class {class:?}"))))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnose::testing::{findings, findings_after, refused};
    use crate::model::resource::Resource;

    #[test]
    fn volumes_that_are_all_too_small_are_the_root() {
        let found = findings(&RULE, "static-volume-too-small");
        assert_eq!(found.len(), 1);
        assert_eq!(
            found[0].summary,
            "asks for 10Gi, and the free volumes of class \"local\" are smaller: disk-a 5Gi, disk-b 10G, disk-c 8Gi"
        );
    }

    #[test]
    fn silent_as_soon_as_one_is_large_enough() {
        let found = findings_after(&RULE, "static-volume-too-small", |snapshot| {
            snapshot.volumes.items[1].spec.capacity.storage = Some("10Gi".to_owned());
        });
        assert!(found.is_empty());
        assert!(findings(&RULE, "healthy-static-volumes").is_empty());
    }

    #[test]
    fn refused_volumes_are_named() {
        let gaps = refused(&RULE, "static-volume-too-small", Resource::PersistentVolumes);
        assert_eq!(gaps[0].what(), "persistentvolumes");
    }
}
