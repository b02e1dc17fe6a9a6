//! Counts what the states exercised, and says what they exercised too seldom.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

use kubectl_sts::controller::Decision;
use serde_json::Value;

use crate::compare::{agree, model};
use crate::versions::Version;

/// Counts over many states.
#[derive(Default)]
pub struct Tally {
    /// All states, under OrderedReady and under Parallel.
    states: [usize; 2],
    mismatches: Vec<Value>,
    /// What occurred in how many states.
    seen: BTreeMap<String, [usize; 2]>,
}

const UNEXPLAINED: &str = "stop without a reason";

/// What has to occur often enough under both policies.
const BOTH: [&str; 33] = [
    "call createClaim",
    "call createPod",
    "call createRevision",
    "call deletePod",
    "call deleteRevision",
    "call updateClaim",
    "call updatePod",
    "call updateRevision",
    "wait claimTerminating",
    "wait onDelete",
    "wait setDeleting",
    "wait staleClaim",
    "wait terminalPhase",
    "wait updateRefused",
    "given claim missing",
    "given claim of an earlier pod",
    "given claim terminating",
    "given gate for maxUnavailable",
    "given maxUnavailable in percent",
    "given partition beyond the range",
    "given pod Failed",
    "given pod Pending",
    "given pod Succeeded",
    "given pod Unknown",
    "given pod of no known revision",
    "given pod terminating",
    "given start above 0",
    "given unknown strategy",
    "given whenDeleted Delete",
    "given whenScaled Delete",
    "status kept",
    "status written",
    "sync failed",
];

/// Under OrderedReady the update is reached only when all pods are available, so that it never waits for one.
const ORDERED: [&str; 6] = [
    "wait condemnedNotAvailable",
    "wait condemnedNotReady",
    "wait condemnedTerminating",
    "wait notAvailable",
    "wait notReady",
    "wait terminating",
];

/// Under Parallel no pod waits for another before that.
const PARALLEL: [&str; 2] = ["wait maxUnavailable", "wait updating"];

/// Enough is this many states, or one in a hundred.
const ENOUGH: usize = 500;

impl Tally {
    pub fn add(&mut self, state: &Value, theirs: &Value) {
        let (decision, ordered) = model(state);
        let policy = usize::from(!ordered);
        self.states[policy] += 1;
        if !agree(&decision, theirs) {
            self.mismatches.push(state.clone());
        }
        let mut facts = outcome(&decision, ordered);
        facts.extend(given(state).into_iter().map(|fact| format!("given {fact}")));
        facts.sort();
        facts.dedup();
        for fact in facts {
            self.seen.entry(fact).or_default()[policy] += 1;
        }
    }

    pub fn merge(&mut self, other: Self) {
        self.mismatches.extend(other.mismatches);
        for policy in [0, 1] {
            self.states[policy] += other.states[policy];
        }
        for (fact, counts) in other.seen {
            let mine = self.seen.entry(fact).or_default();
            for policy in [0, 1] {
                mine[policy] += counts[policy];
            }
        }
    }

    pub fn states(&self) -> usize {
        self.states.iter().sum()
    }

    pub fn smallest_mismatch(&self) -> Option<&Value> {
        self.mismatches.iter().min_by_key(|state| state.to_string().len())
    }

    /// What is wrong with the states as a whole: something that hardly ever occurred, or a stop that nothing explains.
    pub fn complaints(&self) -> Vec<String> {
        let seen = |fact: &str| self.seen.get(fact).copied().unwrap_or_default();
        let policies = [("OrderedReady", &ORDERED[..]), ("Parallel", &PARALLEL[..])];
        let mut complaints = Vec::new();
        for (policy, (name, own)) in policies.into_iter().enumerate() {
            let wanted = ENOUGH.min(self.states[policy].div_ceil(100));
            for fact in BOTH.iter().chain(own) {
                let count = seen(fact)[policy];
                if count < wanted {
                    complaints.push(format!(
                        "{fact} under {name}: {count} states of {wanted} that are wanted"
                    ));
                }
            }
        }
        let [unexplained, _] = seen(UNEXPLAINED);
        if unexplained > 0 {
            complaints.push(format!(
                "{unexplained} syncs under OrderedReady stopped without acting, failing or waiting"
            ));
        }
        complaints
    }

