//! Nobody acts on the set: its newest change was not even seen.

use crate::diagnose::context::Context;
use crate::diagnose::finding::{Evidence, Finding, ObjectRef, Remedy, Role, Safety, Severity};
use crate::diagnose::{Checked, Rule};

pub(super) const RULE: Rule = Rule {
    code: "STS205",
    name: "controller-not-acting",
    explain: "\
## What it means
The set was changed, and its controller has not taken note. Either kube-controller-manager does not run, has no leader or runs
without this controller; or each sync of this set fails before it can write its status (a webhook that refuses
ControllerRevisions, a revision that cannot be adopted). Pods that fail or are deleted meanwhile are not replaced.
## How it is detected
`status.observedGeneration` is behind `metadata.generation`, and the newest write to the spec, by managedFields, is over 30
seconds old. Without managedFields only a set that was never seen at all is judged, by its age.
## What to do
See whether kube-controller-manager runs and renews its lease; managed control planes hide both. If it runs, its log names
the set.
## When it is fine
For the seconds that a change of leader takes.
## Source
`pkg/controller/statefulset/stateful_set.go` (sync), `stateful_set_control.go` (updateStatefulSet)
",
    check,
};

fn check(cx: &Context<'_>) -> Checked {
    let Some(since) = cx.unanswered() else {
        return Ok(Vec::new().into());
    };
    let set = cx.set();
    let object = ObjectRef::of("StatefulSet", &set.metadata);
    let summary = "its controller does not act: it has not seen the newest change";
    let text = "see whether kube-controller-manager runs; a managed control plane hides it: ask its provider";
    let label = "component=kube-controller-manager";
    let remedy = Remedy::new(text, Safety::ReadOnly)
        .command(&["kubectl", "get", "pods", "-n", "kube-system", "-l", label])
        .command(&["kubectl", "get", "leases", "-n", "kube-system"])
        .avoid("deleting pods: nobody makes new ones");
    let finding = Finding::new(Role::Root, Severity::Error, object.clone(), summary)
        .since(Some(since))
        .evidence(Evidence::field(
            object.clone(),
            "metadata.generation",
            set.metadata.generation,
        ))
        .evidence(Evidence::field(
            object,
            "status.observedGeneration",
            set.status.observed_generation,
        ))
        .remedy(remedy);
    Ok(vec![finding].into())
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;
    use crate::diagnose::testing::{findings, findings_after};

    #[test]
    fn a_change_that_nobody_saw_is_the_root() {
        let found = findings(&RULE, "controllers-stopped");
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].subject, ObjectRef::named("StatefulSet", "shop", "web"));
        assert_eq!(
            (&found[0].evidence[0].value, &found[0].evidence[1].value),
            (&2.into(), &1.into())
        );
    }

    #[test]
    fn a_change_of_a_moment_ago_is_not() {
        let found = findings_after(&RULE, "controllers-stopped", |snapshot| {
            snapshot.taken_at -= SignedDuration::from_secs(20);
        });
        assert!(found.is_empty());
        assert!(findings(&RULE, "healthy-ordered").is_empty());
    }

    #[test]
    fn a_change_without_a_time_proves_nothing() {
        let forgotten = |observed: Option<i64>| {
            findings_after(&RULE, "controllers-stopped", |snapshot| {
                let set = &mut snapshot.stateful_sets.items[0];
                set.metadata.managed_fields.clear();
                set.status.observed_generation = observed;
            })
        };
        assert!(forgotten(Some(1)).is_empty());
        // Never seen at all: then the set's own age tells.
        assert_eq!(forgotten(None).len(), 1);
    }
}
