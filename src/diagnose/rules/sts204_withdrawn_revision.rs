//! A pod is stuck on a revision that the template has left, and OrderedReady never replaces it: kubernetes#67250.

use crate::diagnose::context::Context;
use crate::diagnose::finding::{Evidence, Finding, ObjectRef, Remedy, Role, Safety, Severity};
use crate::diagnose::{Checked, Rule};
use crate::model::objects::Pod;
use crate::model::pod_state::{PodState, pod_state, since};
use crate::model::set::Ordinal;

pub(super) const RULE: Rule = Rule {
    code: "STS204",
    name: "withdrawn-revision",
    explain: "\
## What it means
A template that could not run was put right again, but the pod that was made from it stays. Under OrderedReady the
controller waits for every pod to be Ready before it replaces any, and it waits for this one too: for ever.
## How it is detected
The controller waits for this pod, the pod is on another revision than the one it would be made from now, and it fails
for a reason that its template made (image, crash, configuration, resources). An image that the wanted revision asks for
as well does not count: then the template is not cured.
## What to do
Delete this one pod. It comes back on the wanted revision, on the same claims; the update then goes on by itself.
If one of its claims is being deleted, stop: the data would go with the pod.
## When it is fine
Never; nothing but a deletion ends it.
## Source
https://github.com/kubernetes/kubernetes/issues/67250,
https://kubernetes.io/docs/concepts/workloads/controllers/statefulset/#forced-rollback
",
    check,
};

fn check(cx: &Context<'_>) -> Checked {
    cx.need(&cx.linked.snapshot.pods)?;
    let stuck = cx.model.ordinals.iter().filter(|row| cx.withdrawn(row));
    let findings = stuck.filter_map(|row| Some(finding(cx, row, row.pod?)));
    Ok(findings.collect::<Vec<_>>().into())
}

fn finding(cx: &Context<'_>, row: &Ordinal<'_>, pod: &Pod) -> Finding {
    let set = cx.set();
    let wanted = cx.desired_revision(row);
    let has_left = [&set.status.current_revision, &set.status.update_revision]
        .iter()
        .all(|known| *known != pod.revision());
    let standing = if has_left { "withdrawn" } else { "old" };
    let object = ObjectRef::of("Pod", &pod.metadata);
    let state = pod_state(pod, cx.now());
    let summary = format!(
        "is on the {standing} revision {} and {}; the controller {} (kubernetes#67250)",
        short(cx, pod.revision()),
        trouble(&state),
        match state {
            // Between two crashes it can be Ready for a moment, and is replaced in it.
            PodState::Crashing(..) => "does not replace it before it is Ready",
            _ => "will never replace it",
        }
    );
    let mut finding = Finding::new(Role::Root, Severity::Error, object.clone(), summary)
        .ordinals([row.ordinal])
        .since(since(pod))
        .evidence(Evidence::field(
            object.clone(),
            "metadata.labels[controller-revision-hash]",
            pod.revision(),
        ))
        .evidence(Evidence::field(
            ObjectRef::of("StatefulSet", &set.metadata),
            "status.updateRevision",
            set.status.update_revision.as_str(),
        ))
        .remedy(remedy(cx, row, wanted));
    if let PodState::ImagePull(container, waiting) | PodState::Waiting(container, waiting) = state {
        let path = format!("status.containerStatuses[{}].state.waiting", container.name);
        finding = finding.evidence(Evidence::field(
            object,
            &path,
            format!("{}: {}", waiting.reason, waiting.message),
        ));
    }
    finding
}

fn trouble(state: &PodState<'_>) -> String {
    match state {
        PodState::ImagePull(container, _) => format!("cannot pull {}", container.image),
        PodState::Crashing(container, _) => format!("its container {} crashes", container.name),
        PodState::Unscheduled => "fits on no node".to_owned(),
        state => format!("is {}", state.word()),
    }
}

/// The part of a revision's name that differs within a set.
fn short<'n>(cx: &Context<'_>, revision: &'n str) -> &'n str {
    let prefix = format!("{}-", cx.set().metadata.name);
    revision.strip_prefix(prefix.as_str()).unwrap_or(revision)
}

fn remedy(cx: &Context<'_>, row: &Ordinal<'_>, wanted: &str) -> Remedy {
    let claims = row.claims.iter().filter_map(|slot| slot.claim);
    if let Some(going) = claims.clone().find(|claim| claim.metadata.terminating()) {
        let claim = &going.metadata.name;
        return Remedy::new(
            format!("first make sure that the data of claim {claim} is safe: it goes with the pod"),
            Safety::ReadOnly,
        )
        .command(&["kubectl", "get", "pvc", claim, "-n", cx.namespace(), "-o", "yaml"])
        .avoid(format!(
            "deleting pod {} now: claim {claim} is being deleted and goes with it",
            row.name
        ));
    }
    let images = cx
        .model
        .revision(wanted)
        .map(|revision| revision.images())
        .unwrap_or_default();
    let images: Vec<_> = images.iter().map(|(_, image)| *image).collect();
    let on = match images.as_slice() {
        [] => short(cx, wanted).to_owned(),
        images => format!("{} ({})", short(cx, wanted), images.join(", ")),
    };
    let keeps = match row.claims.len() {
        0 => "",
        _ => ", on the same claims",
    };
    let stay = cx.model.ready();
    let wanted_pods = cx.set().replicas();
    let text = format!(
        "delete pod {}: it returns on {on}{keeps}; {stay} of {wanted_pods} stay Ready",
        row.name
    );
    let mut remedy = Remedy::new(text, Safety::Disruptive);
    // Its last words go with the pod, and they may say that its data is to blame.
    if let Some(PodState::Crashing(container, _)) = row.pod.map(|pod| pod_state(pod, cx.now())) {
        let place = ["-n", cx.namespace(), &row.name, "-c", &container.name];
        remedy = remedy.command(&[&["kubectl", "logs"], &place[..], &["-p", "--tail=40"]].concat());
    }
    remedy
        .command(&["kubectl", "delete", "pod", &row.name, "-n", cx.namespace()])
        .avoid("changing the template again: nothing moves before this pod is deleted")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnose::testing::{findings, findings_after, refused};
    use crate::model::resource::Resource;

    #[test]
    fn the_pod_that_never_goes_is_the_root() {
        for (scenario, pod) in [("reverted-image", "web-2"), ("reverted-image-start-3", "web-5")] {
            let found = findings(&RULE, scenario);
            assert_eq!(found.len(), 1, "{scenario}");
            assert_eq!(found[0].subject.name, pod);
            assert!(
                found[0].summary.starts_with("is on the withdrawn revision"),
                "{}",
                found[0].summary
            );
            let remedy = found[0].remedy.as_ref().unwrap();
            assert_eq!(remedy.commands[0][..4], ["kubectl", "delete", "pod", pod]);
        }
    }

    #[test]
    fn a_template_that_is_not_cured_is_not_this() {
        for scenario in ["image-pull-blocks-scale-up", "crash-loop-oom", "healthy-partition-held"] {
            assert!(findings(&RULE, scenario).is_empty(), "{scenario}");
        }
    }

    #[test]
    fn a_parallel_set_replaces_the_pod_by_itself() {
        let found = findings_after(&RULE, "reverted-image", |snapshot| {
            snapshot.stateful_sets.items[0].spec.pod_management_policy = "Parallel".to_owned();
        });
        assert!(found.is_empty());
    }

    #[test]
    fn refused_pods_are_named() {
        assert_eq!(
            refused(&RULE, "reverted-image", Resource::Pods)[0].resource,
            Resource::Pods
        );
    }
}
