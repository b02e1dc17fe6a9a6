//! What the controller would do next is held back by one pod: the effect that users see first.

use crate::controller::{HeldBack, ObjectKind};
use crate::diagnose::context::Context;
use crate::diagnose::finding::{Evidence, Finding, ObjectRef, Role, Severity};
use crate::diagnose::next::pod_names;
use crate::diagnose::{Checked, Rule};
use crate::model::pod_state::PodState;

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
    let Some(wait) = cx.decision.waits_for.first().filter(|_| !cx.held_back.is_empty()) else {
        return Ok(Vec::new().into());
    };
    let row = cx.troubled().find(|(row, ..)| Some(row.ordinal) == wait.ordinal);
    // What starts or goes by itself holds nothing back for long; the verdict says that it is under way.
    let passing = |state: &PodState<'_>| matches!(state, PodState::Starting | PodState::Terminating | PodState::Ended);
    let Some((row, pod, state)) = row.filter(|(_, _, state)| !passing(state)) else {
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

fn sentence(cx: &Context<'_>, held: &HeldBack) -> String {
    let names = pod_names(&cx.model, held.ordinals());
    match held {
        HeldBack::Create(_) => format!("{names} not created"),
        HeldBack::ScaleDown(_) => format!("{names} not removed"),
        HeldBack::Update(_) => format!("{names} not updated"),
    }
}
