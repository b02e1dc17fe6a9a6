//! Compares the two answers to one state.

use kubectl_sts::controller::{Decision, State, held_back, sync};
use kubectl_sts::model::objects::StatefulSetStatus;
use serde::Deserialize as _;
use serde_json::Value;

/// What the model answers, and the policy that was asked about.
pub fn model(state: &Value) -> (Decision, bool) {
    let state = State::deserialize(state).unwrap();
    let input = state.input().unwrap();
    let decision = sync(&input);
    let held = held_back(&input, &decision);
    assert!(
        held.is_empty() || !decision.waits_for.is_empty(),
        "held back by nothing: {held:?}"
    );
    (decision, state.set.ordered())
}

/// Whether the answers are the same: calls with their order, the status written, and whether the sync failed. The
/// oracle puts the calls of concurrent batches in order of ordinals, as the model makes them.
pub fn agree(decision: &Decision, theirs: &Value) -> bool {
    let failed = theirs["error"] != "";
    let status: Option<StatefulSetStatus> = serde_json::from_value(theirs["status"].clone()).unwrap();
    let ours = serde_json::to_value(&decision.calls).unwrap();
    theirs["calls"] == ours && failed == decision.error.is_some() && same(decision.status.as_ref(), status.as_ref())
}

fn same(ours: Option<&StatefulSetStatus>, theirs: Option<&StatefulSetStatus>) -> bool {
    let key = |s: &StatefulSetStatus| {
        let counts = [
            s.replicas,
            s.ready_replicas,
            s.available_replicas,
            s.current_replicas,
            s.updated_replicas,
        ];
        let generation = s.observed_generation.unwrap_or(0);
        (
            counts,
            generation,
            s.current_revision.clone(),
            s.update_revision.clone(),
            s.collision_count.unwrap_or(0),
        )
    };
    ours.map(key) == theirs.map(key)
}
