//! A pod is not made again because its claim is being deleted and does not go.

use crate::controller::WaitFact;
use crate::diagnose::context::Context;
use crate::diagnose::finding::{Evidence, Finding, ObjectRef, Remedy, Role, Safety, Severity};
use crate::diagnose::places::{keeping, reclaim_policy};
use crate::diagnose::{Checked, Outcome, Rule};
use crate::model::objects::{Claim, PersistentVolume, Pod};

pub(super) const RULE: Rule = Rule {
    code: "STS141",
    name: "terminating-claim-blocks-pod",
    explain: "\
## What it means
The claim was deleted, and something holds it: another pod that uses it, or a finalizer. The controller makes the set's pod
only once the claim is gone, and with a new, empty one. Until then the data is still there: this is the moment to keep it.
## How it is detected
The controller's next sync stops at this claim, which has a deletionTimestamp. Pods of the namespace that use it, and its
finalizers, are shown.
## What to do
First set the volume's reclaim policy to Retain: the data then outlives the claim. Only then let the claim go: end what
holds it. The pod is made with an empty volume; the kept one is Released and can be bound again by hand.
A deletion cannot be taken back.
## When it is fine
When the data is meant to go; and for a moment while a claim goes.
## Source
`pkg/controller/statefulset/stateful_pod_control.go` (createPersistentVolumeClaims),
https://kubernetes.io/docs/concepts/storage/persistent-volumes/#storage-object-in-use-protection
",
    check,
};

fn check(cx: &Context<'_>) -> Checked {
    cx.need(&cx.linked.snapshot.claims)?;
    let pods = cx.need(&cx.linked.snapshot.pods)?;
    let (mut findings, mut not_checked) = (Vec::new(), Vec::new());
    let stops_at = cx
        .decision
        .waits_for
        .iter()
        .filter(|wait| wait.fact == WaitFact::ClaimTerminating);
    for wait in stops_at {
        let Some(claim) = cx.linked.claim(cx.namespace(), &wait.name) else {
            continue;
        };
        let users: Vec<&Pod> = pods
            .iter()
            .filter(|pod| pod.metadata.namespace == cx.namespace() && pod.claims().any(|name| name == wait.name))
            .collect();
        let volume = cx.volume(claim).unwrap_or_else(|gap| {
            not_checked.push(gap);
            None
        });
        findings.push(finding(cx, claim, wait.ordinal, &users, volume));
    }
    Ok(Outcome { findings, not_checked })
}

fn finding(
    cx: &Context<'_>,
    claim: &Claim,
    ordinal: Option<i64>,
    users: &[&Pod],
    volume: Option<&PersistentVolume>,
) -> Finding {
    let object = ObjectRef::of("PersistentVolumeClaim", &claim.metadata);
    let pod = ordinal.map_or_else(String::new, |ordinal| cx.set().pod_name(ordinal));
    let names: Vec<_> = users.iter().map(|user| user.metadata.name.as_str()).collect();
    let holds = match (names.as_slice(), claim.metadata.finalizers.as_slice()) {
        ([], []) => String::new(),
        ([], finalizers) => format!("; {} holds it", finalizers.join(", ")),
        ([user], _) => format!("; pod {user} uses it still"),
        (users, _) => format!("; pods {} use it still", users.join(", ")),
    };
    let summary = format!("is being deleted, and pod {pod} is not made before it is gone{holds}");
    let mut finding = Finding::new(Role::Root, Severity::Error, object.clone(), summary)
        .ordinals(ordinal)
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
        .remedy(remedy(claim, &pod, &names, volume));
    finding.evidence.extend(users.iter().map(|user| {
        Evidence::field(
            ObjectRef::of("Pod", &user.metadata),
            "spec.volumes",
            claim.metadata.name.as_str(),
        )
    }));
    finding.evidence.extend(volume.map(reclaim_policy));
    finding
}

/// Keeping the data comes first; what lets the claim go is said, and never printed as a command.
fn remedy(claim: &Claim, pod: &str, users: &[&str], volume: Option<&PersistentVolume>) -> Remedy {
    let name = &claim.spec.volume_name;
    let ends = match users {
        [] => "what holds the claim ends".to_owned(),
        users => format!("pod {} ends", users.join(", ")),
    };
    match volume.map(|volume| volume.spec.persistent_volume_reclaim_policy.as_str()) {
        // A claim that never had a volume has nothing to lose.
        _ if name.is_empty() => Remedy::new(
            format!("{pod} is made as soon as {ends}; the claim never had a volume"),
            Safety::ReadOnly,
        )
        .command(&["kubectl", "get", "pvc", &claim.metadata.name, "-n", &claim.metadata.namespace, "-o", "yaml"]),
        Some("Retain") => Remedy::new(
            format!("the volume is kept: once {ends}, {pod} is made, with an empty volume"),
            Safety::ReadOnly,
        )
        .command(&["kubectl", "get", "pv", name]),
        _ => Remedy::new(
            format!("keep the volume first; then, once {ends}, {pod} is made, with an empty volume"),
            Safety::Reversible,
        )
        .command(&keeping(name))
        .avoid(format!(
            "ending what holds claim {}, or taking its finalizers away, before the volume is kept: its data goes with it",
            claim.metadata.name
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnose::testing::{findings, findings_after, refused};
    use crate::model::resource::Resource;

    const SCENARIO: &str = "claim-terminating-blocks-pod";

    #[test]
    fn the_data_is_kept_before_anything_else() {
        let found = findings(&RULE, SCENARIO);
        assert_eq!(found.len(), 1);
        assert!(found[0].summary.ends_with("pod db-shell uses it still"));
        let remedy = found[0].remedy.as_ref().unwrap();
        assert_eq!(remedy.safety, Safety::Reversible);
        assert_eq!(remedy.commands[0][1], "patch");
        assert!(remedy.avoid[0].contains("before the volume is kept"));
    }

    #[test]
    fn a_kept_volume_needs_nothing_more() {
        let found = findings_after(&RULE, SCENARIO, |snapshot| {
            for volume in &mut snapshot.volumes.items {
                volume.spec.persistent_volume_reclaim_policy = "Retain".to_owned();
            }
        });
        assert_eq!(found[0].remedy.as_ref().unwrap().safety, Safety::ReadOnly);
    }

    #[test]
    fn silent_while_the_pod_runs_on_it_and_where_nothing_is_deleted() {
        assert!(findings(&RULE, "claim-terminating-under-running-pod").is_empty());
        assert!(findings(&RULE, "healthy-ordered").is_empty());
    }

    #[test]
    fn refused_lists_are_named_and_volumes_unseen_are_kept() {
        let gaps = refused(&RULE, SCENARIO, Resource::PersistentVolumeClaims);
        assert_eq!(gaps[0].what(), "persistentvolumeclaims");
        let gaps = refused(&RULE, SCENARIO, Resource::PersistentVolumes);
        assert_eq!(gaps[0].what(), "persistentvolumes");
        let found = findings_after(&RULE, SCENARIO, |snapshot| snapshot.volumes.items.clear());
        assert_eq!(found[0].remedy.as_ref().unwrap().commands[0][1], "patch");
    }
}
