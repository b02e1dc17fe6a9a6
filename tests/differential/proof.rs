//! Proves `waits_for` with the real controller.
//!
//! For a state in which the model says that the controller waits, three things are asked of the controller itself:
//!
//! 1. What is waited for holds it. When everything that would be waited for afterwards is cured beforehand, and what is
//!    waited for now is not, the controller does just what it did.
//!    What is done to the ordinals that were cured beforehand does not count.
//! 2. Nothing else is needed. When that is cured too, it does something else, where anything was held back.
//! 3. Nothing else helps. Curing any other single pod changes nothing. A pod that is being deleted is cured by being
//!    gone, which cannot be taken back: its own ordinal may then be made anew, and nothing else changes.
//!
//! "Does" are writes to pods and claims; the status counts a cured pod, and revisions follow the labels of pods. Left out
//! of 3 are pods of an ordinal that is waited for or written to in that sync (a failed pod that is well is not deleted),
//! and the pod that a wait for a condemned one names as `first`: either of the two frees the other. Under Parallel a wait
//! that ends no phase concerns its own ordinal, so only writes to that are compared. Waits without a cure are not
//! proved: OnDelete, an update that is refused, a pod that the very sync made.

use std::collections::{BTreeMap, BTreeSet};

use kubectl_sts::controller::{Decision, WaitFact};
use kubectl_sts::model::ordinal::parent_and_ordinal;
use serde_json::Value;

use crate::compare::{agree, model};
use crate::cure::{cure, decide, find, make_well};

/// More rounds of waiting than any state of a few pods can have.
const ROUNDS: usize = 40;

/// Waits that something can be held back by, and that can be cured.
pub const CURABLE: [&str; 11] = [
    "claimTerminating",
    "condemnedNotAvailable",
    "condemnedNotReady",
    "condemnedTerminating",
    "maxUnavailable",
    "notAvailable",
    "notReady",
    "staleClaim",
    "terminalPhase",
    "terminating",
    "updating",
];

/// What to ask of the controller about one state.
pub struct Proof {
    /// The state, all cured, all but the first cured, and then one other pod cured in each.
    pub states: Vec<Value>,
    /// Ordinals that do not count: where all but the first was cured, and then for each of the other pods.
    anew: Vec<BTreeSet<i64>>,
    facts: BTreeSet<&'static str>,
    concerned: BTreeSet<i64>,
    /// Whether all writes count, not only those to the ordinals concerned.
    whole: bool,
    /// Whether work was held back that a cure sets free.
    frees: bool,
}

/// How often what was shown.
#[derive(Default)]
pub struct Shown {
    pub waiting: usize,
    pub without_cure: usize,
    pub freed: BTreeMap<&'static str, usize>,
    pub other_pods: usize,
}

impl Shown {
    pub fn merge(&mut self, proof: &Proof) {
        self.other_pods += proof.states.len() - 3;
        for fact in proof.facts.iter().filter(|_| proof.frees) {
            *self.freed.entry(fact).or_default() += 1;
        }
    }
}

/// `None` when nothing is waited for (or nothing that has a cure, which is counted).
pub fn proof(state: &Value, shown: &mut Shown) -> Option<Proof> {
    let (before, held) = decide(state);
    if before.waits_for.is_empty() {
        return None;
    }
    shown.waiting += 1;
    let built = build(state, &before, !held.is_empty());
    shown.without_cure += usize::from(built.is_none());
    built
}

fn build(state: &Value, before: &Decision, held: bool) -> Option<Proof> {
    let mut named: BTreeSet<i64> = before.waits_for.iter().filter_map(|wait| wait.ordinal).collect();
    let firsts = before.waits_for.iter().filter_map(|wait| match &wait.fact {
        WaitFact::CondemnedNotReady { first } | WaitFact::CondemnedNotAvailable { first, .. } => first.as_deref(),
        _ => None,
    });
    named.extend(firsts.map(|pod| parent_and_ordinal(pod).1));

    let (mut cured, mut held_still) = (state.clone(), state.clone());
    let (mut decision, mut later) = (before.clone(), BTreeSet::new());
    for round in 0..ROUNDS {
        if decision.waits_for.is_empty() {
            break;
        }
        for wait in &decision.waits_for {
            cure(&mut cured, wait)?;
            if round > 0 && wait.ordinal.is_none_or(|ordinal| !named.contains(&ordinal)) {
                cure(&mut held_still, wait)?;
                later.extend(wait.ordinal);
            }
        }
        decision = decide(&cured).0;
    }
    let touched = before.calls.iter().map(|call| parent_and_ordinal(&call.name).1);
    let concerned: BTreeSet<i64> = named.iter().copied().chain(touched).collect();
    let mut states = vec![state.clone(), cured, held_still];
    let mut anew = vec![later];
    for pod in state["pods"].as_array()? {
        let name = pod["metadata"]["name"].as_str()?;
        let ordinal = parent_and_ordinal(name).1;
        let mut other = state.clone();
        let terminating = !pod["metadata"]["deletionTimestamp"].is_null();
        if terminating {
            other["pods"].as_array_mut()?.retain(|other| other != pod);
        } else {
            make_well(find(&mut other, "pods", name)?)?;
        }
        if !concerned.contains(&ordinal) && other != *state {
            states.push(other);
            anew.push(terminating.then_some(ordinal).into_iter().collect());
        }
    }
    let ends = before
        .waits_for
        .iter()
        .all(|wait| Some(wait.phase) == before.stopped_in);
    Some(Proof {
        states,
        anew,
        facts: before.waits_for.iter().map(|wait| wait.fact.name()).collect(),
        concerned: named,
        whole: ends,
        frees: held && decision.waits_for.is_empty() && decision.error.is_none(),
    })
}

impl Proof {
    /// What the controller's answers to the states refute, if anything.
    pub fn complaint(&self, answers: &[Value]) -> Option<String> {
        let [before, cured, held_still, others @ ..] = answers else {
            return Some("an answer for each state".to_owned());
        };
        let wrong = |at: usize, what: &str| Some(format!("{what}: {:?}\nstate: {}", self.facts, self.states[at]));
        for (at, answer) in answers.iter().enumerate() {
            if !agree(&model(&self.states[at]).0, answer) {
                return wrong(at, "model and controller differ");
            }
        }
        if !self.same(held_still, before, &self.anew[0]) {
            return wrong(2, "it does not hold the controller alone");
        }
        if self.frees && writes(cured, |_| true) == writes(before, |_| true) {
            return wrong(1, "curing it frees nothing");
        }
        let mut others = others.iter().zip(&self.anew[1..]);
        let helps = others.position(|(answer, anew)| !self.same(answer, before, anew));
        helps.and_then(|at| wrong(at + 3, "curing another pod changes what is done"))
    }

    fn same(&self, a: &Value, b: &Value, except: &BTreeSet<i64>) -> bool {
        let counts = |ordinal| (self.whole || self.concerned.contains(&ordinal)) && !except.contains(&ordinal);
        writes(a, counts) == writes(b, counts)
    }
}

/// Writes to pods and claims of some ordinals.
fn writes(answer: &Value, of: impl Fn(i64) -> bool) -> Vec<Value> {
    let calls = answer["calls"].as_array().into_iter().flatten();
    let counts = |call: &&Value| {
        let (op, name) = (
            call["op"].as_str().unwrap_or_default(),
            call["name"].as_str().unwrap_or_default(),
        );
        !op.ends_with("Revision") && of(parent_and_ordinal(name).1)
    };
    calls.filter(counts).cloned().collect()
}
