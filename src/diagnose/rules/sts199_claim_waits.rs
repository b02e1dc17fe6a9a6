//! A claim waits, and no other rule knows why: the newest warning about it, word for word.

use crate::diagnose::context::{ClaimTrouble, Context};
use crate::diagnose::finding::{Evidence, Finding, ObjectRef, Remedy, Role, Safety, Severity};
use crate::diagnose::{Checked, Rule};

pub(super) const RULE: Rule = Rule {
    code: "STS199",
    name: "claim-waits",
    explain: "\
## What it means
The claim has no volume, and none of the causes that are known here fits.
## How it is detected
The claim is Pending and awaited by a pod. The newest event about it is shown word for word; the finding is only likely.
## What to do
Read the event; look at the claim's class and at the volumes that could fit.
## When it is fine
For some seconds after the claim was made; where its provisioner runs, nothing is said for the first 30.
## Source
https://kubernetes.io/docs/concepts/storage/persistent-volumes/#binding
",
    check,
};

fn check(cx: &Context<'_>) -> Checked {
    cx.need(&cx.linked.snapshot.claims)?;
    let mut findings = Vec::new();
    for (row, claim, trouble) in cx.waiting_claims() {
        if !matches!(trouble, ClaimTrouble::Other) {
            continue;
        }
        let object = ObjectRef::of("PersistentVolumeClaim", &claim.metadata);
        let event = cx.linked.events(&claim.metadata.uid).first();
        let class = claim
            .class()
            .map_or("no class".to_owned(), |class| format!("class {class:?}"));
        let summary = match event {
            Some(event) => format!("Pending with {class}: {}", event.message),
            None => format!("Pending with {class}, and no event says why"),
        };
        let remedy = Remedy::new(
            "look at the claim, its class and the volumes that could fit",
            Safety::ReadOnly,
        )
        .command(&[
            "kubectl",
            "describe",
            "pvc",
            &claim.metadata.name,
            "-n",
            &claim.metadata.namespace,
        ]);
        let mut finding = Finding::new(Role::Root, Severity::Error, object.clone(), summary)
            .certain(false)
            .ordinals([row.ordinal])
            .since(claim.metadata.creation_timestamp)
            .evidence(Evidence::field(object, "status.phase", claim.status.phase.as_str()))
            .remedy(remedy);
        finding.evidence.extend(event.map(|event| Evidence::event(event)));
        findings.push(finding);
    }
    Ok(findings.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnose::finding::Certainty;
    use crate::diagnose::testing::{findings, findings_after, recorded, refused};
    use crate::diagnose::{Verdict, diagnose};
    use crate::model::gap::{Gap, GapReason};
    use crate::model::link::link;
    use crate::model::place::Place;
    use crate::model::resource::Resource;
    use crate::model::snapshot::Snapshot;

    #[test]
    fn a_provisioner_that_runs_has_time_to_answer() {
        let just_asked = |snapshot: &mut Snapshot| snapshot.taken_at -= jiff::SignedDuration::from_secs(20);
        assert_eq!(findings(&RULE, "provisioner-silent").len(), 1);
        assert!(findings_after(&RULE, "provisioner-silent", just_asked).is_empty());
        let mut snapshot = recorded("provisioner-silent");
        just_asked(&mut snapshot);
        let linked = link(&snapshot);
        let (_, report) = diagnose(&linked, &linked.sets()[0]);
        assert_eq!(report.verdict, Verdict::Progressing);
        assert_eq!(report.summary, "web-0 waits for its volume, which is being made");
        assert!(report.findings.iter().all(|finding| finding.severity == Severity::Info));
    }

    #[test]
    fn the_newest_event_is_shown_where_nothing_else_is_known() {
        let found = findings(&RULE, "provisioner-silent");
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].certainty, Certainty::Likely);
        assert!(
            found[0]
                .summary
                .starts_with("Pending with class \"fast\": Waiting for a volume")
        );
    }

    #[test]
    fn without_an_event_it_says_so() {
        let found = findings_after(&RULE, "provisioner-silent", |snapshot| snapshot.events.items.clear());
        assert_eq!(found[0].summary, "Pending with class \"fast\", and no event says why");
    }

    #[test]
    fn silent_where_a_rule_knows_more_or_nothing_waits() {
        let known = [
            "class-missing",
            "no-default-class",
            "empty-class-no-volume",
            "static-volume-too-small",
            "only-released-volumes",
            "provisioner-not-deployed",
            "provisioning-fails",
            "healthy-wffc-unused",
            "healthy-ordered",
        ];
        for scenario in known {
            assert!(findings(&RULE, scenario).is_empty(), "{scenario}");
        }
    }

    #[test]
    fn a_claim_that_waits_for_its_consumer_is_not_the_cause_also_where_its_class_is_not_read() {
        let found = findings_after(&RULE, "wffc-provisioner-not-deployed", |snapshot| {
            let sink = snapshot.sink(Resource::StorageClasses, Place::Scope).unwrap();
            sink.clear();
            sink.gap(Gap::list(Resource::StorageClasses, None, GapReason::Forbidden));
            for claim in &mut snapshot.claims.items {
                claim.metadata.annotations.remove("volume.kubernetes.io/selected-node");
            }
        });
        assert!(found.is_empty());
    }

    #[test]
    fn speaks_up_where_refused_lists_keep_the_others_from_knowing() {
        let found = findings_after(&RULE, "class-missing", |snapshot| {
            snapshot
                .sink(Resource::PersistentVolumes, Place::Scope)
                .unwrap()
                .clear();
        });
        assert_eq!(found.len(), 1);
        let gaps = refused(&RULE, "provisioner-silent", Resource::PersistentVolumeClaims);
        assert_eq!(gaps[0].what(), "persistentvolumeclaims");
    }
}
