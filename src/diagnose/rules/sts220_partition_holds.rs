//! A partition holds pods on the current revision on purpose.

use crate::controller::outdated;
use crate::diagnose::context::Context;
use crate::diagnose::finding::{Evidence, Finding, ObjectRef, Role, Severity};
use crate::diagnose::next::pod_names;
use crate::diagnose::{Checked, Rule};

pub(super) const RULE: Rule = Rule {
    code: "STS220",
    name: "partition-holds",
    explain: "\
## What it means
`spec.updateStrategy.rollingUpdate.partition` keeps the pods below it on the current revision, also when they are made
anew. The update is finished for the pods above it: nothing is broken, and nothing goes on by itself.
The partition is an index from `spec.ordinals.start`, not an ordinal.
## How it is detected
A partition above 0, and pods below it that are not on the update revision.
## What to do
Lower the partition, step by step for a canary, to 0 to finish. Raising it again takes nothing back.
## When it is fine
Always; forgotten, it is a set that never gets its update.
## Source
https://kubernetes.io/docs/concepts/workloads/controllers/statefulset/#partitions
",
    check,
};

fn check(cx: &Context<'_>) -> Checked {
    cx.need(&cx.linked.snapshot.pods)?;
    let set = cx.set();
    let partition = i64::from(set.partition());
    let limit = i64::from(set.start()) + partition;
    let held: Vec<i64> = outdated(&cx.input, &cx.decision)
        .into_iter()
        .filter(|ordinal| *ordinal < limit)
        .collect();
    if partition == 0 || set.on_delete() || held.is_empty() {
        return Ok(Vec::new().into());
    }
    let object = ObjectRef::of("StatefulSet", &set.metadata);
    let names = pod_names(&cx.model, &held);
    let summary = if partition >= i64::from(set.replicas()) {
        format!(
            "partition {partition} is not below replicas {}: no pod is updated",
            set.replicas()
        )
    } else {
        format!("partition {partition} holds {names} on the current revision")
    };
    // Held since there is something to hold back: since the update's revision was made.
    let since = cx
        .model
        .revision(&cx.decision.update_revision)
        .and_then(|revision| revision.metadata.creation_timestamp);
    let finding = Finding::new(Role::Effect, Severity::Info, object.clone(), summary)
        .ordinals(held)
        .since(since)
        .evidence(Evidence::field(
            object.clone(),
            "spec.updateStrategy.rollingUpdate.partition",
            partition,
        ))
        .evidence(Evidence::field(
            object,
            "status.updateRevision",
            set.status.update_revision.as_str(),
        ));
    Ok(vec![finding].into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnose::testing::{findings, findings_after, refused};
    use crate::model::resource::Resource;

    #[test]
    fn what_is_held_is_named_and_no_fault() {
        let found = findings(&RULE, "healthy-partition-held");
        assert_eq!(found.len(), 1);
        assert_eq!(
            found[0].summary,
            "partition 2 holds web-0 and web-1 on the current revision"
        );
        assert_eq!(
            (found[0].severity, found[0].ordinals.as_slice()),
            (Severity::Info, [0, 1].as_slice())
        );
    }

    #[test]
    fn a_partition_that_holds_nothing_is_not_said() {
        let found = findings_after(&RULE, "healthy-ordered", |snapshot| {
            let set = &mut snapshot.stateful_sets.items[0];
            set.spec
                .update_strategy
                .rolling_update
                .get_or_insert_default()
                .partition = Some(2);
        });
        assert!(found.is_empty());
        assert!(findings(&RULE, "healthy-ordered").is_empty());
    }

    #[test]
    fn on_delete_knows_no_partition() {
        let found = findings_after(&RULE, "healthy-partition-held", |snapshot| {
            snapshot.stateful_sets.items[0].spec.update_strategy.kind = "OnDelete".to_owned();
        });
        assert!(found.is_empty());
    }

    #[test]
    fn refused_pods_are_named() {
        assert_eq!(
            refused(&RULE, "healthy-partition-held", Resource::Pods)[0].resource,
            Resource::Pods
        );
    }
}
