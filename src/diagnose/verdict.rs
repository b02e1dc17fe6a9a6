//! The verdict: how the set's users feel it. Broken, waiting and unread are kept apart.

use jiff::Timestamp;
use serde::Serialize;

use super::context::Context;
use super::finding::{Certainty, Finding, Role, Severity};
use super::places::lost_its_node;
use crate::controller::{HeldBack, Op, WaitFact};
use crate::model::gap::Gap;
use crate::model::objects::{Claim, Object, Pod};
use crate::model::ordinal::parent_and_ordinal;
use crate::model::pod_state::{PodState, since};
use crate::model::resource::Resource;

/// The verdict on one set, best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// What was asked for is there and works, or is held on purpose.
    Healthy,
    /// The controller acts, or waits for something that ends by itself.
    Progressing,
    /// What was not read could overturn any other verdict.
    Unknown,
    /// Nothing is held back, yet something is broken or a danger stands armed.
    Degraded,
    /// Something that was asked for is held back and will not end by itself.
    Blocked,
}

impl Verdict {
    /// As JSON spells it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Progressing => "progressing",
            Self::Unknown => "unknown",
            Self::Degraded => "degraded",
            Self::Blocked => "blocked",
        }
    }
}

pub(super) struct Conclusion {
    pub verdict: Verdict,
    pub since: Option<Timestamp>,
    pub summary: String,
    pub held_back: Vec<&'static str>,
}

pub(super) fn unknown(gap: &Gap) -> Conclusion {
    Conclusion {
        verdict: Verdict::Unknown,
        since: None,
        summary: unread(gap),
        held_back: Vec::new(),
    }
}

/// The verdict from findings and the controller's decision. Gaps that could overturn it are added to `gaps`.
pub(super) fn conclude(cx: &Context<'_>, findings: &[Finding], gaps: &mut Vec<Gap>) -> Conclusion {
    let root = findings
        .iter()
        .find(|finding| finding.role == Role::Root && finding.severity == Severity::Error);
    let held_back = held_back(cx, root);
    if let Some(root) = root {
        // What a guess is about, and could not be read, could tell that it is over.
        if let Some(gap) = gaps
            .iter()
            .find(|gap| root.certainty == Certainty::Likely && is_about(gap, root))
        {
            return Conclusion {
                verdict: Verdict::Unknown,
                since: root.since,
                summary: format!("{}; {}", headline(root), unread(gap)),
                held_back,
            };
        }
        let verdict = if held_back.is_empty() {
            Verdict::Degraded
        } else {
            Verdict::Blocked
        };
        return Conclusion {
            verdict,
            since: root.since,
            summary: headline(root),
            held_back,
        };
    }
    let broken = findings
        .iter()
        .filter(|finding| finding.role != Role::Effect && finding.severity >= Severity::Warning);
    if let Some(broken) = broken.max_by_key(|finding| finding.severity) {
        return Conclusion {
            verdict: Verdict::Degraded,
            since: broken.since,
            summary: headline(broken),
            held_back,
        };
    }
    let decisive = decisive_gaps(cx);
    if let Some(gap) = decisive.first() {
        let conclusion = unknown(gap);
        gaps.extend(decisive);
        return conclusion;
    }
    let serves = cx.model.ordinals.iter().all(|row| row.pod.is_some_and(Pod::ready));
    let hiding = hiding(cx).filter(|_| !serves);
    let (verdict, since, summary) = match (progress(cx), hiding) {
        // "It ends by itself" is no fact where the reason why it does not could not be read.
        (Some((summary, since)), Some(gap)) => (Verdict::Unknown, since, format!("{summary}, and {}", unread(&gap))),
        (Some((summary, since)), None) => (Verdict::Progressing, since, summary),
        (None, Some(gap)) => (Verdict::Unknown, None, unread(&gap)),
        (None, None) if !serves => {
            let (ready, wanted) = (cx.model.ready(), cx.set().replicas());
            let summary = format!("{ready} of {wanted} pods are Ready, and nothing that was read says why");
            (Verdict::Unknown, None, summary)
        }
        (None, None) => (Verdict::Healthy, settled(cx), healthy(cx, findings)),
    };
    Conclusion {
        verdict,
        since,
        summary,
        held_back: Vec::new(),
    }
}

