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
