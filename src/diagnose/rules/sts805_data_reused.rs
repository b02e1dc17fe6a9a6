//! A container crashes on data that is older than its set: it was left by an earlier one of the same name.

use crate::diagnose::context::Context;
use crate::diagnose::finding::{Evidence, Finding, ObjectRef, Role, Severity};
use crate::diagnose::{Checked, Rule};
use crate::model::pod_state::PodState;

pub(super) const RULE: Rule = Rule {
    code: "STS805",
    name: "data-reused",
    explain: "\
## What it means
Deleting a set keeps its claims, and a new set of the same name takes them over, whatever they hold. Software that finds
data of another version, cluster or password often ends at once. This is a hint beside a crash, not its proof.
## How it is detected
A container of the pod crashes, and one of the pod's claims was created before the set.
## What to do
Read in the container's last log whether it complains about its data. If it does: start the version that the data belongs
to, or move the old data away by hand. Don't delete the claim before somebody has looked at what is on it.
## When it is fine
When the set was made again on purpose on its old data.
## Source
https://kubernetes.io/docs/concepts/workloads/controllers/statefulset/#persistentvolumeclaim-retention
",
    check,
};

fn check(cx: &Context<'_>) -> Checked {
    cx.need(&cx.linked.snapshot.claims)?;
    let set = &cx.set().metadata;
    let mut findings = Vec::new();
    for (row, _, state) in cx.troubled() {
        if !matches!(state, PodState::Crashing(..)) {
            continue;
        }
        for claim in row.claims.iter().filter_map(|slot| slot.claim) {
            let (made, set_made) = (claim.metadata.creation_timestamp, set.creation_timestamp);
            let (Some(made), Some(set_made)) = (made, set_made) else {
                continue;
            };
            if made >= set_made {
                continue;
            }
            let object = ObjectRef::of("PersistentVolumeClaim", &claim.metadata);
            let summary = format!(
                "claim {} is older than the set: {} may crash on data of an earlier one",
                claim.metadata.name, row.name
            );
            findings.push(
                Finding::new(Role::Effect, Severity::Info, object.clone(), summary)
                    .certain(false)
                    .ordinals([row.ordinal])
                    .since(Some(made))
                    .evidence(Evidence::field(object, "metadata.creationTimestamp", made.to_string()))
                    .evidence(Evidence::field(
                        ObjectRef::of("StatefulSet", set),
                        "metadata.creationTimestamp",
                        set_made.to_string(),
                    )),
            );
        }
    }
    Ok(findings.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnose::testing::{findings, findings_after, refused};
    use crate::model::resource::Resource;

    #[test]
    fn a_claim_that_is_older_than_its_set_is_a_hint_beside_a_crash() {
        let found = findings(&RULE, "reused-data-crash-loop");
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].severity, Severity::Info);
        assert_eq!(found[0].subject.name, "data-web-0");
    }

    #[test]
    fn silent_where_the_set_made_the_claim_itself() {
        let found = findings_after(&RULE, "reused-data-crash-loop", |snapshot| {
            let made = snapshot.claims.items[0].metadata.creation_timestamp;
            snapshot.stateful_sets.items[0].metadata.creation_timestamp = made;
        });
        assert!(found.is_empty());
    }

    #[test]
    fn silent_where_nothing_crashes_on_old_claims() {
        // The set was made again here, too; its pod does not get as far as a crash.
        for scenario in ["healthy-ordered", "provisioner-silent"] {
            let found = findings_after(&RULE, scenario, |snapshot| {
                let later = snapshot.taken_at + jiff::SignedDuration::from_secs(1);
                snapshot.stateful_sets.items[0].metadata.creation_timestamp = Some(later);
            });
            assert!(found.is_empty(), "{scenario}");
        }
    }

    #[test]
    fn refused_claims_are_named() {
        let gaps = refused(&RULE, "reused-data-crash-loop", Resource::PersistentVolumeClaims);
        assert_eq!(gaps[0].what(), "persistentvolumeclaims");
    }
}
