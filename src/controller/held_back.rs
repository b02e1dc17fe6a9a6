//! What a wait keeps from happening, and which pods are not on the revision they should be.

use serde::Serialize;

use super::sync::{Age, Slot, desired, slots};
use super::{Decision, Input, Op, Phase, WaitFact};
use crate::model::objects::Pod;

/// Work that the controller would do, by ordinals, if what it waits for were fine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase", tag = "action", content = "ordinals")]
pub enum HeldBack {
    /// Missing pods that are not created, and pods that ended or end and are not made anew.
    Create(Vec<i64>),
    /// Pods out of range that are not deleted.
    ScaleDown(Vec<i64>),
    /// Pods on another revision that are not replaced; the pod that is waited for may be among them.
    Update(Vec<i64>),
}

/// The revision that a pod made now for this index (ordinal minus `ordinals.start`) would get.
pub fn desired_revision<'d>(input: &Input, decision: &'d Decision, index: i64) -> &'d str {
    desired(input.set, index, &decision.current_revision, &decision.update_revision)
}

/// Ordinals in range whose pod exists and is on another revision than the update's, ascending. Those below the
/// partition are among them.
pub fn outdated(input: &Input, decision: &Decision) -> Vec<i64> {
    let (replicas, _) = slots(input, &decision.current_revision, &decision.update_revision);
    let old = replicas
        .iter()
        .filter(|slot| slot.pod.is_some() && slot.revision != decision.update_revision);
    old.map(|slot| slot.ordinal).collect()
}

/// Whether a pod has been Ready for `minReadySeconds`, as the controller counts it.
pub fn available(input: &Input, pod: &Pod) -> bool {
    Slot::of(pod).available(Age::of(input))
}

/// What the decision's waits hold back; empty when it waits for nothing, or when nothing is left to do.
pub fn held_back(input: &Input, decision: &Decision) -> Vec<HeldBack> {
    let set = input.set;
    let Some(phase) = decision.waits_for.iter().map(|wait| wait.phase).min() else {
        return Vec::new();
    };
    if phase == Phase::Deletion {
        return Vec::new();
    }
    // Under Parallel a wait concerns its own pod alone, unless the whole sync fails or it is the update that waits.
    let all = set.ordered() || decision.error.is_some();
    let (replicas, condemned) = slots(input, &decision.current_revision, &decision.update_revision);
    let done = |op, name: &str| decision.names(op).any(|touched| touched == name);
    let waits = |slot: &Slot, fact: fn(&WaitFact) -> bool| {
        decision
            .waits_for
            .iter()
            .any(|wait| wait.ordinal == Some(slot.ordinal) && fact(&wait.fact))
    };

    let create = replicas.iter().filter(|slot| {
        let ends = || waits(slot, |fact| matches!(fact, WaitFact::Terminating));
        let lacking = !slot.created() || slot.ended() || ends();
        let touched = || done(Op::CreatePod, &slot.name(set)) || done(Op::DeletePod, &slot.name(set));
        matches!(phase, Phase::Recreate | Phase::Replicas) && lacking && (all || waits(slot, |_| true)) && !touched()
    });
    let scale_down = condemned.iter().rev().filter(|slot| {
        phase <= Phase::Condemned && all && !slot.terminating() && !done(Op::DeletePod, &slot.name(set))
    });
    let partition = usize::try_from(set.partition()).unwrap_or(0);
    let updates = decision.waits_for.iter().any(|wait| wait.phase == Phase::RollingUpdate) || all;
    let wants_update = !set.on_delete() || phase == Phase::RollingUpdate;
    let update = replicas.iter().skip(partition).filter(|slot| {
        updates
            && wants_update
            && slot.created()
            && !slot.ended()
            && slot.revision != decision.update_revision
            && !slot.terminating()
            && !done(Op::DeletePod, &slot.name(set))
    });
    let found = [
        HeldBack::Create(create.map(|slot| slot.ordinal).collect()),
        HeldBack::ScaleDown(scale_down.map(|slot| slot.ordinal).collect()),
        HeldBack::Update(update.map(|slot| slot.ordinal).collect()),
    ];
    found.into_iter().filter(|held| !held.ordinals().is_empty()).collect()
}

impl HeldBack {
    /// The ordinals, ascending.
    pub fn ordinals(&self) -> &[i64] {
        match self {
            Self::Create(ordinals) | Self::ScaleDown(ordinals) | Self::Update(ordinals) => ordinals,
        }
    }
}
