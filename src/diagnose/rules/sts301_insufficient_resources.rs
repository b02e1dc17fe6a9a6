//! No node has room for a pod.

use crate::diagnose::context::Context;
use crate::diagnose::finding::{Evidence, Finding, Remedy, Role, Safety, Severity};
use crate::diagnose::messages::{insufficient, scheduling_reasons};
use crate::diagnose::rules::sts304_waits_for_volume::waits_for_volume;
use crate::diagnose::{Checked, Rule};
use crate::model::objects::Pod;
use crate::model::pod_state::PodState;

pub(super) const RULE: Rule = Rule {
    code: "STS301",
    name: "insufficient-resources",
    explain: "\
## What it means
The scheduler found no node with enough of a resource that the pod requests. Requests count, not use.
## How it is detected
The pod's condition PodScheduled is False and its message names `Insufficient <resource>`; the pod waits for no volume.
## What to do
Lower the request, make room on a node, or add one. The scheduler goes on by itself. Under OrderedReady a changed template
does not reach a pod that is not Ready: the pod must be deleted for it.
## When it is fine
While an autoscaler is adding a node.
## Source
`pkg/scheduler/framework/plugins/noderesources/fit.go`
",
    check,
};

fn check(cx: &Context<'_>) -> Checked {
    cx.need(&cx.linked.snapshot.pods)?;
    let mut findings = Vec::new();
    for suspect in cx.suspects() {
        if !matches!(suspect.state, PodState::Unscheduled) || waits_for_volume(cx, suspect.pod) {
            continue;
        }
        let Some(condition) = suspect
            .pod
            .condition("PodScheduled")
            .filter(|condition| condition.status == "False")
        else {
            continue;
        };
        let reasons = scheduling_reasons(&condition.message);
        let lacking: Vec<_> = reasons.iter().filter_map(insufficient).collect();
        let Some(first) = lacking.first() else { continue };
        let nodes = reasons
            .iter()
            .filter(|reason| insufficient(reason).is_some())
            .filter_map(|reason| reason.nodes)
            .max();
        let object = suspect.object();
        let counted = nodes.map_or(String::new(), |nodes| format!(" ({nodes} looked at)"));
        let summary = format!(
            "no node has enough {}{counted}; it requests {}",
            lacking.join(" and "),
            requests(suspect.pod, first)
        );
        let remedy = Remedy::new(
            "make room on a node, add one, or lower the request; the scheduler then goes on by itself",
            Safety::ReadOnly,
        )
        .command(&["kubectl", "describe", "nodes"]);
        let mut finding = Finding::new(Role::Root, Severity::Error, object.clone(), summary)
            .ordinals(suspect.ordinals)
            .since(condition.last_transition_time)
            .evidence(Evidence::field(
                object,
                "status.conditions[PodScheduled].message",
                condition.message.as_str(),
            ))
            .remedy(remedy);
        let event = cx.events(&suspect.pod.metadata.uid, "FailedScheduling").next();
        finding.evidence.extend(event.map(Evidence::event));
        findings.push(finding);
    }
    Ok(findings.into())
}

/// What the pod's containers request of a resource, as written.
fn requests(pod: &Pod, resource: &str) -> String {
    let of = |container: &crate::model::objects::Container| {
        let amount = container.resources.get("requests")?.get(resource)?;
        Some(amount.as_str().map_or_else(|| amount.to_string(), str::to_owned))
    };
    let amounts: Vec<_> = pod.spec.containers.iter().filter_map(of).collect();
    if amounts.is_empty() {
        "some".to_owned()
    } else {
        amounts.join(" + ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnose::testing::{findings, findings_after, refused};
    use crate::model::resource::Resource;

    #[test]
    fn the_resource_and_the_request_are_named() {
        let found = findings(&RULE, "insufficient-cpu");
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].summary, "no node has enough cpu (3 looked at); it requests 3");
    }

    #[test]
    fn old_words_about_a_pod_that_runs_are_history() {
        for scenario in ["healthy-old-failed-scheduling", "healthy-ordered", "untolerated-taint"] {
            assert!(findings(&RULE, scenario).is_empty(), "{scenario}");
        }
    }

    #[test]
    fn one_reason_among_others_is_enough() {
        let found = findings_after(&RULE, "insufficient-cpu", |snapshot| {
            for pod in &mut snapshot.pods.items {
                for said in pod.status.conditions.iter_mut().filter(|said| said.status == "False") {
                    said.message =
                        "0/3 nodes are available: 1 node(s) had untolerated taint(s), 2 Insufficient memory."
                            .to_owned();
                }
            }
        });
        assert!(
            found[0].summary.starts_with("no node has enough memory (2 looked at)"),
            "{}",
            found[0].summary
        );
    }

    #[test]
    fn refused_pods_are_named() {
        assert_eq!(
            refused(&RULE, "insufficient-cpu", Resource::Pods)[0].resource,
            Resource::Pods
        );
    }
}
