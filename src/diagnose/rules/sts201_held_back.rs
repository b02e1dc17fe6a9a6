//! What the controller would do next is held back by one pod: the effect that users see first.

use crate::controller::{HeldBack, ObjectKind};
use crate::diagnose::context::Context;
use crate::diagnose::finding::{Evidence, Finding, ObjectRef, Role, Severity};
use crate::diagnose::lingering::lingering;
use crate::diagnose::next::pod_names;
use crate::diagnose::{Checked, Rule, readiness};
use crate::model::objects::Pod;
use crate::model::pod_state::PodState;
use crate::model::set::Ordinal;

pub(super) const RULE: Rule = Rule {
    code: "STS201",
    name: "held-back",
    explain: "\
## What it means
Under OrderedReady a set is built, shrunk and updated one pod at a time, and each pod must be Ready (for minReadySeconds)
before the next is touched. One pod that is not holds back everything that comes after it: the creation of higher
ordinals, then the scale-down, then the update, in this order.
## How it is detected
The controller's algorithm is run on what was read (see docs/architecture.md). It names the pod or claim that it waits
for; what would be done without it is listed.
## What to do
Repair what the chain names as its root. Nothing else moves the set, whatever is changed in its template.
## When it is fine
While that pod is starting.
## Source
https://kubernetes.io/docs/concepts/workloads/controllers/statefulset/#deployment-and-scaling-guarantees
",
    check,
};

fn check(cx: &Context<'_>) -> Checked {
    cx.need(&cx.linked.snapshot.pods)?;
    if let Some(finding) = behind_creation(cx) {
        return Ok(vec![finding].into());
    }
    let Some(wait) = cx.decision.waits_for.first().filter(|_| !cx.held_back.is_empty()) else {
        return Ok(Vec::new().into());
    };
    let row = cx.troubled().find(|(row, ..)| Some(row.ordinal) == wait.ordinal);
    // What starts or goes by itself holds nothing back for long; the verdict says that it is under way.
    let passing = |pod: &Pod, state: &PodState<'_>| match state {
        PodState::Starting => readiness::fault(cx, pod).is_none(),
        PodState::NotReady => pod.restarts() == 0 && readiness::fault(cx, pod).is_none(),
        PodState::Terminating => lingering(cx, pod).is_none(),
        PodState::Ended => true,
        _ => false,
    };
    let Some((row, pod, state)) = row.filter(|(_, pod, state)| cx.lost_node(pod).is_some() || !passing(pod, state))
    else {
        return Ok(Vec::new().into());
    };
    let waited_for = match wait.kind {
        ObjectKind::PersistentVolumeClaim => ObjectRef::named("PersistentVolumeClaim", cx.namespace(), &wait.name),
        ObjectKind::Pod | ObjectKind::StatefulSet => ObjectRef::of("Pod", &pod.metadata),
    };
    let held: Vec<_> = cx
        .held_back
        .iter()
        .filter(|held| held.ordinals() != [row.ordinal])
        .collect();
    if held.is_empty() {
        return Ok(Vec::new().into());
    }
    let says: Vec<_> = held.iter().map(|held| sentence(cx, held)).collect();
    let set = cx.set();
    let finding = Finding::new(
        Role::Effect,
        Severity::Error,
        ObjectRef::of("StatefulSet", &set.metadata),
        format!(
            "{}: the controller waits for {} first",
            says.join(", "),
            waited_for.spoken()
        ),
    )
    .ordinals(held.iter().flat_map(|held| held.ordinals()).copied())
    .because(waited_for.clone())
    .evidence(Evidence::field(
        ObjectRef::of("StatefulSet", &set.metadata),
        "spec.podManagementPolicy",
        set.spec.pod_management_policy.as_str(),
    ))
    .evidence(Evidence::field(waited_for, "status", state.word()));
    Ok(vec![finding].into())
}

