//! Compares the two answers to one state, and counts what the states exercised.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

use kubectl_sts::controller::{Decision, State, held_back, sync};
use kubectl_sts::model::objects::StatefulSetStatus;
use serde_json::Value;

/// What the model answers, and the policy that was asked about.
pub fn model(state: &Value) -> (Decision, bool) {
    let state: State = serde_json::from_str(&state.to_string()).unwrap();
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

/// Counts over many states.
#[derive(Default)]
pub struct Tally {
    pub states: usize,
    mismatches: Vec<Value>,
    /// What occurred, under OrderedReady and under Parallel, in how many states.
    seen: BTreeMap<String, [usize; 2]>,
}

const UNEXPLAINED: &str = "stop without a reason";

impl Tally {
    pub fn add(&mut self, state: &Value, theirs: &Value) {
        let (decision, ordered) = model(state);
        self.states += 1;
        if !agree(&decision, theirs) {
            self.mismatches.push(state.clone());
        }
        let mut facts: Vec<String> = Vec::new();
        facts.extend(
            decision
                .calls
                .iter()
                .map(|call| format!("call {}", serde_json::to_value(call.op).unwrap())),
        );
        facts.extend(
            decision
                .waits_for
                .iter()
                .map(|wait| format!("wait {}", wait.fact.name())),
        );
        facts.push(format!(
            "status {}",
            if decision.status.is_some() { "written" } else { "kept" }
        ));
        facts.push(
            if decision.error.is_some() {
                "sync failed"
            } else {
                "sync done"
            }
            .to_owned(),
        );
        facts.push(
            decision
                .stopped_in
                .map_or("ran to its end".into(), |phase| format!("stopped in {phase:?}")),
        );
        let quiet = decision.calls.iter().all(|call| call.name.contains("revision")) && decision.waits_for.is_empty();
        if ordered && quiet && decision.stopped_in.is_some() && decision.error.is_none() {
            facts.push(UNEXPLAINED.to_owned());
        }
        facts.sort();
        facts.dedup();
        for fact in facts {
            self.seen.entry(fact).or_default()[usize::from(!ordered)] += 1;
        }
    }

    pub fn merge(&mut self, other: Self) {
        self.states += other.states;
        self.mismatches.extend(other.mismatches);
        for (fact, counts) in other.seen {
            let mine = self.seen.entry(fact).or_default();
            mine[0] += counts[0];
            mine[1] += counts[1];
        }
    }

    pub fn smallest_mismatch(&self) -> Option<&Value> {
        self.mismatches.iter().min_by_key(|state| state.to_string().len())
    }

    pub fn unexplained(&self) -> usize {
        self.seen.get(UNEXPLAINED).map_or(0, |counts| counts[0])
    }

    pub fn report(&self, took: Duration, seed: usize) -> String {
        let speed = self.states as f64 / took.as_secs_f64();
        let mut text = format!(
            "{} states from seed {seed}, {speed:.0} states/s, {} mismatches\n{:<28} {:>12} {:>9}\n",
            self.states,
            self.mismatches.len(),
            "in so many states",
            "OrderedReady",
            "Parallel"
        );
        for (fact, [ordered, parallel]) in &self.seen {
            writeln!(text, "{:<28} {ordered:>12} {parallel:>9}", fact.replace('"', "")).unwrap();
        }
        text
    }
}
