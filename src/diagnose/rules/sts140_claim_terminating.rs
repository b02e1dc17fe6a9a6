//! A claim is being deleted under a pod that uses it: all looks well, and the data goes with the pod.

use crate::diagnose::context::Context;
use crate::diagnose::finding::{Evidence, Finding, ObjectRef, Remedy, Role, Safety, Severity};
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
            let volume = cx.linked.volume(&claim.spec.volume_name);
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
            match volume {
                Some(volume) => {
                    let path = "spec.persistentVolumeReclaimPolicy";
                    let policy = volume.spec.persistent_volume_reclaim_policy.as_str();
                    let object = ObjectRef::of("PersistentVolume", &volume.metadata);
                    finding = finding.evidence(Evidence::field(object, path, policy));
                }
                None => not_checked.extend(cx.need(&cx.linked.snapshot.volumes).err()),
            }
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
        .command(&[
            "kubectl",
            "patch",
            "pv",
            volume,
            "-p",
            r#"{"spec":{"persistentVolumeReclaimPolicy":"Retain"}}"#,
        ])
        .avoid(avoid),
    }
}
