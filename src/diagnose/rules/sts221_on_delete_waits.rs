//! OnDelete: pods on an earlier revision wait, on purpose, for somebody to delete them.

use crate::controller::outdated;
use crate::diagnose::context::Context;
use crate::diagnose::finding::{Evidence, Finding, ObjectRef, Role, Severity};
use crate::diagnose::next::pod_names;
use crate::diagnose::{Checked, Rule};

pub(super) const RULE: Rule = Rule {
    code: "STS221",
    name: "on-delete-waits",
    explain: "\
## What it means
With `spec.updateStrategy.type: OnDelete` a changed template reaches a pod only when somebody deletes the pod. Those named
still run on an earlier revision. Nothing is broken, and nothing goes on by itself.
## How it is detected
The strategy is OnDelete, and a pod exists that is not on the update revision.
## What to do
Delete the pods one by one, in the order that the application wants, each when the one before is Ready again.
## When it is fine
Always; operators update their sets in this way. Forgotten, it is a set that never gets its update, until a pod is lost
and comes back as the only new one.
## Source
https://kubernetes.io/docs/concepts/workloads/controllers/statefulset/#update-strategies
",
    check,
};

fn check(cx: &Context<'_>) -> Checked {
    cx.need(&cx.linked.snapshot.pods)?;
    let set = cx.set();
    let waiting = outdated(&cx.input, &cx.decision);
    if !set.on_delete() || waiting.is_empty() {
        return Ok(Vec::new().into());
    }
    let object = ObjectRef::of("StatefulSet", &set.metadata);
    let names = pod_names(&cx.model, &waiting);
    let them = match waiting.len() {
        1 => "it",
        _ => "them",
    };
    // They wait since there is something to wait for: since the update's revision was made.
    let since = cx
        .model
        .revision(&cx.decision.update_revision)
        .and_then(|revision| revision.metadata.creation_timestamp);
    let finding = Finding::new(
        Role::Effect,
        Severity::Info,
        object.clone(),
        format!("OnDelete leaves {names} on an earlier revision until somebody deletes {them}"),
    )
    .ordinals(waiting)
    .since(since)
    .evidence(Evidence::field(object.clone(), "spec.updateStrategy.type", "OnDelete"))
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
    fn pods_that_nobody_deleted_are_said() {
        let found = findings(&RULE, "healthy-on-delete-waits");
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].severity, Severity::Info);
        assert_eq!(found[0].ordinals, [0, 1]);
        assert!(found[0].since.is_some());
    }

    #[test]
    fn silent_where_all_are_new_or_the_strategy_is_another() {
        assert!(findings(&RULE, "healthy-on-delete-updated").is_empty());
        assert!(findings(&RULE, "healthy-partition-held").is_empty());
        let found = findings_after(&RULE, "healthy-on-delete-waits", |snapshot| {
            snapshot.stateful_sets.items[0].spec.update_strategy.kind = "RollingUpdate".to_owned();
        });
        assert!(found.is_empty());
    }

    #[test]
    fn refused_pods_are_named() {
        assert_eq!(
            refused(&RULE, "healthy-on-delete-waits", Resource::Pods)[0].what(),
            "pods"
        );
    }
}
