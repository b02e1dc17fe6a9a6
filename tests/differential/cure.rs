//! Puts right what a decision waits for, and nothing else.

use kubectl_sts::controller::{Call, Decision, HeldBack, Op, State, Wait, WaitFact, held_back, sync};
use kubectl_sts::model::ordinal::parent_and_ordinal;
use serde::Deserialize as _;
use serde_json::{Value, json};

/// What is wrong with a decision's waits, if anything: a cured fact must not be waited for again, and once nothing is
/// waited for at all, the controller must act on one of the pods that were held back.
pub fn complaint(state: &Value) -> Option<String> {
    let (before, held) = decide(state);
    if before.waits_for.is_empty() {
        return held.first().map(|held| format!("nothing holds back {held:?}"));
    }
    let mut cured = state.clone();
    for wait in &before.waits_for {
        cure(&mut cured, wait)?;
    }
    let (after, _) = decide(&cured);
    if let Some(again) = after.waits_for.iter().find(|wait| before.waits_for.contains(wait)) {
        return Some(format!("still waits: {again:?}"));
    }
    // A pod that was cured may be the next to go: while it was ending it was nothing to act on.
    let concerned = |ordinal| {
        let itself = before.waits_for.iter().any(|wait| wait.ordinal == Some(ordinal));
        itself || held.iter().any(|held| held.ordinals().contains(&ordinal))
    };
    // Under Parallel a failed pod that is also outdated is deleted twice, which uses up the update's turn.
    let twice = |call: &Call| after.calls.iter().filter(|other| *other == call).count() > 1;
    let touched = |call: &Call| {
        let pod = matches!(call.op, Op::CreatePod | Op::DeletePod);
        pod && (concerned(parent_and_ordinal(&call.name).1) || twice(call))
    };
    let free = after.waits_for.is_empty() && after.error.is_none();
    let acts = held.is_empty() || after.calls.iter().any(touched);
    (free && !acts).then(|| {
        format!(
            "{held:?} were not held back by {:?}: {:?}",
            before.waits_for, after.calls
        )
    })
}

pub fn decide(state: &Value) -> (Decision, Vec<HeldBack>) {
    let state = State::deserialize(state).unwrap();
    let input = state.input().unwrap();
    let decision = sync(&input);
    let held = held_back(&input, &decision);
    (decision, held)
}

/// `None` for what has no cure of its own: the strategy, a pod that this very sync made, one whose update is refused.
pub fn cure(state: &mut Value, wait: &Wait) -> Option<()> {
    match &wait.fact {
        WaitFact::OnDelete | WaitFact::UpdateRefused => return None,
        WaitFact::SetDeleting => drop(state["set"]["metadata"].as_object_mut()?.remove("deletionTimestamp")),
        WaitFact::StaleClaim { .. } => find(state, "claims", &wait.name)?["metadata"]["ownerReferences"] = json!([]),
        WaitFact::ClaimTerminating => {
            find(state, "claims", &wait.name)?["metadata"]
                .as_object_mut()?
                .remove("deletionTimestamp");
        }
        WaitFact::Terminating | WaitFact::TerminalPhase | WaitFact::CondemnedTerminating => {
            state["pods"]
                .as_array_mut()?
                .retain(|pod| pod["metadata"]["name"] != wait.name.as_str());
        }
        WaitFact::NotReady
        | WaitFact::NotAvailable { .. }
        | WaitFact::CondemnedNotReady { .. }
        | WaitFact::CondemnedNotAvailable { .. }
        | WaitFact::Updating
        | WaitFact::MaxUnavailable { .. } => {
            make_well(find(state, "pods", &wait.name)?)?;
        }
    }
    Some(())
}

/// Running, Ready for long, not being deleted.
pub fn make_well(pod: &mut Value) -> Option<()> {
    pod["metadata"].as_object_mut()?.remove("deletionTimestamp");
    pod["status"] = json!({"phase": "Running", "conditions":
        [{"type": "Ready", "status": "True", "lastTransitionTime": "2026-05-01T10:00:00Z"}]});
    Some(())
}

pub fn find<'a>(state: &'a mut Value, list: &str, name: &str) -> Option<&'a mut Value> {
    state[list]
        .as_array_mut()?
        .iter_mut()
        .find(|object| object["metadata"]["name"] == name)
}
