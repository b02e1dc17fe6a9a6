//! A finalizer keeps a deleted pod that has ended, so its successor cannot come.

use crate::diagnose::context::Context;
use crate::diagnose::finding::{Evidence, Finding, ObjectRef, Remedy, Role, Safety, Severity};
use crate::diagnose::lingering::{Lingering, lingering};
use crate::diagnose::{Checked, Rule};
use crate::model::objects::Pod;
use crate::model::set::Ordinal;

pub(super) const RULE: Rule = Rule {
    code: "STS214",
    name: "finalizer-holds-pod",
    explain: "\
## What it means
The pod was deleted and its containers ended, but a finalizer keeps the object until its owner has done something first. A set
never has two pods of one name, so the successor cannot come. Finalizers of the template are on every pod: an owner that is
gone stops every update.
## How it is detected
The pod has a `deletionTimestamp`, which holds the end of the grace period and passed over 30 seconds ago; its phase is
Succeeded or Failed, and it has finalizers.
## What to do
Find the finalizer's owner, and have it finish. Removing a finalizer by hand skips what it stands for (a backup, a
deregistration).
## When it is fine
While the owner is at work.
## Source
https://kubernetes.io/docs/concepts/overview/working-with-objects/finalizers/
",
    check,
};

fn check(cx: &Context<'_>) -> Checked {
    cx.need(&cx.linked.snapshot.pods)?;
    let pods = cx.model.rows().filter_map(|row| Some((row, row.pod?)));
    let held = pods.filter(|(_, pod)| lingering(cx, pod) == Some(Lingering::Finalizers));
    Ok(held.map(|(row, pod)| finding(row, pod)).collect::<Vec<_>>().into())
}

fn finding(row: &Ordinal<'_>, pod: &Pod) -> Finding {
    let object = ObjectRef::of("Pod", &pod.metadata);
    let finalizers = pod.metadata.finalizers.join(", ");
    let summary = format!("was deleted and has ended; finalizer {finalizers} keeps it");
    let (name, namespace) = (&pod.metadata.name, &pod.metadata.namespace);
    let remedy = Remedy::new(
        format!("find who owns {finalizers}, and why it does not finish"),
        Safety::ReadOnly,
    )
    .command(&[
        "kubectl",
        "get",
        "pod",
        name,
        "-n",
        namespace,
        "-o",
        "yaml",
        "--show-managed-fields",
    ])
    .avoid("removing the finalizer before you know what its owner still has to do");
    let end = pod.metadata.deletion_timestamp.map(|at| at.to_string());
    Finding::new(Role::Root, Severity::Error, object.clone(), summary)
        .ordinals([row.ordinal])
        .since(pod.metadata.deletion_asked())
        .evidence(Evidence::field(object.clone(), "metadata.deletionTimestamp", end))
        .evidence(Evidence::field(object.clone(), "metadata.finalizers", finalizers))
        .evidence(Evidence::field(object, "status.phase", pod.status.phase.as_str()))
        .remedy(remedy)
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;
    use crate::diagnose::testing::{findings, findings_after, refused};
    use crate::model::resource::Resource;

    #[test]
    fn a_finalizer_on_an_ended_pod_is_the_root() {
        let found = findings(&RULE, "finalizer-holds-pod");
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].role, found[0].subject.name.as_str()), (Role::Root, "web-1"));
        assert!(found[0].summary.contains("example.com/backup"));
    }

    #[test]
    fn a_pod_within_its_time_is_left_alone() {
        let found = findings_after(&RULE, "finalizer-holds-pod", |snapshot| {
            snapshot.taken_at -= SignedDuration::from_secs(25);
        });
        assert!(found.is_empty());
        assert!(findings(&RULE, "node-lost-pod-terminating").is_empty());
        assert!(findings(&RULE, "healthy-ordered").is_empty());
    }

    #[test]
    fn refused_pods_are_named() {
        assert_eq!(
            refused(&RULE, "finalizer-holds-pod", Resource::Pods)[0].resource,
            Resource::Pods
        );
    }
}