    pub fn report(&self, version: Version, took: Duration, seed: usize) -> String {
        let speed = self.states() as f64 / took.as_secs_f64();
        let mut text = format!(
            "Kubernetes {}: {} states from seed {seed}, {speed:.0} states/s, {} mismatches\n{:<34} {:>12} {:>9}\n",
            version.full,
            self.states(),
            self.mismatches.len(),
            "in so many states",
            "OrderedReady",
            "Parallel"
        );
        for (fact, [ordered, parallel]) in &self.seen {
            writeln!(text, "{:<34} {ordered:>12} {parallel:>9}", fact.replace('"', "")).unwrap();
        }
        text
    }
}

/// What came out.
fn outcome(decision: &Decision, ordered: bool) -> Vec<String> {
    let mut facts: Vec<String> = Vec::new();
    let op = |op| serde_json::to_value(op).unwrap();
    facts.extend(
        decision
            .calls
            .iter()
            .map(|call| format!("call {}", op(call.op).as_str().unwrap())),
    );
    let waits = decision.waits_for.iter();
    facts.extend(waits.map(|wait| format!("wait {}", wait.fact.name())));
    let written = decision.status.is_some();
    facts.push(if written { "status written" } else { "status kept" }.to_owned());
    let failed = decision.error.is_some();
    facts.push(if failed { "sync failed" } else { "sync done" }.to_owned());
    facts.push(match decision.stopped_in {
        None => "ran to its end".to_owned(),
        Some(phase) => format!("stopped in {phase:?}"),
    });
    let quiet = decision.calls.iter().all(|call| call.name.contains("revision")) && decision.waits_for.is_empty();
    if ordered && quiet && decision.stopped_in.is_some() && !failed {
        facts.push(UNEXPLAINED.to_owned());
    }
    facts
}

/// What went in.
fn given(state: &Value) -> Vec<String> {
    let spec = &state["set"]["spec"];
    let list = |key: &str| state[key].as_array().map(Vec::as_slice).unwrap_or_default();
    let (pods, claims, revisions) = (list("pods"), list("claims"), list("revisions"));
    let mut facts = Vec::new();
    let mut fact = |holds: bool, name: &str| {
        if holds {
            facts.push(name.to_owned());
        }
    };
    for pod in pods {
        let phase = pod["status"]["phase"].as_str().unwrap();
        fact(!phase.is_empty(), &format!("pod {phase}"));
        fact(!pod["metadata"]["deletionTimestamp"].is_null(), "pod terminating");
        let label = &pod["metadata"]["labels"]["controller-revision-hash"];
        let known = revisions.iter().any(|revision| revision["metadata"]["name"] == *label);
        fact(!known, "pod of no known revision");
    }
    let replicas = spec["replicas"].as_u64().unwrap() as usize;
    let start = spec["ordinals"]["start"].as_u64().unwrap_or(0) as usize;
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    for template in spec["volumeClaimTemplates"].as_array().unwrap() {
        let (template, set) = (
            text(&template["metadata"]["name"]),
            text(&state["set"]["metadata"]["name"]),
        );
        let exists = |name: String| claims.iter().any(|claim| claim["metadata"]["name"] == name);
        let all = (start..start + replicas).all(|ordinal| exists(format!("{template}-{set}-{ordinal}")));
        fact(!all, "claim missing");
    }
    for claim in claims {
        let owners = claim["metadata"]["ownerReferences"].as_array();
        let earlier = owners.is_some_and(|owners| owners.iter().any(|owner| owner["uid"] == "old-pod-uid"));
        fact(earlier, "claim of an earlier pod");
        fact(!claim["metadata"]["deletionTimestamp"].is_null(), "claim terminating");
    }
    let rolling = &spec["updateStrategy"]["rollingUpdate"];
    let kind = spec["updateStrategy"]["type"].as_str().unwrap();
    fact(!["RollingUpdate", "OnDelete"].contains(&kind), "unknown strategy");
    fact(
        rolling["partition"].as_u64().is_some_and(|at| at as usize > replicas),
        "partition beyond the range",
    );
    fact(rolling["maxUnavailable"].is_string(), "maxUnavailable in percent");
    fact(
        state["featureGates"]["MaxUnavailableStatefulSet"] == true,
        "gate for maxUnavailable",
    );
    fact(start > 0, "start above 0");
    for when in ["whenDeleted", "whenScaled"] {
        let policy = &spec["persistentVolumeClaimRetentionPolicy"][when];
        fact(policy == "Delete", &format!("{when} Delete"));
    }
    facts
}