/// A pod that cannot be made holds back those after it, without the controller waiting for anything: its sync fails.
fn behind_creation(cx: &Context<'_>) -> Option<Finding> {
    let missing = |row: &&Ordinal<'_>| row.pod.is_none();
    let fails = |row: &&Ordinal<'_>| cx.refusal(row).is_some() || row.foreign.is_some();
    let first = cx.model.ordinals.iter().find(missing).filter(fails)?;
    let after = cx.model.ordinals.iter().filter(missing).map(|row| row.ordinal);
    let after: Vec<i64> = after.filter(|ordinal| *ordinal > first.ordinal).collect();
    if after.is_empty() || !cx.set().ordered() {
        return None;
    }
    let set = ObjectRef::of("StatefulSet", &cx.set().metadata);
    let summary = format!(
        "{} not created: the controller must create pod {} first",
        pod_names(&cx.model, &after),
        first.name
    );
    let policy = cx.set().spec.pod_management_policy.as_str();
    let finding = Finding::new(Role::Effect, Severity::Error, set.clone(), summary)
        .ordinals(after)
        .because(ObjectRef::named("Pod", cx.namespace(), &first.name))
        .evidence(Evidence::field(set, "spec.podManagementPolicy", policy));
    Some(finding)
}

fn sentence(cx: &Context<'_>, held: &HeldBack) -> String {
    let names = pod_names(&cx.model, held.ordinals());
    match held {
        HeldBack::Create(_) => format!("{names} not created"),
        HeldBack::ScaleDown(_) => format!("{names} not removed"),
        HeldBack::Update(_) => format!("{names} not updated"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnose::testing::{findings, findings_after, refused};
    use crate::model::resource::Resource;

    #[test]
    fn all_three_kinds_of_work_are_named() {
        let summary = |scenario: &str| findings(&RULE, scenario)[0].summary.clone();
        assert_eq!(
            summary("image-pull-blocks-scale-up"),
            "web-2 and web-3 not created, web-0 not updated: the controller waits for pod web-1 first"
        );
        assert_eq!(
            summary("lower-ordinal-blocks-scale-down"),
            "web-2 not removed: the controller waits for pod web-0 first"
        );
    }

    #[test]
    fn a_pod_that_cannot_be_made_holds_back_those_after_it() {
        let found = findings(&RULE, "policy-refuses-pod");
        assert_eq!(
            found[0].summary,
            "web-1 and web-2 not created: the controller must create pod web-0 first"
        );
        assert_eq!(found[0].because, Some(ObjectRef::named("Pod", "shop", "web-0")));
        assert_eq!(findings(&RULE, "name-taken")[0].ordinals, [2]);
    }

    #[test]
    fn what_ends_by_itself_holds_nothing_back() {
        assert!(findings(&RULE, "healthy-ordered").is_empty());
        assert!(findings(&RULE, "healthy-partition-held").is_empty());
        // Readiness was lost a moment ago only.
        let moment = findings_after(&RULE, "readiness-fails", |snapshot| {
            snapshot.taken_at -= jiff::SignedDuration::from_secs(25);
            snapshot.stateful_sets.items[0].spec.replicas = Some(4);
        });
        assert!(moment.is_empty());
        let longer = findings_after(&RULE, "readiness-fails", |snapshot| {
            snapshot.stateful_sets.items[0].spec.replicas = Some(4);
        });
        assert_eq!(longer[0].ordinals, [3]);
    }

    #[test]
    fn a_pod_on_a_lost_node_does_not_start_by_itself() {
        let found = findings_after(&RULE, "dead-node-three-sets", |snapshot| {
            snapshot.stateful_sets.items[0].spec.replicas = Some(2);
        });
        assert_eq!(found[0].because, Some(ObjectRef::named("Pod", "shop", "cache-0")));
    }

    #[test]
    fn refused_pods_are_named() {
        assert_eq!(
            refused(&RULE, "crash-loop-oom", Resource::Pods)[0].resource,
            Resource::Pods
        );
    }
}
