//! The controller tries to create a pod and is refused.

use crate::diagnose::context::Context;
use crate::diagnose::finding::{Evidence, Finding, ObjectRef, Remedy, Role, Safety, Severity};
use crate::diagnose::rules::sts211_quota_used_up::{Room, behind};
use crate::diagnose::{Checked, Rule};
use crate::model::set::Ordinal;

pub(super) const RULE: Rule = Rule {
    code: "STS210",
    name: "pod-not-created",
    explain: "\
## What it means
The pod (or its claim) could not be created: the API server refused it, for instance for a quota, a webhook or a policy.
The controller tries again with growing delays, up to 16 minutes 40 seconds.
## How it is detected
The pod is missing, and the newest event of the set about it is FailedCreate, shown word for word.
## What to do
Act on the server's words. To have the controller try at once after that, annotate the set.
## When it is fine
When it is followed by a successful creation.
## Source
`pkg/controller/statefulset/stateful_pod_control.go`
",
    check,
};

fn check(cx: &Context<'_>) -> Checked {
    cx.need(&cx.linked.snapshot.pods)?;
    let set = &cx.set().metadata;
    let mut findings = Vec::new();
    let claims_stay = |row: &Ordinal<'_>| {
        let mut claims = row.claims.iter().filter_map(|slot| slot.claim);
        claims.all(|claim| !claim.metadata.terminating())
    };
    // A claim that is being deleted refuses its pod as well, and is told by another rule.
    let missing = cx
        .model
        .ordinals
        .iter()
        .filter(|row| row.pod.is_none() && claims_stay(row));
    for row in missing {
        let Some(event) = cx.refusal(row) else { continue };
        let words = event.message.split_once("error: ").map(|(_, words)| words);
        let object = ObjectRef::named("Pod", cx.namespace(), &row.name);
        let summary = format!("cannot be created: {}", words.unwrap_or(&event.message));
        let finding = Finding::new(Role::Root, Severity::Error, object, summary)
            .certain(false)
            .ordinals([row.ordinal])
            .since(event.first_seen())
            .evidence(Evidence::event(event));
        findings.push(match behind(cx, event) {
            Some((cause, room)) => Finding {
                role: Role::Effect,
                // What ends by itself is no error.
                severity: if matches!(room, Room::Some) {
                    Severity::Warning
                } else {
                    Severity::Error
                },
                because: Some(cause),
                ..finding
            },
            None => {
                let text = "act on the server's words; the controller tries again by itself";
                let describe = ["kubectl", "describe", "statefulset", &set.name, "-n", &set.namespace];
                finding.remedy(Remedy::new(text, Safety::ReadOnly).command(&describe))
            }
        });
    }
    Ok(findings.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnose::testing::{findings, findings_after, refused};
    use crate::model::resource::Resource;

    #[test]
    fn the_server_s_words_are_the_root() {
        let found = findings(&RULE, "policy-refuses-pod");
        assert_eq!(found.len(), 1);
        assert_eq!(
            (found[0].role, found[0].ordinals.as_slice()),
            (Role::Root, [0].as_slice())
        );
        assert!(
            found[0]
                .summary
                .starts_with("cannot be created: pods \"web-0\" is forbidden: violates PodSecurity")
        );
    }

    #[test]
    fn a_quota_behind_it_makes_it_an_effect() {
        let found = findings(&RULE, "quota-refuses-pod");
        assert_eq!(found[0].role, Role::Effect);
        assert_eq!(
            found[0].because,
            Some(ObjectRef::named("ResourceQuota", "shop", "compute"))
        );
    }

    #[test]
    fn a_success_after_the_failure_makes_it_history() {
        let found = findings_after(&RULE, "policy-refuses-pod", |snapshot| {
            let failed = snapshot
                .events
                .items
                .iter()
                .find(|event| event.reason == "FailedCreate");
            let mut later = failed.unwrap().clone();
            later.reason = "SuccessfulCreate".to_owned();
            later.message = "Create Pod web-0 in StatefulSet web successful".to_owned();
            later.last_timestamp = Some(snapshot.taken_at);
            later.first_timestamp = Some(snapshot.taken_at + jiff::SignedDuration::from_secs(1));
            snapshot.events.items.push(later);
        });
        assert!(found.is_empty());
        assert!(findings(&RULE, "healthy-ordered").is_empty());
    }

    #[test]
    fn refused_pods_are_named() {
        assert_eq!(
            refused(&RULE, "policy-refuses-pod", Resource::Pods)[0].resource,
            Resource::Pods
        );
    }
}
