//! One sync, a file a phase. Here: the order of the phases and what ends them.
//!
//! Source: `pkg/controller/statefulset/stateful_set_control.go` (UpdateStatefulSet and below). Reads go to the state
//! at the start of the sync, as the controller's go to its caches: what the sync itself creates or deletes is not seen
//! by it. Only the owners it writes to a claim are, because it retries on the conflict until its cache shows them.

mod claims;
mod condemned;
mod pod;
mod recreate;
mod replicas;
mod revisions;
mod rolling_update;
mod semantic;
mod status;
mod truncate;

pub use revisions::revision_hash;
pub(super) use revisions::{compares_revisions, patch};

use std::collections::HashMap;

use self::revisions::Resolved;
use super::{Call, Decision, Input, ObjectKind, Op, Phase, Wait, WaitFact};
use crate::model::objects::{OwnerReference, StatefulSet, StatefulSetStatus};

pub(super) use self::pod::{Age, Slot, desired, slots};

/// Whether a phase goes on after one pod. Under Parallel nothing but an error ends a phase.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Flow {
    Next,
    Stop,
}

/// A step's outcome; the error is the sync's.
type Step = Result<Flow, String>;

/// What a sync does with a set, given its revisions.
struct Run<'a> {
    input: &'a Input<'a>,
    set: &'a StatefulSet,
    current: &'a str,
    update: &'a str,
    age: Age,
    /// Owners that this sync wrote to claims.
    owners: HashMap<String, Vec<OwnerReference>>,
    calls: Vec<Call>,
    waits: Vec<Wait>,
}

/// Runs one sync: what the controller does with this state, and what it waits for.
pub fn sync(input: &Input) -> Decision {
    let listed = revisions::listed(input);
    let resolved = revisions::resolve(input, &listed);
    let mut run = Run::new(input, &resolved);
    run.calls.extend(resolved.call.clone());
    let (status, stopped_in, outcome) = run.reconcile(resolved.collisions);
    let (status, refused) = status.map_or((None, None), |status| status::write(input, status));
    truncate::history(&mut run, &listed);
    Decision {
        calls: run.calls,
        claim_owners: run.owners,
        status,
        error: outcome.err().or(refused),
        waits_for: run.waits,
        stopped_in,
        update_revision_is_new: resolved.is_new,
        current_revision: resolved.current,
        update_revision: resolved.update,
    }
}

impl<'a> Run<'a> {
    fn new(input: &'a Input<'a>, revisions: &'a Resolved) -> Self {
        Self {
            input,
            set: input.set,
            current: &revisions.current,
            update: &revisions.update,
            age: Age::of(input),
            owners: HashMap::new(),
            calls: Vec::new(),
            waits: Vec::new(),
        }
    }

    /// Source: `stateful_set_control.go` (updateStatefulSet).
    fn reconcile(&mut self, collisions: i32) -> (Option<StatefulSetStatus>, Option<Phase>, Result<(), String>) {
        if let Err(error) = self.known_strategy() {
            return (None, Some(Phase::Recreate), Err(error));
        }
        let claimed: Vec<_> = self.input.pods.iter().map(|pod| Slot::of(pod)).collect();
        let mut status = self.fresh_status(collisions, &claimed);
        if self.set.metadata.terminating() {
            self.wait_for_set(Phase::Deletion, WaitFact::SetDeleting);
            return (Some(status), Some(Phase::Deletion), Ok(()));
        }
        let (replicas, condemned) = slots(self.input, self.current, self.update);
        let phases = |run: &mut Self| -> Result<Option<Phase>, (Phase, String)> {
            let at = |phase| move |error| (phase, error);
            if run.recreate(replicas.iter().chain(&condemned)) == Flow::Stop {
                return Ok(Some(Phase::Recreate));
            }
            let mut order = [Phase::Replicas, Phase::Condemned];
            if run.input.profile.condemned_first && !run.set.ordered() {
                order.reverse();
            }
            for phase in order {
                let flow = match phase {
                    Phase::Replicas => run.replicas(&replicas),
                    _ => run.scale_down(&replicas, &condemned),
                };
                if flow.map_err(at(phase))? == Flow::Stop {
                    return Ok(Some(phase));
                }
            }
            Ok(None)
        };
        let ended = phases(self);
        // A pod that was created or deleted just now counts as it did before.
        self.count(&mut status, replicas.iter().chain(&condemned));
        match ended {
            Err((phase, error)) => (Some(status), Some(phase), Err(error)),
            Ok(Some(phase)) => (Some(status), Some(phase), Ok(())),
            Ok(None) => {
                let outcome = self.rolling_update(&replicas, &mut status);
                let stopped = matches!(outcome, Ok(Flow::Stop) | Err(_)).then_some(Phase::RollingUpdate);
                (Some(status), stopped, outcome.map(|_| ()))
            }
        }
    }

    /// Takes pods one after the other (OrderedReady), or in growing batches of which each runs whole (Parallel).
    /// Source: `stateful_set_control.go` (runForAll, slowStartBatch).
    fn for_all(&mut self, pods: &[Slot<'a>], step: impl Fn(&mut Self, &Slot<'a>) -> Step) -> Step {
        if self.set.ordered() {
            for pod in pods {
                if step(self, pod)? == Flow::Stop {
                    return Ok(Flow::Stop);
                }
            }
            return Ok(Flow::Next);
        }
        const MAX_BATCH: usize = 500;
        let (mut rest, mut size) = (pods, 1);
        while !rest.is_empty() {
            let (batch, later) = rest.split_at(size.min(rest.len()));
            let errors: Vec<_> = batch.iter().filter_map(|pod| step(self, pod).err()).collect();
            if !errors.is_empty() {
                return Err(aggregate(errors));
            }
            rest = later;
            size = (2 * size).min(MAX_BATCH);
        }
        Ok(Flow::Next)
    }

    fn call(&mut self, op: Op, name: impl Into<String>, revision: Option<&str>) {
        self.calls.push(Call {
            op,
            name: name.into(),
            revision: revision.filter(|text| !text.is_empty()).map(str::to_owned),
        });
    }

    fn wait(&mut self, kind: ObjectKind, name: String, ordinal: i64, phase: Phase, fact: WaitFact) {
        self.waits.push(Wait {
            kind,
            name,
            ordinal: Some(ordinal),
            phase,
            fact,
        });
    }

    fn wait_for_pod(&mut self, pod: &Slot, phase: Phase, fact: WaitFact) {
        self.wait(ObjectKind::Pod, pod.name(self.set), pod.ordinal, phase, fact);
    }

    fn wait_for_set(&mut self, phase: Phase, fact: WaitFact) {
        let name = self.set.metadata.name.clone();
        self.waits.push(Wait {
            kind: ObjectKind::StatefulSet,
            name,
            ordinal: None,
            phase,
            fact,
        });
    }
}

/// Several errors as one text, each once, as `utilerrors.NewAggregate` joins them.
fn aggregate(mut errors: Vec<String>) -> String {
    errors.dedup();
    match errors.as_slice() {
        [one] => one.clone(),
        many => format!("[{}]", many.join(", ")),
    }
}

#[cfg(test)]
mod tests;
