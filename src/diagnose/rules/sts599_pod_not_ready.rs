//! A pod is not Ready, and no other rule knows why: its waiting reason or the newest warning, word for word.

use jiff::SignedDuration;

use crate::diagnose::context::{Context, Suspect};
use crate::diagnose::finding::{Evidence, Finding, Remedy, Role, Safety, Severity};
use crate::diagnose::lingering::{Lingering, lingering};
use crate::diagnose::{Checked, Rule};
use crate::model::objects::Event;
use crate::model::pod_state::{PodState, since};

pub(super) const RULE: Rule = Rule {
    code: "STS599",
    name: "pod-not-ready",
    explain: "\
## What it means
The pod has a node, is not Ready, and none of the causes that are known here fits.
## How it is detected
A container waits for an unknown reason, or was restarted and is not Ready, or is kept from starting by something that
the node warns about, or the pod should be gone a minute ago. What the API says is shown word for word; only likely.
## What to do
Read the words; look at the pod.
## When it is fine
While a volume is being attached, or a probe passes only now and then.
## Source
https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/
",
    check,
};

/// What lasts this much longer than its grace period does not end by itself; what starts may warn for as long.
const PATIENCE: SignedDuration = SignedDuration::from_secs(60);

fn check(cx: &Context<'_>) -> Checked {
    cx.need(&cx.linked.snapshot.pods)?;
    let findings = cx.suspects().into_iter().filter_map(|suspect| finding(cx, suspect));
    Ok(findings.collect::<Vec<_>>().into())
}

fn finding(cx: &Context<'_>, suspect: Suspect<'_>) -> Option<Finding> {
    let meta = &suspect.pod.metadata;
    let object = suspect.object();
    let warning = cx
        .linked
        .events(&meta.uid)
        .iter()
        .find(|event: &&&Event| event.kind == "Warning");
    let age = since(suspect.pod)
        .map(|at| cx.now().duration_since(at))
        .unwrap_or_default();
    let (summary, evidence) = match suspect.state {
        PodState::Waiting(container, waiting) => {
            let path = format!("status.containerStatuses[{}].state.waiting", container.name);
            let words = format!("{}: {}", waiting.reason, waiting.message);
            (
                format!("container {} waits: {words}", container.name),
                Evidence::field(object.clone(), &path, words),
            )
        }
        // Without a restart it is its readiness alone, of which another rule speaks.
        PodState::NotReady if suspect.pod.restarts() > 0 => match warning {
            Some(event) => (
                format!("restarted and not Ready: {}", event.message),
                Evidence::event(event),
            ),
            None => {
                let evidence = Evidence::field(
                    object.clone(),
                    "status.containerStatuses.restartCount",
                    suspect.pod.restarts(),
                );
                ("restarted and not Ready, and no event says why".to_owned(), evidence)
            }
        },
        PodState::Starting if age > PATIENCE && suspect.pod.containers().all(|c| c.state.running.is_none()) => {
            let event = warning?;
            (format!("does not start: {}", event.message), Evidence::event(event))
        }
        PodState::Terminating => {
            let unknown = lingering(cx, suspect.pod) == Some(Lingering::Unknown);
            let end = meta.deletion_timestamp.filter(|_| unknown)?;
            let evidence = Evidence::field(object.clone(), "metadata.deletionTimestamp", end.to_string());
            ("should be gone by now and is still terminating".to_owned(), evidence)
        }
        _ => return None,
    };
    let remedy = Remedy::new("look at the pod", Safety::ReadOnly).command(&[
        "kubectl",
        "describe",
        "pod",
        &meta.name,
        "-n",
        &meta.namespace,
    ]);
    Some(
        Finding::new(Role::Root, Severity::Error, object, summary)
            .certain(false)
            .ordinals(suspect.ordinals)
            .since(since(suspect.pod))
            .evidence(evidence)
            .remedy(remedy),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnose::finding::Certainty;
    use crate::diagnose::testing::{findings, findings_after, refused};
    use crate::model::resource::Resource;

    #[test]
    fn a_reason_that_nobody_knows_is_shown_word_for_word() {
        let found = findings(&RULE, "unknown-waiting-reason");
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].certainty, Certainty::Likely);
        assert_eq!(
            found[0].summary,
            "container app waits: CreateContainerConfigError: configmap \"settings\" not found"
        );
    }

    #[test]
    fn what_other_rules_know_is_left_to_them() {
        let known = [
            "crash-loop-oom",
            "reverted-image",
            "readiness-fails",
            "finalizer-holds-pod",
        ];
        for scenario in known
            .into_iter()
            .chain(["node-lost-pod-terminating", "healthy-ordered"])
        {
            assert!(findings(&RULE, scenario).is_empty(), "{scenario}");
        }
    }

    #[test]
    fn a_pod_that_should_be_gone_is_noticed_after_a_minute() {
        let overdue = |seconds: i64| {
            findings_after(&RULE, "finalizer-holds-pod", |snapshot| {
                let pod = snapshot
                    .pods
                    .items
                    .iter_mut()
                    .find(|pod| pod.metadata.terminating())
                    .unwrap();
                pod.metadata.finalizers.clear();
                pod.metadata.deletion_timestamp = Some(snapshot.taken_at - SignedDuration::from_secs(seconds));
            })
        };
        assert!(overdue(59).is_empty());
        assert!(overdue(61)[0].summary.contains("still terminating"));
    }

    #[test]
    fn refused_pods_are_named() {
        assert_eq!(
            refused(&RULE, "unknown-waiting-reason", Resource::Pods)[0].resource,
            Resource::Pods
        );
    }
}
