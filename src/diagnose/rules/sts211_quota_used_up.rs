//! A quota of the namespace refuses the set's next pod.

use crate::diagnose::context::Context;
use crate::diagnose::finding::{Evidence, Finding, ObjectRef, Remedy, Role, Safety, Severity};
use crate::diagnose::{Checked, Outcome, Rule};
use crate::model::gap::{Gap, GapReason};
use crate::model::objects::{Event, Exceeded, ResourceQuota, exceeded};
use crate::model::quantity::quantity;
use crate::model::resource::Resource;

pub(super) const RULE: Rule = Rule {
    code: "STS211",
    name: "quota-used-up",
    explain: "\
## What it means
A ResourceQuota of the namespace has no room for the set's next pod or claim. The API server refuses it, and with it, under
OrderedReady, every later one.
## How it is detected
The newest event about the missing pod is FailedCreate with `exceeded quota`; the quota is read, and what it allows less what
is used is below what was asked for. Where the quota could not be read the finding is only likely.
## What to do
Raise the quota, or free some of it. The controller tries again with growing delays, up to 16 minutes 40 seconds; any change
of the set, an annotation for instance, has it try at once.
## When it is fine
When the quota is meant to stop the set.
## Source
https://kubernetes.io/docs/concepts/policy/resource-quotas/
",
    check,
};

/// Whether the quota that refused a pod would take it now.
#[derive(Debug)]
pub(super) enum Room {
    /// It was raised, freed or removed since.
    Some,
    /// It would be refused again.
    None,
    /// The quota was not read.
    Unknown,
}

/// What is behind a refusal that names a quota: the quota, or the controller's own waiting once there is room again.
pub(super) fn behind(cx: &Context<'_>, event: &Event) -> Option<(ObjectRef, Room)> {
    let excess = exceeded(&event.message)?;
    let room = match find(cx, excess.quota) {
        Some(quota) if has_room(quota, &excess) => Room::Some,
        Some(_) => Room::None,
        None if gone(cx, excess.quota) => Room::Some,
        None => Room::Unknown,
    };
    let cause = match room {
        Room::Some => ObjectRef::of("StatefulSet", &cx.set().metadata),
        Room::None | Room::Unknown => ObjectRef::named("ResourceQuota", cx.namespace(), excess.quota),
    };
    Some((cause, room))
}

fn find<'a>(cx: &Context<'a>, name: &str) -> Option<&'a ResourceQuota> {
    let mut quotas = cx.linked.snapshot.quotas.items.iter();
    quotas.find(|quota| quota.metadata.namespace == cx.namespace() && quota.metadata.name == name)
}

fn gone(cx: &Context<'_>, name: &str) -> bool {
    let snapshot = cx.linked.snapshot;
    snapshot.confirmed_absent(Resource::ResourceQuotas, Some(cx.namespace()), name)
        || snapshot.quotas.complete().is_ok()
}

/// A quantity that cannot be read counts as no room: the refusal is the newest that is known.
fn has_room(quota: &ResourceQuota, excess: &Exceeded<'_>) -> bool {
    excess.requested.iter().all(|(resource, requested)| {
        let Some(hard) = quota.status.hard.get(*resource) else {
            return true;
        };
        let used = quota.status.used.get(*resource).map_or("0", String::as_str);
        match (quantity(hard), quantity(used), quantity(requested)) {
            (Some(hard), Some(used), Some(requested)) => used + requested <= hard,
            _ => false,
        }
    })
}

fn check(cx: &Context<'_>) -> Checked {
    cx.need(&cx.linked.snapshot.pods)?;
    let (mut findings, mut not_checked) = (Vec::new(), Vec::new());
    for row in &cx.model.ordinals {
        let Some(event) = cx.refusal(row) else { continue };
        let Some((object, room @ (Room::None | Room::Unknown))) = behind(cx, event) else {
            continue;
        };
        let Some(excess) = exceeded(&event.message) else {
            continue;
        };
        let asked: Vec<_> = excess
            .requested
            .iter()
            .map(|(resource, amount)| format!("{resource}={amount}"))
            .collect();
        let summary = format!("has no room for pod {}, which asks for {}", row.name, asked.join(", "));
        let mut finding = Finding::new(Role::Root, Severity::Error, object.clone(), summary)
            .certain(matches!(room, Room::None))
            .ordinals([row.ordinal])
            .since(event.first_seen());
        match find(cx, excess.quota) {
            Some(quota) => {
                for (resource, _) in &excess.requested {
                    let of = |amounts: &std::collections::BTreeMap<String, String>| amounts.get(*resource).cloned();
                    let used = format!(
                        "{} of {}",
                        of(&quota.status.used).unwrap_or_default(),
                        of(&quota.status.hard).unwrap_or_default()
                    );
                    finding = finding.evidence(Evidence::field(
                        object.clone(),
                        &format!("status.used[{resource}]"),
                        used,
                    ));
                }
            }
            None => not_checked.push(unread(cx, excess.quota)),
        }
        findings.push(
            finding
                .evidence(Evidence::event(event))
                .remedy(remedy(cx, excess.quota)),
        );
    }
    Ok(Outcome { findings, not_checked })
}

fn unread(cx: &Context<'_>, name: &str) -> Gap {
    let list = cx.linked.snapshot.quotas.gaps.first();
    let reason = list.map_or(GapReason::NotRequested, |gap| gap.reason.clone());
    Gap::one(Resource::ResourceQuotas, Some(cx.namespace()), name, reason)
}

fn remedy(cx: &Context<'_>, quota: &str) -> Remedy {
    let text = format!(
        "raise quota {quota} or free some of it, then have the controller try at once: any annotation on the set does"
    );
    Remedy::new(text, Safety::ReadOnly).command(&["kubectl", "describe", "resourcequota", quota, "-n", cx.namespace()])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnose::finding::Certainty;
    use crate::diagnose::testing::{findings, findings_after, refused};

    #[test]
    fn a_full_quota_is_the_root() {
        let found = findings(&RULE, "quota-refuses-pod");
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].summary, "has no room for pod web-2, which asks for pods=1");
        assert_eq!(found[0].certainty, Certainty::Certain);
        assert_eq!(found[0].evidence[0].value, "2 of 2");
    }

    #[test]
    fn a_quota_with_room_is_not_to_blame() {
        assert!(findings(&RULE, "quota-lifted-controller-backs-off").is_empty());
        assert!(findings(&RULE, "policy-refuses-pod").is_empty());
        // Gone altogether: the list was read, and it is not on it.
        assert!(findings_after(&RULE, "quota-refuses-pod", |snapshot| snapshot.quotas.items.clear()).is_empty());
    }

    #[test]
    fn a_quota_that_was_not_read_is_likely_and_named() {
        let gaps = refused(&RULE, "quota-refuses-pod", Resource::ResourceQuotas);
        assert_eq!(gaps[0].what(), "resourcequotas shop/compute");
        let found = findings_after(&RULE, "quota-refuses-pod", |snapshot| {
            snapshot.quotas = crate::model::listing::Listing::new(Resource::ResourceQuotas);
        });
        assert_eq!(found[0].certainty, Certainty::Likely);
    }
}
