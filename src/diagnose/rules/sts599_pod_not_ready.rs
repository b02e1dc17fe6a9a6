//! A pod is not Ready, and no other rule knows why: its waiting reason or the newest warning, word for word.

use jiff::SignedDuration;

use crate::diagnose::context::{Context, Suspect};
use crate::diagnose::finding::{Evidence, Finding, Remedy, Role, Safety, Severity};
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
        PodState::NotReady => match warning {
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
            let end = meta
                .deletion_timestamp
                .filter(|end| cx.now().duration_since(*end) > PATIENCE)?;
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
