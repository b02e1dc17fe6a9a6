//! A claim is being deleted under a pod that uses it: all looks well, and the data goes with the pod.

use crate::diagnose::context::Context;
use crate::diagnose::finding::{Evidence, Finding, ObjectRef, Remedy, Role, Safety, Severity};
use crate::diagnose::places::{keeping, reclaim_policy};
use crate::diagnose::{Checked, Outcome, Rule};

pub(super) const RULE: Rule = Rule {
    code: "STS140",
    name: "claim-terminating",
    explain: "\
## What it means
Somebody deleted the claim while the pod runs. A finalizer (`kubernetes.io/pvc-protection`) holds it until the pod is
gone; then claim and, with reclaim policy Delete, volume and data go as well. A deletion cannot be taken back.
Until then everything looks well. Anything that deletes the pod triggers it: an update, a drain, an eviction, a crash of
the node.
## How it is detected
The claim has a deletionTimestamp, and a pod of the set that is not itself terminating uses it.
## What to do
Make the volume outlive its claim: set its reclaim policy to Retain. Then copy the data, and plan the pod's replacement:
it comes back with a new, empty volume, or with the kept one bound to it by hand.
## When it is fine
When the data is meant to go.
## Source
https://kubernetes.io/docs/concepts/storage/persistent-volumes/#storage-object-in-use-protection
",
    check,
};

fn check(cx: &Context<'_>) -> Checked {
    cx.need(&cx.linked.snapshot.claims)?;
    let (mut findings, mut not_checked) = (Vec::new(), Vec::new());
    for row in cx.model.rows() {
        let Some(pod) = row.pod.filter(|pod| !pod.metadata.terminating()) else {
            continue;
        };
        for claim in row
            .claims
            .iter()
            .filter_map(|slot| slot.claim)
            .filter(|claim| claim.metadata.terminating())
        {
            let object = ObjectRef::of("PersistentVolumeClaim", &claim.metadata);
            let volume = cx.volume(claim).unwrap_or_else(|gap| {
                not_checked.push(gap);
                None
            });
            let policy = volume.map(|volume| volume.spec.persistent_volume_reclaim_policy.as_str());
            let loses = match policy {
                Some("Retain") => "the volume stays behind, Released",
                Some(_) => "its data goes with it",
                None => "its data may go with it",
            };
            let mut finding = Finding::new(
                Role::Risk,
                Severity::Error,
                object.clone(),
                format!("is being deleted and goes as soon as pod {} does; {loses}", row.name),
            )
            .ordinals([row.ordinal])
            .since(claim.metadata.deletion_asked())
            .evidence(Evidence::field(
                object.clone(),
                "metadata.deletionTimestamp",
                claim.metadata.deletion_timestamp.map(|at| at.to_string()),
            ))
            .evidence(Evidence::field(
                object,
                "metadata.finalizers",
                claim.metadata.finalizers.clone(),
            ))
            .evidence(Evidence::field(
                ObjectRef::of("Pod", &pod.metadata),
                "status.phase",
                pod.status.phase.as_str(),
            ))
            .remedy(remedy(&row.name, &claim.spec.volume_name, policy));
            finding.evidence.extend(volume.map(reclaim_policy));
            findings.push(finding);
        }
    }
    Ok(Outcome { findings, not_checked })
}

fn remedy(pod: &str, volume: &str, policy: Option<&str>) -> Remedy {
    let avoid = format!("deleting, restarting, evicting or draining pod {pod} before its data is safe");
    match policy {
        Some("Retain") => Remedy::new(
            "copy the data, then plan the pod's replacement: the volume is kept",
            Safety::ReadOnly,
        )
        .command(&["kubectl", "get", "pv", volume])
        .avoid(avoid),
        _ => Remedy::new(
            "keep the volume whatever becomes of its claim, then copy the data",
            Safety::Reversible,
        )
        .command(&keeping(volume))
        .avoid(avoid),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnose::testing::{findings, findings_after, refused};
    use crate::model::resource::Resource;

    const SCENARIO: &str = "claim-terminating-under-running-pod";

    #[test]
    fn the_volume_is_kept_before_the_pod_goes() {
        let found = findings(&RULE, SCENARIO);
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].role, found[0].severity), (Role::Risk, Severity::Error));
        let remedy = found[0].remedy.as_ref().unwrap();
        assert_eq!(remedy.safety, Safety::Reversible);
        assert_eq!(remedy.commands[0][1], "patch");
        assert!(remedy.avoid[0].contains("pod web-1"));
    }

    #[test]
    fn a_volume_that_is_kept_anyway_is_not_patched() {
        let found = findings_after(&RULE, SCENARIO, |snapshot| {
            for volume in &mut snapshot.volumes.items {
                volume.spec.persistent_volume_reclaim_policy = "Retain".to_owned();
            }
        });
        assert!(found[0].summary.ends_with("the volume stays behind, Released"));
        assert_eq!(found[0].remedy.as_ref().unwrap().safety, Safety::ReadOnly);
    }

    #[test]
    fn silent_where_no_claim_goes_and_where_the_pod_is_gone() {
        assert!(findings(&RULE, "healthy-ordered").is_empty());
        assert!(findings(&RULE, "claim-terminating-blocks-pod").is_empty());
        let found = findings_after(&RULE, SCENARIO, |snapshot| {
            for claim in &mut snapshot.claims.items {
                claim.metadata.deletion_timestamp = None;
            }
        });
        assert!(found.is_empty());
    }

    #[test]
    fn refused_lists_are_named_and_an_unseen_volume_is_kept_too() {
        let gaps = refused(&RULE, SCENARIO, Resource::PersistentVolumeClaims);
        assert_eq!(gaps[0].what(), "persistentvolumeclaims");
        let gaps = refused(&RULE, SCENARIO, Resource::PersistentVolumes);
        assert_eq!(gaps[0].what(), "persistentvolumes");
        let found = findings_after(&RULE, SCENARIO, |snapshot| snapshot.volumes.items.clear());
        assert!(found[0].summary.ends_with("its data may go with it"));
        assert_eq!(found[0].remedy.as_ref().unwrap().commands[0][1], "patch");
    }
}
