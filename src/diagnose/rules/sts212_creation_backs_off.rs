//! What refused a pod is gone, and the controller still waits before it tries again.

use jiff::{SignedDuration, Timestamp};

use crate::diagnose::context::Context;
use crate::diagnose::finding::{Evidence, Finding, ObjectRef, Remedy, Role, Safety, Severity};
use crate::diagnose::rules::sts211_quota_used_up::{Room, behind};
use crate::diagnose::{Checked, Rule};
use crate::model::objects::{Event, exceeded};

pub(super) const RULE: Rule = Rule {
    code: "STS212",
    name: "creation-backs-off",
    explain: "\
## What it means
A quota refused the set's pod. There is room again, but nobody tells the controller: it only tries again when its back-off
ends. After each failure it waits twice as long as before: 5 ms, 10 ms … up to 16 minutes 40 seconds.
## How it is detected
The newest event about the missing pod is FailedCreate with `exceeded quota`, and that quota now has room for it, or is gone.
The last try is when that event was last seen. The next one follows from how often it was seen: after n failures
5 ms x 2^(n-1). From 25 on events are dropped, and the longest delay is named.
## What to do
Nothing, or annotate the set: any change of it has the controller try at once.
## When it is fine
Until the time that is named.
## Source
`pkg/controller/statefulset/stateful_set.go`, `client-go/util/workqueue/default_rate_limiters.go`
",
    check,
};

const FIRST: SignedDuration = SignedDuration::from_millis(5);
const LONGEST: SignedDuration = SignedDuration::from_secs(1000);
/// Beyond this many a sender drops events about one object.
/// Source: `client-go/tools/record/events_cache.go` (defaultSpamBurst).
const COUNTED: i32 = 25;

fn check(cx: &Context<'_>) -> Checked {
    cx.need(&cx.linked.snapshot.pods)?;
    let set = &cx.set().metadata;
    let mut findings = Vec::new();
    for row in &cx.model.ordinals {
        let Some(event) = cx.refusal(row) else { continue };
        let (Some((object, Room::Some)), Some(excess)) = (behind(cx, event), exceeded(&event.message)) else {
            continue;
        };
        let times = tries(event).map_or(String::new(), |(last, next)| {
            format!(": last try {}, next by {}", clock(last), clock(next))
        });
        let summary = format!(
            "waits before it tries to create pod {} again, though quota {} has room{times}",
            row.name, excess.quota
        );
        let quota = ObjectRef::named("ResourceQuota", cx.namespace(), excess.quota);
        let found = cx.linked.snapshot.quotas.items.iter();
        let found = found
            .clone()
            .find(|known| known.metadata.name == excess.quota && known.metadata.namespace == *cx.namespace());
        let room = match found {
            Some(known) => {
                let of = |resource: &str| {
                    let used = known.status.used.get(resource).map_or("0", String::as_str);
                    let hard = known.status.hard.get(resource).map_or("any", String::as_str);
                    format!("{resource} {used} of {hard}")
                };
                let amounts: Vec<_> = excess.requested.iter().map(|(resource, _)| of(resource)).collect();
                Evidence::field(quota, "status.used", amounts.join(", "))
            }
            None => Evidence::search(quota, "no quota of this name"),
        };
        findings.push(
            Finding::new(Role::Root, Severity::Warning, object, summary)
                .certain(false)
                .ordinals([row.ordinal])
                .since(event.first_seen())
                .evidence(Evidence::event(event))
                .evidence(room)
                .remedy(remedy(&set.name, &set.namespace, cx.now())),
        );
    }
    Ok(findings.into())
}

/// The last try, and when the next one comes at the latest.
fn tries(event: &Event) -> Option<(Timestamp, Timestamp)> {
    let last = event.last_seen()?;
    let failures = event.times();
    let doubled = u32::try_from(failures - 1).ok().and_then(|n| 2_i32.checked_pow(n));
    let delay = match doubled {
        Some(factor) if failures < COUNTED => FIRST.checked_mul(factor)?.min(LONGEST),
        _ => LONGEST,
    };
    // Both times are shown as whole seconds, and the event's is cut off to one.
    let whole = SignedDuration::from_secs(delay.as_secs() + 2);
    Some((last, last.checked_add(whole).ok()?))
}

fn clock(at: Timestamp) -> String {
    at.strftime("%H:%M:%SZ").to_string()
}

/// The value differs each time: an annotation that does not change is no change.
fn remedy(set: &str, namespace: &str, now: Timestamp) -> Remedy {
    let nudge = format!("kubectl-sts/retry={now:.0}");
    Remedy::new(
        "nothing; or have the controller try at once by touching the set",
        Safety::Reversible,
    )
    .command(&[
        "kubectl",
        "annotate",
        "statefulset",
        set,
        "-n",
        namespace,
        "--overwrite",
        &nudge,
    ])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnose::testing::{findings, findings_after, recorded, refused};
    use crate::model::resource::Resource;

    #[test]
    fn last_and_next_try_are_said() {
        let found = findings(&RULE, "quota-lifted-controller-backs-off");
        assert_eq!(found.len(), 1);
        let cluster = recorded("quota-lifted-controller-backs-off");
        let event = cluster
            .events
            .items
            .iter()
            .find(|event| event.reason == "FailedCreate")
            .unwrap();
        let (last, next) = tries(event).unwrap();
        assert!(last <= cluster.taken_at && cluster.taken_at < next);
        assert!(
            found[0]
                .summary
                .ends_with(&format!("last try {}, next by {}", clock(last), clock(next)))
        );
    }

    #[test]
    fn a_delay_doubles_up_to_the_longest() {
        let delay = |count| {
            let event = Event {
                count: Some(count),
                last_timestamp: Some(Timestamp::UNIX_EPOCH),
                ..Event::default()
            };
            tries(&event).unwrap().1.duration_since(Timestamp::UNIX_EPOCH)
        };
        assert_eq!(delay(1), SignedDuration::from_secs(2));
        assert_eq!(delay(14), SignedDuration::from_secs(42));
        assert_eq!(delay(18), SignedDuration::from_secs(657));
        assert_eq!(delay(19), SignedDuration::from_secs(1002));
        assert_eq!(delay(25), delay(40));
    }

    #[test]
    fn a_quota_without_room_is_another_matter() {
        assert!(findings(&RULE, "quota-refuses-pod").is_empty());
        // The quota was removed: there is room as well.
        let removed = findings_after(&RULE, "quota-refuses-pod", |snapshot| snapshot.quotas.items.clear());
        assert_eq!(removed.len(), 1);
    }

    #[test]
    fn refused_pods_are_named() {
        let gaps = refused(&RULE, "quota-lifted-controller-backs-off", Resource::Pods);
        assert_eq!(gaps[0].resource, Resource::Pods);
    }
}
