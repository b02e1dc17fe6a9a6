//! A pod is not scheduled for a reason that no other rule knows: the scheduler's words.

use jiff::SignedDuration;

use crate::diagnose::context::Context;
use crate::diagnose::finding::{Evidence, Finding, Remedy, Role, Safety, Severity};
use crate::diagnose::messages::{insufficient, scheduling_reasons};
use crate::diagnose::rules::sts302_untolerated_taint::only_taints;
use crate::diagnose::rules::sts304_waits_for_volume::waits_for_volume;
use crate::diagnose::{Checked, Rule};
use crate::model::pod_state::PodState;

pub(super) const RULE: Rule = Rule {
    code: "STS399",
    name: "not-scheduled",
    explain: "\
## What it means
The pod has no node, and none of the causes that are known here fits.
## How it is detected
No node is set, no volume is awaited, and the scheduler's own message is shown word for word; the finding is only likely.
Without any message for 30 seconds the scheduler may not run, or may not be the one that the pod asks for.
## What to do
Read the scheduler's words: taints, affinity, spread, volumes in other zones.
## When it is fine
While an autoscaler is adding a node.
## Source
`pkg/scheduler/framework/types.go` (FitError)
",
    check,
};

/// A scheduler that runs says something within this time.
const PATIENCE: SignedDuration = SignedDuration::from_secs(30);

fn check(cx: &Context<'_>) -> Checked {
    cx.need(&cx.linked.snapshot.pods)?;
    let mut findings = Vec::new();
    for suspect in cx.suspects() {
        if !matches!(suspect.state, PodState::Unscheduled) || waits_for_volume(cx, suspect.pod) {
            continue;
        }
        let object = suspect.object();
        let created = suspect.pod.metadata.creation_timestamp;
        let (summary, since, evidence) = match suspect
            .pod
            .condition("PodScheduled")
            .filter(|said| said.status == "False")
        {
            Some(said) if only_taints(&said.message) || lacks_resources(&said.message) => continue,
            Some(said) => {
                let path = "status.conditions[PodScheduled].message";
                let evidence = Evidence::field(object.clone(), path, said.message.as_str());
                (
                    format!("not scheduled: {}", first_sentence(&said.message)),
                    said.last_transition_time,
                    evidence,
                )
            }
            None if created.is_some_and(|at| cx.now().duration_since(at) < PATIENCE) => continue,
            None => {
                let evidence = Evidence::search(object.clone(), "no condition PodScheduled");
                (
                    "not scheduled, and the scheduler says nothing about it".to_owned(),
                    created,
                    evidence,
                )
            }
        };
        let meta = &suspect.pod.metadata;
        let remedy = Remedy::new(
            "act on the scheduler's words; it tries again by itself",
            Safety::ReadOnly,
        )
        .command(&["kubectl", "describe", "pod", &meta.name, "-n", &meta.namespace]);
        findings.push(
            Finding::new(Role::Root, Severity::Error, object, summary)
                .certain(false)
                .ordinals(suspect.ordinals)
                .since(since)
                .evidence(evidence)
                .remedy(remedy),
        );
    }
    Ok(findings.into())
}

/// What comes after it is about devices and preemption.
fn first_sentence(message: &str) -> &str {
    message.split_once(". ").map_or(message, |(first, _)| first)
}

fn lacks_resources(message: &str) -> bool {
    let reasons = scheduling_reasons(message);
    reasons.iter().any(|reason| insufficient(reason).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnose::finding::Certainty;
    use crate::diagnose::testing::{findings, findings_after, refused};
    use crate::model::resource::Resource;

    #[test]
    fn the_scheduler_s_words_are_the_root() {
        let found = findings(&RULE, "node-selector-matches-nothing");
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].certainty, Certainty::Likely);
        assert!(found[0].summary.contains("didn't match Pod's node affinity/selector"));
    }

    #[test]
    fn what_other_rules_know_is_left_to_them() {
        for scenario in [
            "untolerated-taint",
            "insufficient-cpu",
            "provisioner-down",
            "healthy-ordered",
        ] {
            assert!(findings(&RULE, scenario).is_empty(), "{scenario}");
        }
    }

    #[test]
    fn a_scheduler_that_says_nothing_is_noticed_after_a_while() {
        let silent = |seconds: i64| {
            findings_after(&RULE, "node-selector-matches-nothing", |snapshot| {
                let pod = &mut snapshot.pods.items[0];
                pod.status.conditions.clear();
                pod.metadata.creation_timestamp = Some(snapshot.taken_at - SignedDuration::from_secs(seconds));
            })
        };
        assert!(silent(10).is_empty());
        assert!(silent(40)[0].summary.contains("the scheduler says nothing"));
    }

    #[test]
    fn refused_pods_are_named() {
        let gaps = refused(&RULE, "node-selector-matches-nothing", Resource::Pods);
        assert_eq!(gaps[0].resource, Resource::Pods);
    }
}
