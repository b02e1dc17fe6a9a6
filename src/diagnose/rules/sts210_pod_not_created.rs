//! The controller tries to create a pod and is refused.

use crate::diagnose::context::Context;
use crate::diagnose::finding::{Evidence, Finding, ObjectRef, Remedy, Role, Safety, Severity};
use crate::diagnose::messages::controller_pod;
use crate::diagnose::{Checked, Rule};
use crate::model::objects::Event;
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
        let about = |event: &&&Event| controller_pod(&event.message) == Some(row.name.as_str());
        // Events are newest first: a success after the failure makes it history.
        let newest = cx.linked.events(&set.uid).iter().find(about);
        let Some(event) = newest.filter(|event| event.reason == "FailedCreate") else {
            continue;
        };
        let words = event
            .message
            .split_once("error: ")
            .map_or(event.message.as_str(), |(_, words)| words);
        let object = ObjectRef::named("Pod", cx.namespace(), &row.name);
        let remedy = Remedy::new(
            "act on the server's words; the controller tries again by itself",
            Safety::ReadOnly,
        )
        .command(&["kubectl", "describe", "statefulset", &set.name, "-n", &set.namespace]);
        findings.push(
            Finding::new(
                Role::Root,
                Severity::Error,
                object,
                format!("cannot be created: {words}"),
            )
            .certain(false)
            .ordinals([row.ordinal])
            .since(event.first_seen())
            .evidence(Evidence::event(event))
            .remedy(remedy),
        );
    }
    Ok(findings.into())
}