/// What was not read although it can say why a pod is not Ready. Names and addresses cannot.
fn hiding(cx: &Context<'_>) -> Option<Gap> {
    let snapshot = cx.linked.snapshot;
    let silent = [
        Resource::Services,
        Resource::EndpointSlices,
        Resource::ControllerRevisions,
    ];
    let never_asked = cx
        .need(&snapshot.events)
        .err()
        .or_else(|| cx.need(&snapshot.nodes).err());
    never_asked.or_else(|| cx.gaps().find(|gap| !silent.contains(&gap.resource)).cloned())
}

/// Whether what was not read is the object that a finding is about.
fn is_about(gap: &Gap, finding: &Finding) -> bool {
    let subject = &finding.subject;
    gap.resource.info().kind == subject.kind
        && gap.namespace == subject.namespace
        && gap.name.as_deref() == Some(&subject.name)
}

fn unread(gap: &Gap) -> String {
    format!("{} could not be read ({})", gap.what(), gap.why())
}

fn headline(finding: &Finding) -> String {
    format!("{}: {}", finding.subject.spoken(), finding.summary)
}

/// What is missing although a finding that rests on it would change a good verdict.
fn decisive_gaps(cx: &Context<'_>) -> Vec<Gap> {
    fn gap<T: Object>(cx: &Context<'_>, listing: &crate::model::listing::Listing<T>, matters: bool) -> Option<Gap> {
        cx.need(listing).err().filter(|_| matters)
    }
    let snapshot = cx.linked.snapshot;
    let spec = &cx.set().spec;
    [
        gap(cx, &snapshot.stateful_sets, true),
        gap(cx, &snapshot.claims, !spec.volume_claim_templates.is_empty()),
        gap(cx, &snapshot.services, !spec.service_name.is_empty()),
        gap(cx, &snapshot.nodes, cx.troubled().any(|(_, pod, _)| lost_its_node(pod))),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// What was asked for and does not happen. `start`: a pod exists, and cannot start.
fn held_back(cx: &Context<'_>, root: Option<&Finding>) -> Vec<&'static str> {
    let Some(root) = root else { return Vec::new() };
    if cx.unanswered().is_some() {
        return owed(cx);
    }
    let mut held: Vec<&'static str> = cx
        .held_back
        .iter()
        .map(|held| match held {
            HeldBack::Create(_) => "scale-up",
            HeldBack::ScaleDown(_) => "scale-down",
            HeldBack::Update(_) => "update",
        })
        .collect();
    let mut missing = cx.model.ordinals.iter().filter(|row| row.pod.is_none());
    let refused = missing.any(|row| cx.decision.error.is_some() || root.ordinals.contains(&row.ordinal));
    if refused && !held.contains(&"scale-up") {
        held.push("scale-up");
    }
    let cannot_start = |state: &PodState<'_>| {
        matches!(
            state,
            PodState::Unscheduled | PodState::ImagePull(..) | PodState::Waiting(..)
        )
    };
    if cx.troubled().any(|(_, _, state)| cannot_start(&state)) {
        held.push("start");
    }
    held
}

/// What the controller would do at once if it acted.
fn owed(cx: &Context<'_>) -> Vec<&'static str> {
    let condemned = |pod: &str| cx.model.condemned.iter().any(|row| row.name == pod);
    let deletes = |leaving: bool| cx.decision.names(Op::DeletePod).any(|pod| condemned(pod) == leaving);
    let owed = [
        (cx.decision.names(Op::CreatePod).next().is_some(), "scale-up"),
        (deletes(true), "scale-down"),
        (deletes(false), "update"),
    ];
    owed.into_iter().filter(|(is, _)| *is).map(|(_, what)| what).collect()
}

/// What is under way, when nothing is broken.
fn progress(cx: &Context<'_>) -> Option<(String, Option<Timestamp>)> {
    let set = cx.set();
    if set.metadata.terminating() {
        return Some(("the set is being deleted".to_owned(), set.metadata.deletion_asked()));
    }
    let acts = cx
        .decision
        .calls
        .iter()
        .find(|call| matches!(call.op, Op::CreatePod | Op::DeletePod | Op::CreateClaim));
    if let Some(call) = acts {
        let verb = if call.op == Op::DeletePod { "deletes" } else { "creates" };
        return Some((format!("the controller {verb} {}", call.name), None));
    }
    if set
        .status
        .observed_generation
        .is_none_or(|seen| seen < set.metadata.generation.unwrap_or(0))
    {
        return Some(("the controller has not seen the newest change yet".to_owned(), None));
    }
    if let Some((row, pod, state)) = cx.troubled().next() {
        let says = match state {
            PodState::Terminating => "is terminating",
            PodState::Ended => "ended and is about to be replaced",
            PodState::Unscheduled if cx.awaited_claims(row).next().is_some() => {
                "waits for its volume, which is being made"
            }
            PodState::Unscheduled => "is about to be scheduled",
            // Recovery of a large database takes long: nothing went wrong, and nobody can say that it will.
            PodState::Starting if runs(pod) => "runs and is not Ready yet, with 0 restarts",
            PodState::NotReady => "was Ready until a moment ago",
            _ => "is starting",
        };
        return Some((format!("{} {says}", row.name), since(pod)));
    }
    if let Some(wait) = cx
        .decision
        .waits_for
        .iter()
        .find(|wait| wait.fact != WaitFact::OnDelete)
    {
        let row = cx.model.rows().find(|row| row.name == wait.name);
        let pod = row.and_then(|row| row.pod);
        let says = match pod.is_some_and(|pod| pod.ready()) && set.spec.min_ready_seconds > 0 {
            true => format!("{} is Ready and must stay so for minReadySeconds", wait.name),
            false => format!("the controller waits for {}", wait.name),
        };
        return Some((says, pod.and_then(since)));
    }
    // Nobody knows why, but a set that lacks a pod is not well.
    let lacking = cx.model.ordinals.iter().find(|row| row.pod.is_none())?;
    Some((format!("{} is about to be created", lacking.name), None))
}

fn runs(pod: &Pod) -> bool {
    let mut main = pod.status.container_statuses.iter();
    pod.status.phase == "Running" && main.all(|container| container.state.running.is_some())
}

/// Since when all pods have been Ready.
fn settled(cx: &Context<'_>) -> Option<Timestamp> {
    cx.model
        .ordinals
        .iter()
        .filter_map(|row| row.pod)
        .filter_map(since)
        .max()
}

fn healthy(cx: &Context<'_>, findings: &[Finding]) -> String {
    // What is held on purpose is the one thing to say of a healthy set.
    if let Some(said) = findings.iter().find(|finding| finding.role == Role::Effect) {
        return said.summary.clone();
    }
    match cx.set().replicas() {
        0 => match cx.model.parked.as_slice() {
            [] => "scaled to zero".to_owned(),
            parked => format!("scaled to zero; its claims are kept: {}", claim_names(parked)),
        },
        1 => "its pod is Ready".to_owned(),
        wanted => format!("all {wanted} pods are Ready"),
    }
}

/// Claims by name; many as a range.
fn claim_names(claims: &[&Claim]) -> String {
    let mut names: Vec<_> = claims.iter().map(|claim| claim.metadata.name.as_str()).collect();
    names.sort_by_key(|name| (parent_and_ordinal(name).1, *name));
    match names.as_slice() {
        [first, .., last] if names.len() > 4 => format!("{} from {first} to {last}", names.len()),
        few => few.join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnose::SetReport;
    use crate::diagnose::diagnose;
    use crate::diagnose::testing::recorded;
    use crate::model::gap::GapReason;
    use crate::model::link::link;
    use crate::model::objects::OwnerReference;
    use crate::model::place::Place;
    use crate::model::resource::Resource;
    use crate::model::snapshot::Snapshot;

    fn report(scenario: &str, change: impl FnOnce(&mut Snapshot)) -> SetReport {
        let mut snapshot = recorded(scenario);
        change(&mut snapshot);
        let linked = link(&snapshot);
        diagnose(&linked, linked.sets().first().unwrap()).1
    }

    #[test]
    fn a_set_that_lacks_a_pod_is_not_healthy() {
        let lacks = |snapshot: &mut Snapshot| snapshot.pods.items.retain(|pod| pod.metadata.name != "web-2");
        let report = report("healthy-ordered", lacks);
        assert_eq!(report.verdict, Verdict::Progressing);
        assert_eq!(report.summary, "the controller creates web-2");
    }

    #[test]
    fn whether_an_unread_quota_still_refuses_is_unknown() {
        let report = report("quota-lifted-controller-backs-off", |snapshot| {
            let sink = snapshot.sink(Resource::ResourceQuotas, Place::Scope).unwrap();
            sink.clear();
            sink.gap(Gap::list(Resource::ResourceQuotas, None, GapReason::Forbidden));
        });
        assert_eq!(report.verdict, Verdict::Unknown);
        assert!(
            report.summary.ends_with("could not be read (cannot get: forbidden)"),
            "{}",
            report.summary
        );
    }

    #[test]
    fn a_pod_that_is_silently_not_created_is_waited_for() {
        let report = report("healthy-ordered", |snapshot| {
            snapshot.pods.items.retain(|pod| pod.metadata.name != "web-2");
            let set = &mut snapshot.stateful_sets.items[0];
            let policy = set
                .spec
                .persistent_volume_claim_retention_policy
                .get_or_insert_default();
            policy.when_scaled = "Delete".to_owned();
            let claim = snapshot
                .claims
                .items
                .iter_mut()
                .find(|claim| claim.metadata.name == "data-web-2");
            claim.unwrap().metadata.owner_references = vec![OwnerReference {
                api_version: "v1".to_owned(),
                kind: "Pod".to_owned(),
                name: "web-2".to_owned(),
                uid: "an earlier one".to_owned(),
                controller: true,
                block_owner_deletion: true,
            }];
        });
        assert_eq!(report.verdict, Verdict::Progressing);
        assert_eq!(report.summary, "the controller waits for data-web-2");
    }

    #[test]
    fn a_pod_whose_node_may_be_dead_is_not_one_that_starts() {
        let report = report("dead-node-three-sets", |snapshot| {
            let sink = snapshot.sink(Resource::Nodes, Place::Scope).unwrap();
            sink.clear();
            sink.gap(Gap::list(Resource::Nodes, None, GapReason::Forbidden));
        });
        assert_eq!(report.verdict, Verdict::Unknown);
        assert_eq!(report.summary, "nodes could not be read (forbidden)");
    }

    #[test]
    fn many_kept_claims_are_a_range() {
        let claims: Vec<Claim> = (0..12)
            .map(|ordinal| {
                let json = format!(r#"{{"metadata":{{"name":"data-web-{ordinal}"}}}}"#);
                serde_json::from_str(&json).unwrap()
            })
            .collect();
        let all: Vec<&Claim> = claims.iter().rev().collect();
        assert_eq!(claim_names(&all), "12 from data-web-0 to data-web-11");
        assert_eq!(claim_names(&all[10..]), "data-web-0, data-web-1");
    }
}
