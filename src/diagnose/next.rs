//! The controller's next action in words, from its decision.

use super::context::Context;
use crate::controller::{Decision, HeldBack, Op, Wait, WaitFact};
use crate::model::objects::Object;
use crate::model::pod_state::{PodState, pod_state};
use crate::model::set::SetModel;

/// What the controller does next, and why not more, as one fragment.
pub fn next(cx: &Context<'_>) -> String {
    if let Err(gap) = cx.need(&cx.linked.snapshot.pods) {
        return format!("unknown: {} could not be read ({})", gap.what(), gap.why());
    }
    if cx.unanswered().is_some() {
        return "nothing, as long as the controller does not see the newest change of the set".to_owned();
    }
    let doubts = match cx.doubts.as_slice() {
        [] => String::new(),
        doubts => format!(" (likely: {})", doubts.join("; ")),
    };
    expected(cx) + &doubts
}

/// What the model expects.
fn expected(cx: &Context<'_>) -> String {
    let decision = &cx.decision;
    if let Some(row) = cx.model.ordinals.iter().find(|row| cx.withdrawn(row)) {
        let crashes = row
            .pod
            .is_some_and(|pod| matches!(pod_state(pod, cx.now()), PodState::Crashing(..)));
        // Between two crashes it can be Ready for a moment.
        let ever = if crashes { "while it is not Ready" } else { "ever" };
        return format!(
            "nothing, {ever}: OrderedReady waits for {} before it replaces a pod (kubernetes#67250)",
            row.name
        );
    }
    let acts = actions(decision);
    if let Some(error) = &decision.error {
        let tries = if acts.is_empty() {
            String::new()
        } else {
            format!("{acts}; ")
        };
        return format!("{tries}fails and tries again with growing delays: {error}");
    }
    let refused = cx.model.ordinals.iter().filter(|row| cx.creates(&row.name));
    if let Some(event) = refused.filter_map(|row| cx.refusal(row)).next() {
        let times = event.times();
        return format!("{acts}, as it tried {times} times; the delays grow up to 16m40s");
    }
    if !acts.is_empty() {
        return acts;
    }
    match decision.waits_for.as_slice() {
        [] => idle(cx),
        [wait, ..] => waiting(cx, wait),
    }
}

fn actions(decision: &Decision) -> String {
    let verbs = [
        (Op::CreateClaim, "creates claim"),
        (Op::CreatePod, "creates pod"),
        (Op::DeletePod, "deletes pod"),
        (Op::UpdatePod, "updates pod"),
        (Op::UpdateClaim, "sets the owner of claim"),
    ];
    let said = verbs.iter().filter_map(|(op, verb)| {
        let names: Vec<_> = decision.names(*op).collect();
        (!names.is_empty()).then(|| format!("{verb} {}", names.join(", ")))
    });
    said.collect::<Vec<_>>().join("; ")
}

fn waiting(cx: &Context<'_>, wait: &Wait) -> String {
    let name = &wait.name;
    let then = match held(cx).as_str() {
        "" => String::new(),
        held => format!("; then {held}"),
    };
    match &wait.fact {
        WaitFact::SetDeleting => "nothing: the set is being deleted".to_owned(),
        WaitFact::TerminalPhase | WaitFact::Terminating | WaitFact::CondemnedTerminating => {
            format!("waits until {name} is gone{}{then}", grace_left(cx, name))
        }
        WaitFact::StaleClaim { .. } => format!("waits, in silence, until claim {name} of an earlier pod is gone{then}"),
        WaitFact::ClaimTerminating => format!("waits until claim {name}, which is being deleted, is gone{then}"),
        WaitFact::NotReady
        | WaitFact::Updating
        | WaitFact::CondemnedNotReady { .. }
        | WaitFact::NotAvailable { .. }
        | WaitFact::CondemnedNotAvailable { .. } => match ready_for(cx, name) {
            None => format!("waits until {name} is Ready{then}"),
            Some(ready) => {
                let wanted = i64::from(cx.set().spec.min_ready_seconds);
                let left = (wanted - ready).max(0);
                format!("waits {left}s until {name} has been Ready for minReadySeconds ({wanted}s){then}")
            }
        },
        WaitFact::UpdateRefused => format!("tries to update {name} in place, which the server refuses"),
        WaitFact::MaxUnavailable { unavailable, max } => {
            format!("waits until fewer than {max} pods are unavailable ({unavailable} are){then}")
        }
        WaitFact::OnDelete => {
            let old = crate::controller::outdated(&cx.input, &cx.decision);
            let (names, them) = (pod_names(&cx.model, &old), if old.len() == 1 { "it" } else { "them" });
            format!("nothing: OnDelete replaces {names} only after somebody deletes {them}")
        }
    }
}

/// For how many seconds a pod has been Ready, where it is and that is what counts.
fn ready_for(cx: &Context<'_>, pod: &str) -> Option<i64> {
    let pod = cx.model.rows().find(|row| row.name == pod)?.pod?;
    let since = pod
        .condition("Ready")
        .filter(|ready| ready.status == "True")?
        .last_transition_time?;
    (cx.set().spec.min_ready_seconds > 0).then(|| cx.now().duration_since(since).as_secs())
}

/// How much of its grace period a pod that is being deleted has left.
fn grace_left(cx: &Context<'_>, pod: &str) -> String {
    let row = cx.model.rows().find(|row| row.name == pod);
    let end = row.and_then(|row| row.pod?.metadata.deletion_timestamp);
    let left = end.map(|end| end.duration_since(cx.now()).as_secs());
    match left.filter(|left| *left > 0) {
        Some(left) => format!(", in {left}s at most"),
        None => String::new(),
    }
}

fn held(cx: &Context<'_>) -> String {
    let said = cx.held_back.iter().map(|held| {
        let names = pod_names(&cx.model, held.ordinals());
        match held {
            HeldBack::Create(_) => format!("creates {names}"),
            HeldBack::ScaleDown(_) => format!("removes {names}"),
            HeldBack::Update(_) => format!("updates {names}"),
        }
    });
    said.collect::<Vec<_>>().join(", ")
}

fn idle(cx: &Context<'_>) -> String {
    let set = cx.set();
    let below = i64::from(set.start()) + i64::from(set.partition());
    let old = crate::controller::outdated(&cx.input, &cx.decision);
    let held: Vec<i64> = old.into_iter().filter(|ordinal| *ordinal < below).collect();
    match held.as_slice() {
        [] => "nothing: all is as asked".to_owned(),
        held => format!(
            "nothing: partition {} holds {}",
            set.partition(),
            pod_names(&cx.model, held)
        ),
    }
}

/// Pods by name; many as a range.
pub fn pod_names(model: &SetModel<'_>, ordinals: &[i64]) -> String {
    let name = |ordinal: &i64| model.set.pod_name(*ordinal);
    match ordinals {
        [first, .., last] if ordinals.len() > 3 => format!("{} to {}", name(first), name(last)),
        [first, middle @ .., last] => {
            let before: Vec<_> = std::iter::once(first).chain(middle).map(name).collect();
            format!("{} and {}", before.join(", "), name(last))
        }
        [one] => name(one),
        [] => model.set.meta().name.clone(),
    }
}
